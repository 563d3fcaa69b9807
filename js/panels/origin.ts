/** Which frame a view starts from, and what is explained there. */
import { outputLabel } from "../core/actions.ts";
import type { Study } from "../core/study.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import { button, menu, number } from "./counterfactual_panel.ts";

export interface Place {
  trajectory: number;
  step: number;
}

/** Trajectory and step; a page without a kernel shows them and cannot change them. */
export function originOf(
  place: () => Place,
  go: (trajectory: number, step: number) => void,
  signal: AbortSignal,
): { element: HTMLElement; draw(study: Study, place: Place, offline: boolean): void } {
  let count = 1;
  const turn = (by: number) => {
    const { trajectory, step } = place();
    go(Math.max(0, Math.min(count - 1, trajectory + by)), step);
  };
  const before = button(
    icon(CHEVRON, 180),
    { class: "rlv-icon", label: "Previous trajectory" },
    () => turn(-1),
    signal,
  );
  const after = button(icon(CHEVRON), { class: "rlv-icon", label: "Next trajectory" }, () => turn(1), signal);
  const which = h("span", { class: "rlv-which" });
  const slider = h("input", { class: "rlv-slider", type: "range", min: 0, step: 1, "aria-label": "Step" });
  const goTo = (step: number) => go(place().trajectory, step);
  slider.addEventListener("input", () => goTo(Number(slider.value)), { signal });
  const entered = number("Step number", [0, 0], goTo, signal);
  const of = h("span", { class: "rlv-label" });
  return {
    element: h(
      "div",
      { class: "rlv-origin", role: "group", "aria-label": "Frame" },
      h("span", { class: "rlv-label" }, "trajectory"),
      h("span", { class: "rlv-picker" }, before, which, after),
      h("span", { class: "rlv-label" }, "step"),
      slider,
      entered.element,
      of,
    ),
    draw(study, { trajectory, step }, offline) {
      count = study.trajectories.length;
      const last = Math.max(0, (study.trajectories[trajectory]?.num_steps ?? 1) - 1);
      setText(which, `${trajectory + 1} of ${count}`);
      setAttribute(slider, "max", last);
      if (Number(slider.value) !== step) slider.value = String(step);
      setAttribute(slider, "aria-valuetext", `step ${step} of ${last}`);
      entered.draw(step, last);
      setText(of, `/ ${last}`);
      before.disabled = offline || trajectory === 0;
      after.disabled = offline || trajectory === count - 1;
      slider.disabled = offline;
      entered.element.disabled = offline;
    },
  };
}

interface Explained {
  study: Study;
  layerName: string;
  output: string;
  canCompute: boolean;
  offline: boolean;
}

/** Layer and output. What has no features yet is offered where they can be computed. */
export function explainedBy(
  set: (name: "layer" | "output", value: string) => void,
  signal: AbortSignal,
): { elements: HTMLElement[]; draw(scene: Explained): void } {
  const layers = menu("Layer", (name) => set("layer", name), signal);
  const outputs = menu("Output", (name) => set("output", name), signal);
  return {
    elements: [field("layer", layers.element), field("output", outputs.element)],
    draw({ study, layerName, output, canCompute, offline }) {
      const ready = study.layers.filter(({ features }) => canCompute || features.length > 0);
      const named = ready.some(({ name }) => name === layerName);
      const list = named ? ready.map(({ name }) => name) : [layerName, ...ready.map(({ name }) => name)];
      layers.draw(
        list.map((name) => [name, name]),
        layerName,
      );
      const offered = study.outputs.map(({ name }) => name);
      outputs.draw(
        (offered.includes(output) ? offered : [output, ...offered]).map((name) => [
          name,
          outputLabel(study, name),
        ]),
        output,
      );
      for (const { element } of [layers, outputs]) element.disabled = offline;
    },
  };
}

function field(text: string, control: HTMLElement): HTMLElement {
  return h(
    "label",
    { class: "rlv-field" },
    h("span", { class: "rlv-label" }, text),
    control,
    icon(CHEVRON, 90),
  );
}
