/** The form in which a note is written: its text with a preview, its steps, and what is shown meanwhile. */
import { outputLabel } from "../core/actions.ts";
import type { Note } from "../core/story.ts";
import type { Scene } from "../host/scene.ts";
import { h, setText } from "../views/dom.ts";
import type { Context } from "./panel.ts";
import {
  AUTOMATIC,
  type Choices,
  fill,
  focusIn,
  labelled,
  MODES,
  number,
  PANELS,
  select,
} from "./story_fields.ts";
import { storyText } from "./story_text.ts";

export interface NoteForm {
  element: HTMLFormElement;
  readonly isOpen: boolean;
  /** Shows `note` to be changed; `save` gets what it became, and keeps the form open by failing. */
  open(note: Note, title: string, save: (note: Note) => Promise<void>): void;
  close(): void;
  draw(scene: Scene): void;
}

export function noteForm({ session, signal }: Context): NoteForm {
  const text = h("textarea", { class: "rlv-story-input", rows: 4, tabindex: 0, "aria-label": "Text" });
  const preview = h("div", { class: "rlv-story-preview", "aria-label": "Preview", role: "group" });
  const insert = select("Insert a feature's name");
  const first = number("First step");
  const last = number("Last step");
  const brushed = h(
    "button",
    { class: "rlv-plain", title: "take the range brushed in the timeline" },
    "brushed",
  );
  const layer = select("Layer of the note");
  const output = select("Output of the note");
  const feature = select("Feature shown alone");
  const mode = select("Mode of the note");
  const panels = select("Panels of the note");
  const title = h("span", { class: "rlv-title" });
  const wrong = h("p", { class: "rlv-story-wrong", role: "alert" });
  const save = h("button", { class: "rlv-button", title: "Ctrl+Enter" }, "Save");
  const cancel = h("button", { class: "rlv-button", title: "Esc" }, "Cancel");
  const element = h(
    "form",
    { class: "rlv-story-form", "aria-label": "Note" },
    h("div", { class: "rlv-story-line" }, title, labelled("insert", insert)),
    h("div", { class: "rlv-story-pair" }, text, preview),
    h(
      "div",
      { class: "rlv-story-line" },
      h(
        "span",
        { class: "rlv-field" },
        h("span", { class: "rlv-label" }, "steps"),
        first,
        "–",
        last,
        brushed,
      ),
      labelled("layer", layer),
      labelled("output", output),
      labelled("feature", feature),
      labelled("mode", mode),
      labelled("panels", panels),
    ),
    wrong,
    h(
      "div",
      { class: "rlv-story-line" },
      save,
      cancel,
      h(
        "span",
        { class: "rlv-hint" },
        "**bold**; a feature's name in bold gets its colour; [feature 3] follows its name",
      ),
    ),
  );
  element.hidden = true;

  let scene: Scene | undefined;
  let draft: Note | undefined;
  let written: (note: Note) => Promise<void> = async () => {};
  let before: Element | null = null;
  let previewed = "";

  const read = (): Note | undefined => {
    if (!draft) return undefined;
    const perStep = output.value === "\n";
    return {
      ...draft,
      text: text.value,
      start: Number(first.value),
      stop: Number(last.value) + 1,
      layer: layer.value || null,
      outputs: perStep ? draft.outputs : [output.value],
      feature: feature.value === "" ? null : Number(feature.value),
      mode: mode.value as Note["mode"],
      combine: panels.value === "" ? null : panels.value === "1",
    };
  };
  const submit = async () => {
    const note = read();
    if (!note || save.disabled) return;
    save.disabled = true;
    setText(wrong, "");
    try {
      await written(note);
      close();
    } catch (error) {
      setText(wrong, error instanceof Error ? error.message : String(error));
    } finally {
      save.disabled = false;
    }
  };
  const close = () => {
    if (!draft) return;
    const held = element.contains(focusIn(element));
    draft = undefined;
    element.hidden = true;
    session.invalidate();
    if (held && before instanceof HTMLElement && before.isConnected) {
      // It was disabled while the form was open, and cannot take the focus before it is drawn again.
      const target = before;
      requestAnimationFrame(() => target.focus({ preventScroll: true }));
    }
  };
  const fillFeatures = () => {
    const features = scene?.study.layers.find(({ name }) => name === layer.value)?.features ?? [];
    const named: Choices = features.map(({ name }, index) => [String(index), name]);
    const kept = feature.value;
    fill(feature, [["", "all"], ...named, [String(features.length), "residual"]], kept);
    fill(insert, [["", "feature…"], ...named], "");
    previewed = "";
  };
  const fillAll = (note: Note, { study }: Scene) => {
    const layers: Choices = study.layers
      .filter(({ features, name }) => features.length > 0 || name === note.layer)
      .map(({ name }) => [name, name]);
    fill(layer, layers, note.layer ?? "");
    const offered: Choices = study.outputs.map(({ name }) => [name, outputLabel(study, name)]);
    const [only = "value"] = note.outputs;
    const outputs: Choices = note.outputs.length > 1 ? [["\n", "one for each step"]] : [];
    const known = [...outputs, ...offered, ...AUTOMATIC];
    if (note.outputs.length === 1 && !known.some(([name]) => name === only)) known.push([only, only]);
    fill(output, known, note.outputs.length > 1 ? "\n" : only);
    fillFeatures();
    feature.value = note.feature === null ? "" : String(note.feature);
    fill(mode, MODES, note.mode ?? "attribution");
    fill(panels, PANELS, note.combine === null ? "" : String(Number(note.combine)));
  };

  const listen = (target: HTMLElement, event: string, act: (event: Event) => void) =>
    target.addEventListener(event, act, { signal });
  listen(element, "submit", (event) => event.preventDefault());
  listen(save, "click", () => void submit());
  listen(cancel, "click", close);
  listen(layer, "change", fillFeatures);
  listen(text, "input", () => session.invalidate());
  listen(insert, "change", () => {
    if (insert.value !== "")
      text.setRangeText(`[feature ${insert.value}]`, text.selectionStart, text.selectionEnd, "end");
    insert.value = "";
    text.focus();
    session.invalidate();
  });
  listen(brushed, "click", () => {
    const [start, stop] = scene?.selectedRange ?? [];
    if (start === undefined || stop === undefined) return;
    first.value = String(start);
    last.value = String(stop - 1);
  });
  listen(element, "keydown", (event) => {
    const { key, ctrlKey, metaKey } = event as KeyboardEvent;
    event.stopPropagation(); // letters and arrows belong to what is written
    if (key === "Escape") close();
    else if (key === "Enter" && (ctrlKey || metaKey)) void submit();
    else return;
    event.preventDefault();
  });

  return {
    element,
    get isOpen() {
      return draft !== undefined;
    },
    open(note, name, saved) {
      if (!scene) return;
      before = focusIn(element);
      draft = note;
      written = saved;
      setText(title, name);
      setText(wrong, "");
      text.value = note.text;
      first.value = String(note.start);
      last.value = String(note.stop - 1);
      for (const input of [first, last]) input.max = String(scene.numSteps - 1);
      fillAll(note, scene);
      element.hidden = false;
      previewed = "";
      text.focus();
      session.invalidate();
    },
    close,
    draw(now) {
      scene = now;
      if (!draft) return;
      brushed.disabled = now.selectedRange.length === 0;
      const key = JSON.stringify([text.value, layer.value]);
      if (key === previewed) return;
      previewed = key;
      preview.replaceChildren(storyText(session, text.value, now, layer.value));
    },
  };
}
