/** The line above a story's text: which story, which note, and the way through them. */
import { type Story, stepsText } from "../core/story.ts";
import type { Scene } from "../host/scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON, PAUSE, PLAY } from "../views/icons.ts";
import type { Context } from "./panel.ts";
import type { Reader } from "./story_reader.ts";

export interface Controls {
  element: HTMLElement;
  draw(scene: Scene, story: Story | undefined): void;
}

const PACES = [
  { ms: 2000, text: "2 s a step" },
  { ms: 1000, text: "1 s a step" },
  { ms: 500, text: "½ s a step" },
  { ms: 250, text: "¼ s a step" },
];

export function storyControls({ session, signal }: Context, reader: Reader): Controls {
  const stories = h("select", { class: "rlv-select rlv-story-name", "aria-label": "Story" });
  const notes = h("select", { class: "rlv-select rlv-story-note", "aria-label": "Note" });
  const pace = h(
    "select",
    { class: "rlv-select", "aria-label": "Pace" },
    ...PACES.map(({ ms, text }) => h("option", { value: ms, selected: ms === reader.msPerStep }, text)),
  );
  const act = (element: HTMLElement, event: string, then: () => void) =>
    element.addEventListener(event, then, { signal });
  const button = (label: string, title: string, ...content: (Node | string)[]) =>
    h("button", { class: "rlv-button rlv-story-button", "aria-label": label, title }, ...content);
  const back = button("Previous note", "previous note (P)", icon(CHEVRON, 180), "previous");
  const next = button("Next note", "next note (N)", "next", icon(CHEVRON));
  const mark = h("span", {}, icon(PLAY));
  const word = h("span", {}, "play");
  const play = button("Play the story", "play the story from here", mark, word);
  const on = h(
    "button",
    { class: "rlv-toggle", "aria-pressed": "true", title: "Play on through all notes, or wait after each" },
    "go on",
  );
  const close = h(
    "button",
    { class: "rlv-icon rlv-story-close", "aria-label": "Close the story", title: "close" },
    "✕",
  );
  act(stories, "change", () => {
    session.set("note", null);
    session.set("story", stories.value);
  });
  act(notes, "change", () => reader.go(Number(notes.value)));
  act(back, "click", () => reader.move(-1));
  act(next, "click", () => reader.move(1));
  act(play, "click", () => reader.play());
  act(pace, "change", () => {
    reader.msPerStep = Number(pace.value);
  });
  act(on, "click", () => {
    reader.goesOn = !reader.goesOn;
    session.invalidate();
  });
  act(close, "click", () => {
    session.set("story", "");
    session.set("note", null);
  });
  let listed: unknown;
  let listedOf: Story | undefined;
  const list = (scene: Scene, story: Story | undefined) => {
    if (listed === scene.study.stories && listedOf === story) return;
    listed = scene.study.stories;
    listedOf = story;
    const names = scene.study.stories.map(({ name }) => name);
    const missing = story ? [] : [h("option", { value: "", disabled: true }, "choose a story")];
    stories.replaceChildren(...missing, ...names.map((name) => h("option", { value: name }, name)));
    const count = story?.notes.length ?? 0;
    notes.replaceChildren(
      h("option", { value: "", disabled: true, hidden: true }, count === 0 ? "no note" : `– of ${count}`),
      ...(story?.notes ?? []).map((note, index) =>
        h("option", { value: index }, `${index + 1} of ${count}: ${stepsText(note)}`),
      ),
    );
  };
  return {
    element: h(
      "div",
      { class: "rlv-story-line" },
      field("story", stories),
      field("note", notes),
      h("span", { class: "rlv-buttons", role: "group", "aria-label": "Reading" }, back, play, next),
      field("", pace),
      on,
      h("span", { class: "rlv-spring" }),
      close,
    ),
    draw(scene, story) {
      const { index: note, playing } = reader;
      list(scene, story);
      setAttribute(on, "aria-pressed", String(reader.goesOn));
      const [name, at] = [story?.name ?? "", note === null ? "" : String(note)];
      if (stories.value !== name) stories.value = name;
      if (notes.value !== at) notes.value = at;
      notes.disabled = !story || story.notes.length === 0;
      // Not `disabled`: that would take the focus from whoever pressed it last.
      setAttribute(back, "aria-disabled", String(reader.neighbour(-1) === null));
      setAttribute(next, "aria-disabled", String(reader.neighbour(1) === null));
      play.disabled = !story || story.notes.length === 0;
      if (play.dataset.playing !== String(playing)) {
        play.dataset.playing = String(playing);
        mark.replaceChildren(icon(playing ? PAUSE : PLAY));
        setText(word, playing ? "pause" : "play");
        setAttribute(play, "aria-label", playing ? "Pause the story" : "Play the story");
      }
    },
  };
}

const field = (label: string, control: HTMLElement): HTMLElement =>
  h(
    "label",
    { class: "rlv-field" },
    ...(label ? [h("span", { class: "rlv-label" }, label)] : []),
    control,
    icon(CHEVRON, 90),
  );
