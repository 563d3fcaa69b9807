/** Which frame the view starts from, what is explained, and the worlds that the study keeps. */
import { outputLabel } from "../core/actions.ts";
import { keyOf, worldOf } from "../core/counterfactual.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import {
  button,
  type CounterfactualContext,
  type CounterfactualPanel,
  menu,
  number,
} from "./counterfactual_panel.ts";

export function counterfactualHeader(context: CounterfactualContext): CounterfactualPanel {
  const { imagination, signal } = context;
  const agent = h("strong", { class: "rlv-agent" });
  const origin = originOf(context);
  const layers = menu("Layer", (name) => imagination.set("layer", name), signal);
  const outputs = menu("Output", (name) => imagination.set("output", name), signal);
  const kept = keptWorlds(context);
  return {
    element: h(
      "header",
      { class: "rlv-header" },
      agent,
      origin.element,
      h("span", { class: "rlv-spring" }),
      kept.element,
      field("layer", layers.element),
      field("output", outputs.element),
    ),
    draw(scene) {
      const { study, layerName, output } = scene;
      setText(agent, `${study.environment} · ${study.agent}`);
      origin.draw(scene);
      kept.draw(scene);
      const ready = study.layers.filter(({ features }) => scene.canCompute || features.length > 0);
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
      for (const { element } of [layers, outputs]) element.disabled = scene.offline;
    },
  };
}

/** Trajectory and step; a page without a kernel shows them and cannot change them. */
function originOf({ imagination, signal }: CounterfactualContext): CounterfactualPanel {
  const go = (by: number) =>
    imagination.moveTo(clip(imagination.world.trajectory + by), imagination.world.step);
  const clip = (index: number) =>
    Math.max(0, Math.min((imagination.study?.trajectories.length ?? 1) - 1, index));
  const before = button(
    icon(CHEVRON, 180),
    { class: "rlv-icon", label: "Previous trajectory" },
    () => go(-1),
    signal,
  );
  const after = button(icon(CHEVRON), { class: "rlv-icon", label: "Next trajectory" }, () => go(1), signal);
  const which = h("span", { class: "rlv-which" });
  const slider = h("input", { class: "rlv-slider", type: "range", min: 0, step: 1, "aria-label": "Step" });
  slider.addEventListener(
    "input",
    () => imagination.moveTo(imagination.world.trajectory, Number(slider.value)),
    { signal },
  );
  const field = number(
    "Step number",
    [0, 0],
    (step) => imagination.moveTo(imagination.world.trajectory, step),
    signal,
  );
  const of = h("span", { class: "rlv-label" });
  return {
    element: h(
      "div",
      { class: "rlv-origin", role: "group", "aria-label": "Frame" },
      h("span", { class: "rlv-label" }, "trajectory"),
      h("span", { class: "rlv-picker" }, before, which, after),
      h("span", { class: "rlv-label" }, "step"),
      slider,
      field.element,
      of,
    ),
    draw({ study, world: { trajectory, step }, offline }) {
      const last = Math.max(0, (study.trajectories[trajectory]?.num_steps ?? 1) - 1);
      setText(which, `${trajectory + 1} of ${study.trajectories.length}`);
      setAttribute(slider, "max", last);
      if (Number(slider.value) !== step) slider.value = String(step);
      setAttribute(slider, "aria-valuetext", `step ${step} of ${last}`);
      field.draw(step, last);
      setText(of, `/ ${last}`);
      before.disabled = offline || trajectory === 0;
      after.disabled = offline || trajectory === study.trajectories.length - 1;
      slider.disabled = offline;
      field.element.disabled = offline;
    },
  };
}

/** Counterfactuals that were computed before: they are there at once, and without a kernel too. */
function keptWorlds({ imagination, signal }: CounterfactualContext): CounterfactualPanel {
  const list = () => imagination.model.get("_stored") ?? [];
  const show = (index: number) => {
    const stored = list()[index];
    if (stored) imagination.show(stored);
  };
  const choice = menu("Kept counterfactuals", (index) => show(Number(index)), signal);
  const turn = (by: number) => {
    const now = Number(choice.element.value);
    show(Math.max(0, Math.min(list().length - 1, (Number.isNaN(now) ? -1 : now) + by)));
  };
  const before = button(
    icon(CHEVRON, 180),
    { class: "rlv-icon", label: "Previous kept one" },
    () => turn(-1),
    signal,
  );
  const after = button(icon(CHEVRON), { class: "rlv-icon", label: "Next kept one" }, () => turn(1), signal);
  const element = h(
    "div",
    { class: "rlv-kept", role: "group", "aria-label": "Kept" },
    h("span", { class: "rlv-label" }, "kept"),
    h("span", { class: "rlv-picker" }, before, choice.element, after),
  );
  return {
    element,
    draw(scene) {
      const stored = list();
      element.hidden = stored.length === 0;
      if (element.hidden) return;
      const index = indexOf(scene, stored);
      const options = stored.map(({ label, trajectory, step }, number): [string, string] => [
        String(number),
        `${label} · trajectory ${trajectory + 1}, step ${step}`,
      ]);
      choice.draw(index < 0 ? [["", "not kept yet"], ...options] : options, index < 0 ? "" : String(index));
      setAttribute(choice.element, "title", options[index]?.[1] ?? false);
      before.disabled = index === 0;
      after.disabled = index === stored.length - 1;
    },
  };
}

function indexOf(
  { world, layerName, output }: CounterfactualScene,
  stored: ReturnType<typeof listed>,
): number {
  const key = keyOf(world);
  return stored.findIndex(
    (one) => one.layer === layerName && one.output === output && keyOf(worldOf(one)) === key,
  );
}

const listed = ({ imagination }: CounterfactualContext) => imagination.model.get("_stored");

function field(text: string, control: HTMLElement): HTMLElement {
  return h(
    "label",
    { class: "rlv-field" },
    h("span", { class: "rlv-label" }, text),
    control,
    icon(CHEVRON, 90),
  );
}
