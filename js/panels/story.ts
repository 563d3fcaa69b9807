/** A story in the explorer: which note is read, its text, and the way through it; notes are written here, too. */
import { nextNote, readingMs, type Story, spoken, stepsText, storySpan } from "../core/story.ts";
import type { LazyPanel } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import style from "../styles/story.css";
import { h, setAttribute, setText } from "../views/dom.ts";
import type { Context } from "./panel.ts";
import { storyControls } from "./story_controls.ts";
import { noteEditing } from "./story_editing.ts";
import { Follower } from "./story_follow.ts";
import { Player } from "./story_player.ts";
import { storyText } from "./story_text.ts";

/** Shows the story that the trait `story` names, until it is closed. */
export function mount(outer: Context): LazyPanel {
  const { session } = outer;
  const life = new AbortController();
  const context = { ...outer, signal: AbortSignal.any([outer.signal, life.signal]) };
  const follower = new Follower(session, context.signal);
  let expected = -1;
  const player = new Player(() => turn(), session.invalidate);

  const current = () => session.model.get("note");
  const go = (index: number | null) => {
    if (index !== null) follower.go(index);
    expected = session.model.get("step");
  };
  const move = (direction: 1 | -1) => {
    player.stop();
    go(neighbour(direction));
  };
  const neighbour = (direction: 1 | -1): number | null => {
    const { story } = follower;
    const { model } = session;
    return story ? nextNote(story, model.get("trajectory"), model.get("step"), current(), direction) : null;
  };

  /** One step on; at the end of a note on to the next, or (null) it waits for the reader. */
  const turn = (): number | null => {
    const { note } = follower;
    if (session.model.get("step") !== expected || session.model.get("playing")) return null;
    if (stale) return 100;
    if (note && expected < note.stop - 1) {
      session.goTo(expected + 1);
      expected = session.model.get("step");
      return pause();
    }
    const next = controls.goesOn() ? neighbour(1) : null;
    if (next === null) return null;
    go(next);
    return pause();
  };
  /** A step's time; the last one of a note lasts until its text can have been read. */
  const pause = (): number => {
    const { note } = follower;
    const each = controls.msPerStep();
    if (!note || expected < note.stop - 1 || !controls.goesOn()) return each;
    return Math.max(each, readingMs(note.text) - each * (note.stop - note.start - 1));
  };
  const play = () => {
    if (player.playing) return player.stop();
    session.set("playing", false);
    const { note } = follower;
    const atEnd = !note || session.model.get("step") >= note.stop - 1;
    if (atEnd) go(neighbour(1) ?? (note && controls.goesOn() ? 0 : current()));
    if (atEnd && note && neighbour(1) === null && !controls.goesOn()) session.goTo(note.start);
    expected = session.model.get("step");
    player.start(pause());
  };

  const controls = storyControls(context, { choose: go, move, play });
  const texts = h("div", { class: "rlv-story-texts" });
  const place = h("p", { class: "rlv-hint rlv-story-place" });
  const live = h("div", { class: "rlv-story-live", "aria-live": "polite" });
  const editing = noteEditing(context, { stop: () => player.stop(), go });
  const element = h(
    "section",
    { class: "rlv-story", "aria-label": "Story" },
    h("style", {}, style),
    controls.element,
    texts,
    h("div", { class: "rlv-story-line" }, place, h("span", { class: "rlv-spring" }), editing.buttons),
    editing.element,
    live,
  );
  let stale = true;
  let built = "";
  let shown: HTMLElement[] = [];

  const build = (scene: Scene, story: Story | undefined) => {
    const features = scene.study.layers.map(({ name, features }) => [name, features]);
    const key = JSON.stringify([story, features]);
    if (key === built) return;
    built = key;
    shown = (story?.notes ?? []).map(({ text, layer }) =>
      storyText(session, text, scene.study.layers, layer ?? scene.layerName),
    );
    texts.replaceChildren(...shown, silence);
  };
  const silence = h("div", { class: "rlv-story-text rlv-story-silence" });

  const announce = (scene: Scene, story: Story | undefined, index: number | null) => {
    const note = story?.notes[index ?? -1];
    if (!story || !note) return setText(live, "");
    const words = spoken(note.text, scene.study.layers, note.layer ?? scene.layerName);
    setText(live, `Note ${(index ?? 0) + 1} of ${story.notes.length}, ${stepsText(note)}. ${words}`);
  };

  listenToNoteKeys(element, move, context.signal);
  // The view that `rlv.Story` makes shows nothing that leads away from its story.
  setAttribute(element, "data-only", isOnly(session));
  return {
    element,
    close() {
      player.stop();
      // A view that is going leaves the model as it is: others may show it, or nobody may be there to save it.
      if (!outer.signal.aborted) follower.close();
      life.abort();
    },
    draw(scene) {
      const { story } = follower;
      const index = current() ?? null;
      stale = scene.stale;
      follower.show();
      build(scene, story);
      for (const [at, text] of shown.entries()) setAttribute(text, "data-shown", at === index);
      setAttribute(silence, "data-shown", index === null);
      setText(silence, silenceText(story, neighbour(1) !== null));
      setText(place, placeText(scene, story, index));
      controls.draw(scene, story, index, {
        playing: player.playing,
        back: neighbour(-1) !== null,
        next: neighbour(1) !== null,
      });
      editing.draw(scene, story, index);
      announce(scene, story, index);
    },
  };
}

const isOnly = ({ model }: Context["session"]): boolean =>
  (model as { get(name: string): unknown }).get("_only") === true;

function silenceText(story: Story | undefined, hasNext: boolean): string {
  if (!story) return "This study holds no such story.";
  if (story.notes.length === 0) return "This story has no note yet. Go to a step and add one.";
  return hasNext ? "No note is about this step." : "No note is about this step; the story ends before it.";
}

/** "step 3 of 18 of the story · explains value at 2b". */
function placeText(scene: Scene, story: Story | undefined, index: number | null): string {
  const note = story?.notes[index ?? -1];
  const span = story && storySpan(story, scene.trajectory);
  if (!note || !span) return "";
  const parts = [
    `timestep ${scene.step - span.start + 1} of ${span.stop - span.start}`,
    stepsText(note),
    `explains ${scene.row.label} at ${scene.layerName}`,
  ];
  if (scene.row.attribution === "absent") parts.push("not computed here");
  return parts.join("  ·  ");
}

/** N and P, wherever in the view the focus is; what is written into is left alone. */
function listenToNoteKeys(
  element: HTMLElement,
  move: (direction: 1 | -1) => void,
  signal: AbortSignal,
): void {
  const listen = () => {
    const root = element.closest<HTMLElement>(".rlv-explorer");
    root?.addEventListener(
      "keydown",
      (event) => {
        const direction = ({ n: 1, p: -1 } as const)[event.key.toLowerCase() as "n" | "p"];
        const { target } = event;
        const writes =
          target instanceof HTMLTextAreaElement ||
          target instanceof HTMLSelectElement ||
          (target instanceof HTMLInputElement && target.type !== "range");
        if (!direction || writes || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        move(direction);
      },
      { signal, capture: true },
    );
  };
  // The element is put into its view after it is made.
  queueMicrotask(listen);
}
