/** Writing a story: notes are added at the step shown, changed, and deleted, which can be undone. */
import { type Note, type Story, stepsText } from "../core/story.ts";
import type { Params } from "../core/wants.ts";
import type { Scene } from "../host/scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import type { Context } from "./panel.ts";
import { noteForm } from "./story_form.ts";
import type { Reader } from "./story_reader.ts";

export interface Editing {
  /** The form and, after a deletion, the way back. */
  element: HTMLElement;
  buttons: HTMLElement;
  draw(scene: Scene, story: Story | undefined, note: number | null): void;
}

export const NEEDS_KERNEL = "needs a kernel: open the notebook";

/** A note as the requests `add_note` and `edit_note` take it. */
const params = (note: Note): Params => ({
  trajectory: note.trajectory,
  start: note.start,
  stop: note.stop,
  text: note.text,
  layer: note.layer ?? "",
  output: note.outputs.join("\n"),
  feature: note.feature ?? -1,
  mode: note.mode ?? "",
  combine: note.combine === null ? -1 : Number(note.combine),
});

/** A note that says what is shown now, about the brushed steps or else the one shown. */
export function noteHere(scene: Scene): Note {
  const [start = scene.step, stop = scene.step + 1] = scene.selectedRange;
  return {
    trajectory: scene.trajectory,
    start,
    stop,
    text: "",
    layer: scene.layerName || null,
    outputs: [scene.output],
    feature: scene.pinned,
    mode: scene.mode,
    combine: null,
  };
}

export function noteEditing(context: Context, reader: Reader): Editing {
  const { session, signal } = context;
  const button = (label: string, title: string, act: () => void) => {
    const element = h("button", { class: "rlv-button" }, label);
    element.dataset.title = title;
    element.addEventListener("click", act, { signal });
    return element;
  };
  let scene: Scene | undefined;
  let story: Story | undefined;
  let index: number | null = null;
  let removed: { story: string; position: number; note: Note } | null = null;

  const ask = async (method: string, asked: Params): Promise<Record<string, unknown>> => {
    const [result] = await session.request(method, asked);
    return result;
  };
  const add = () => scene && story && open(null, noteHere(scene));
  const edit = () => {
    const note = story?.notes[index ?? -1];
    if (note && index !== null) open(index, note);
  };
  const open = (at: number | null, note: Note) => {
    const name = story?.name ?? "";
    reader.stop();
    forget();
    form.open(note, at === null ? "new note" : `note ${at + 1}`, async (written) => {
      const which: Params = at === null ? { position: -1 } : { note: at };
      const reply = await ask(at === null ? "add_note" : "edit_note", {
        story: name,
        ...which,
        ...params(written),
      });
      reader.go(Number(reply.note));
    });
  };
  const remove = async () => {
    const note = story?.notes[index ?? -1];
    if (!story || !note || index === null) return;
    reader.stop();
    const gone = { story: story.name, position: index, note };
    try {
      await ask("remove_note", { story: gone.story, note: index });
      removed = gone;
      setText(deleted, `Note ${gone.position + 1} (${stepsText(note)}) is deleted.`);
    } catch (error) {
      setText(deleted, `The note could not be deleted: ${error instanceof Error ? error.message : error}`);
    }
    undo.hidden = removed === null;
    line.hidden = false;
    (removed ? undo : addHere).focus();
    session.invalidate();
  };
  const bringBack = async () => {
    if (!removed) return;
    const { position, note } = removed;
    try {
      const reply = await ask("add_note", { story: removed.story, position, ...params(note) });
      forget();
      reader.go(Number(reply.note));
      change.focus();
    } catch (error) {
      setText(deleted, `It could not be brought back: ${error instanceof Error ? error.message : error}`);
    }
  };
  const forget = () => {
    removed = null;
    line.hidden = true;
  };

  const form = noteForm(context);
  const addHere = button("add note here", "write a note about the brushed steps, or else this one", add);
  const change = button("edit", "change this note", edit);
  const drop = button("delete", "delete this note; this can be undone", () => void remove());
  const deleted = h("span", {});
  const undo = h("button", { class: "rlv-button" }, "Undo");
  undo.addEventListener("click", () => void bringBack(), { signal });
  const dismiss = h("button", { class: "rlv-icon", "aria-label": "Dismiss" }, "✕");
  dismiss.addEventListener("click", forget, { signal });
  const line = h("div", { class: "rlv-notice", role: "status" }, deleted, undo, dismiss);
  line.hidden = true;
  return {
    element: h("div", { class: "rlv-story-editing" }, line, form.element),
    buttons: h("span", { class: "rlv-buttons rlv-story-actions" }, addHere, change, drop),
    draw(now, chosen, note) {
      scene = now;
      if (story?.name !== chosen?.name) {
        forget();
        form.close();
      }
      story = chosen;
      index = note;
      const { offline } = session;
      for (const [element, possible] of [
        [addHere, story !== undefined],
        [change, note !== null],
        [drop, note !== null],
      ] as const) {
        element.disabled = offline || !possible || form.isOpen;
        setAttribute(element, "title", offline ? NEEDS_KERNEL : (element.dataset.title ?? ""));
      }
      form.draw(now);
      if (session.errand !== "add a note" || !story) return;
      session.errand = "";
      if (!offline && !form.isOpen) add();
    },
  };
}
