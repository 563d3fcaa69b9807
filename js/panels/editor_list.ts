/** The edits in their order: each can be switched, weakened, put elsewhere in the list, and taken out. */
import { featureColour } from "../core/colours.ts";
import {
  hasWhere,
  isOn,
  movedEntry,
  type NetworkEdit,
  nameOf,
  STRONGEST,
  strengthOf,
  WEAKEST,
  type Where,
  withEntry,
  withoutEntry,
} from "../core/editor.ts";
import { layerNamed } from "../core/study.ts";
import type { Change } from "../host/editor_reply.ts";
import type { EditorScene } from "../host/editor_scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { focusedNear } from "../views/focus.ts";
import { CHEVRON, GRIP } from "../views/icons.ts";
import { button, enable, isEnabled, menu } from "./counterfactual_panel.ts";
import { dragRows } from "./editor_drag.ts";
import { type EditorContext, type EditorPanel, toEdits } from "./editor_panel.ts";
import { switchOf } from "./editor_strength.ts";

const PLACES: [Where, string][] = [
  ["next_kernel", "next kernel"],
  ["layer", "layer"],
];

export function editorList(context: EditorContext): EditorPanel {
  const { workbench, signal, say } = context;
  const act = (text: string, title: string, run: () => void) => {
    const label = text[0]?.toUpperCase() + text.slice(1);
    const one = button(text, { label, title }, () => isEnabled(one) && run(), signal);
    return one;
  };
  const undo = act("undo", "Ctrl+Z", () => workbench.travel(-1));
  const redo = act("redo", "Ctrl+Shift+Z", () => workbench.travel(1));
  const reset = act("reset", "the original agent", () => workbench.reset());
  const none = h(
    "p",
    { class: "rlv-hint" },
    "The original agent. Switch a feature on to take it out of the network.",
  );
  const list = h("ol", { class: "rlv-ed-list", "aria-label": "Edits, in their order", tabindex: -1 });
  const move = (from: number, to: number) => {
    const { edits } = workbench;
    if (from === to || to < 0 || to >= edits.length) return;
    workbench.change(movedEntry(edits, from, to));
    say(`Moved to place ${to + 1} of ${edits.length}`);
    held = to;
  };
  /** Number of the entry whose grip is to have the focus after the list is built anew. */
  let held: number | null = null;
  dragRows(list, move, signal);
  let rows: ReturnType<typeof rowOf>[] = [];
  let life = new AbortController();
  let built = "";
  signal.addEventListener("abort", () => life.abort(), { once: true });
  const build = ({ edits }: EditorScene) => {
    const key = JSON.stringify(edits.map(({ kind, layer, feature, name }) => [kind, layer, feature, name]));
    const had = list.contains(focusedNear(list));
    if (key !== built) {
      built = key;
      life.abort();
      life = new AbortController();
      rows = edits.map((edit, index) => rowOf(context, edit, index, life.signal));
      list.replaceChildren(...rows.map(({ element }) => element));
    } else if (held === null) return;
    if (held !== null) rows[held]?.grip.focus({ preventScroll: true });
    else if (had && edits.length === 0) undo.focus({ preventScroll: true });
    else if (had) toEdits(list);
    held = null;
  };
  return {
    element: h(
      "section",
      { class: "rlv-ed-edits", "aria-label": "Edits" },
      h(
        "div",
        { class: "rlv-caption" },
        h("span", { class: "rlv-title" }, "edits"),
        h("span", { class: "rlv-spring" }),
        h("span", { class: "rlv-buttons" }, undo, redo, reset),
      ),
      none,
      list,
    ),
    draw(scene) {
      build(scene);
      none.hidden = scene.edits.length > 0;
      list.hidden = scene.edits.length === 0;
      for (const [index, row] of rows.entries()) row.draw(scene, index);
      enable(undo, scene.canUndo && scene.canCompute);
      enable(redo, scene.canRedo && scene.canCompute);
      enable(reset, scene.edits.length > 0 && scene.canCompute);
    },
  };
}

function rowOf({ workbench, say }: EditorContext, first: NetworkEdit, index: number, signal: AbortSignal) {
  const change = (changes: Partial<NetworkEdit>) =>
    workbench.change(withEntry(workbench.edits, index, changes));
  const grip = h(
    "button",
    { class: "rlv-icon rlv-ed-grip", title: "drag, or ↑ ↓, to change the order" },
    icon(GRIP),
  );
  const own = switchOf(() => change({ enabled: !isOn(workbench.edits[index] ?? first) }), signal);
  const name = h("span", { class: "rlv-ed-entry-name" });
  const layer = h("span", { class: "rlv-hint" });
  const places = menu("", (where) => change({ where: where as Where }), signal);
  const where = h("label", { class: "rlv-field" }, places.element, icon(CHEVRON, 90));
  const strength = h("input", {
    class: "rlv-count",
    type: "number",
    min: WEAKEST,
    max: STRONGEST,
    step: 0.05,
  });
  strength.addEventListener(
    "change",
    () => {
      const value = Math.max(WEAKEST, Math.min(STRONGEST, Number(strength.value)));
      if (strength.value !== "" && Number.isFinite(value))
        change({ strength: Math.round(100 * value) / 100 });
      else workbench.invalidate();
    },
    { signal },
  );
  const effect = h("span", { class: "rlv-ed-effect" });
  const remove = button(
    "✕",
    { class: "rlv-icon", title: "take this edit out" },
    () => {
      say(`Taken out: ${name.textContent}`);
      workbench.change(withoutEntry(workbench.edits, index));
    },
    signal,
  );
  const what = [h("span", { class: "rlv-ed-dot" }), h("span", { class: "rlv-ed-what" }, name, layer)];
  const element = h(
    "li",
    { class: "rlv-ed-entry" },
    grip,
    own.element,
    ...what,
    where,
    strength,
    effect,
    remove,
  );
  return {
    element,
    grip,
    draw(scene: EditorScene, at: number) {
      const edit = scene.edits[at] ?? first;
      const called = nameOf(edit, scene.study);
      const disabled = !scene.canCompute;
      setText(name, called);
      setText(layer, edit.layer ?? "");
      setAttribute(element, "data-off", !isOn(edit));
      element.style.setProperty("--rlv-colour", colourOf(edit, scene));
      own.draw({ on: isOn(edit), name: called, disabled });
      where.hidden = !hasWhere(edit);
      places.draw(PLACES, edit.where ?? "next_kernel");
      setAttribute(places.element, "aria-label", `Where ${called} is projected out`);
      setAttribute(strength, "aria-label", `Strength of ${called}`);
      if (strength !== focusedNear(strength)) strength.value = String(strengthOf(edit));
      setAttribute(grip, "aria-label", `Order of ${called}: place ${at + 1} of ${scene.edits.length}`);
      setAttribute(remove, "aria-label", `Take out ${called}`);
      for (const control of [places.element, strength, remove, grip]) control.disabled = disabled;
      drawEffect(effect, scene.changes.get(at), scene.pending);
    },
  };
}

/** By how much the edit moved what it acts on, at most, on this frame. */
function drawEffect(element: HTMLElement, change: Change | undefined, pending: boolean): void {
  setAttribute(element, "data-stale", pending);
  if (!change) {
    setText(element, "");
    return;
  }
  const percent = 100 * change.relative;
  setText(element, percent > 0 && percent < 1 ? "<1 %" : `${Math.round(percent)} %`);
  setAttribute(
    element,
    "title",
    `${change.text}: changes what it acts on by up to ${change.max_change.toPrecision(3)}, ${percent.toFixed(1)} % of the largest there`,
  );
}

function colourOf(edit: NetworkEdit, { study }: EditorScene): string {
  if (edit.kind !== "feature") return "var(--rlv-muted)";
  return featureColour(layerNamed(study, edit.layer ?? "")?.features ?? [], edit.feature ?? 0);
}
