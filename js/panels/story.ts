/** A story in the explorer: which note is read, its text, and the way through it; notes are written here, too. */
import { type Story, spoken, stepsText, storySpan } from "../core/story.ts";
import type { LazyPanel } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import style from "../styles/story.css";
import { h, setAttribute, setText } from "../views/dom.ts";
import type { Context } from "./panel.ts";
import { storyControls } from "./story_controls.ts";
import { noteEditing } from "./story_editing.ts";
import { Follower } from "./story_follow.ts";
import { Reader } from "./story_reader.ts";
import { storyText } from "./story_text.ts";

/** Shows the story that the trait `story` names, until it is closed. */
export function mount(outer: Context): LazyPanel {
  const { session } = outer;
  const life = new AbortController();
  const context = { ...outer, signal: AbortSignal.any([outer.signal, life.signal]) };
  const follower = new Follower(session, context.signal);
  const reader = new Reader(session, follower);
  const controls = storyControls(context, reader);
  const editing = noteEditing(context, reader);
  const texts = storyTexts(session, reader);
  const place = h("p", { class: "rlv-hint rlv-story-place" });
  const element = h(
    "section",
    { class: "rlv-story", "aria-label": "Story" },
    h("style", {}, style),
    controls.element,
    texts.element,
    h("div", { class: "rlv-story-line" }, place, h("span", { class: "rlv-spring" }), editing.buttons),
    editing.element,
    texts.live,
  );
  listenToNoteKeys(element, (direction) => reader.move(direction), context.signal);
  // The view that `rlv.Story` makes shows nothing that leads away from its story.
  setAttribute(element, "data-only", isOnly(session));
  return {
    element,
    close() {
      reader.stop();
      // A view that is going leaves the model as it is: others may show it, or nobody may be there to save it.
      if (!outer.signal.aborted) follower.close();
      life.abort();
    },
    draw(scene) {
      reader.stale = scene.stale;
      follower.show();
      const { story } = follower;
      texts.draw(scene, story);
      setText(place, placeText(scene, story, reader.index));
      controls.draw(scene, story);
      editing.draw(scene, story, reader.index);
    },
  };
}

interface Texts {
  element: HTMLElement;
  /** What is read out when the note changes. */
  live: HTMLElement;
  draw(scene: Scene, story: Story | undefined): void;
}

function storyTexts(session: Context["session"], reader: Reader): Texts {
  const element = h("div", { class: "rlv-story-texts" });
  const live = h("div", { class: "rlv-story-live", "aria-live": "polite" });
  const silence = h("div", { class: "rlv-story-text rlv-story-silence" });
  let built = "";
  let seen: unknown[] = [];
  let shown: HTMLElement[] = [];
  const build = (scene: Scene, story: Story | undefined) => {
    const { study, layerName, article } = scene;
    // Not at every refresh of the study: a name in the text may have the focus.
    const features = study.layers.map((layer) => [layer.name, layer.features]);
    const key = JSON.stringify([story, features, article !== null]);
    if (key === built) return;
    built = key;
    shown = (story?.notes ?? []).map(({ text, layer }) =>
      storyText(session, text, scene, layer ?? layerName),
    );
    element.replaceChildren(...shown, silence);
  };
  const announce = ({ study, layerName }: Scene, story: Story | undefined, index: number | null) => {
    const note = story?.notes[index ?? -1];
    if (!story || !note) return setText(live, "");
    const words = spoken(note.text, study.layers, note.layer ?? layerName);
    setText(live, `Note ${(index ?? 0) + 1} of ${story.notes.length}, ${stepsText(note)}. ${words}`);
  };
  return {
    element,
    live,
    draw(scene, story) {
      const { index } = reader;
      const hasNext = reader.neighbour(1) !== null;
      const inputs = [scene.study, story, index, scene.layerName, scene.article, hasNext];
      if (inputs.every((input, at) => input === seen[at])) return;
      seen = inputs;
      build(scene, story);
      for (const [at, text] of shown.entries()) setAttribute(text, "data-shown", at === index);
      setAttribute(silence, "data-shown", index === null);
      setText(silence, silenceText(story, hasNext));
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
