/** What was done to the frame, as a list: each entry can be taken out; undo, redo and reset. */
import { arrow } from "../core/actions.ts";
import { type Entry, entries } from "../core/counterfactual.ts";
import { runs } from "../core/counterfactual_hand.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { focusedNear } from "../views/focus.ts";
import {
  button,
  type CounterfactualContext,
  type CounterfactualPanel,
  enable,
  isEnabled,
} from "./counterfactual_panel.ts";

export function counterfactualEdits(context: CounterfactualContext): CounterfactualPanel {
  const { imagination, signal, say } = context;
  const list = h("ul", { class: "rlv-edits", "aria-label": "Edits" });
  const none = h(
    "p",
    { class: "rlv-hint" },
    "Nothing is changed. Click an object, drag it, or put something in.",
  );
  const act = (text: string, label: string, keys: string, run: () => void) => {
    const one = button(
      text,
      { label, title: `${label.toLowerCase()} (${keys})` },
      () => isEnabled(one) && run(),
      signal,
    );
    return one;
  };
  const undo = act("undo", "Undo", "Ctrl+Z", () => imagination.travel(-1));
  const redo = act("redo", "Redo", "Ctrl+Shift+Z", () => imagination.travel(1));
  const reset = act("reset", "Reset", "back to the recorded frame", () => imagination.reset());
  const element = h(
    "section",
    { class: "rlv-changes", "aria-label": "Changes" },
    h(
      "div",
      { class: "rlv-caption" },
      h("span", { class: "rlv-title" }, "changes"),
      h("span", { class: "rlv-spring" }),
      h("span", { class: "rlv-buttons" }, undo, redo, reset),
    ),
    none,
    list,
  );
  let built = "";
  const chip = ({ index, count }: Entry, text: string) => {
    const remove = button(
      "✕",
      { class: "rlv-icon", label: `Take out: ${text}`, title: "take this change out" },
      () => {
        if (!isEnabled(remove)) return;
        imagination.drop(index, count);
        say(`Taken out: ${text}`);
      },
      signal,
    );
    enable(remove, imagination.canCompute);
    return h("li", { class: "rlv-edit-chip" }, h("span", {}, text), remove);
  };
  const arrange = (scene: CounterfactualScene) => {
    const shown = entries(scene.world.edits);
    const texts = shown.map((entry) => textOf(scene, entry));
    const key = JSON.stringify([texts, scene.canCompute]);
    if (key === built) return;
    built = key;
    const held = list.contains(focusedNear(list));
    list.replaceChildren(...shown.map((entry, number) => chip(entry, texts[number] ?? "")));
    if (held) (list.querySelector<HTMLElement>("button") ?? undo).focus({ preventScroll: true });
  };
  return {
    element,
    draw(scene) {
      arrange(scene);
      const { edits, actions } = scene.world;
      none.hidden = edits.length > 0;
      list.hidden = edits.length === 0;
      setAttribute(list, "data-pending", scene.pending);
      enable(undo, scene.canUndo);
      enable(redo, scene.canRedo);
      enable(reset, scene.canCompute && edits.length + actions.length > 0);
      setText(undo, "undo");
    },
  };
}

/** In Python's words once they are here; until then in short. */
function textOf(
  { world, imagined, pending, study }: CounterfactualScene,
  { index, count, plays }: Entry,
): string {
  if (plays) {
    const pressed = world.edits.slice(index, index + count).map((edit) => Number(edit.action));
    const name = (action: number) =>
      arrow(study.action_names[action] ?? "") || (study.action_names[action] ?? String(action));
    return `played ${runs(pressed)
      .map((run) => `${name(run.action)}${run.count > 1 ? ` ×${run.count}` : ""}`)
      .join(" ")}`;
  }
  const said = imagined?.said[index];
  const edit = world.edits[index];
  if (said && (!pending || imagined.said.length === world.edits.length)) return said;
  return `${edit?.kind ?? ""} ${edit?.what ?? ""}`.trim();
}
