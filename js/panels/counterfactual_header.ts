/** Which frame the view starts from, what is explained, and the worlds that the study keeps. */
import { keyOf, worldOf } from "../core/counterfactual.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import {
  button,
  type CounterfactualContext,
  type CounterfactualPanel,
  menu,
} from "./counterfactual_panel.ts";
import { explainedBy, originOf } from "./origin.ts";

export function counterfactualHeader(context: CounterfactualContext): CounterfactualPanel {
  const { imagination, signal } = context;
  const agent = h("strong", { class: "rlv-agent" });
  const origin = originOf(
    () => imagination.world,
    (trajectory, step) => imagination.moveTo(trajectory, step),
    signal,
  );
  const explained = explainedBy((name, value) => imagination.set(name, value), signal);
  const kept = keptWorlds(context);
  return {
    element: h(
      "header",
      { class: "rlv-header" },
      agent,
      origin.element,
      h("span", { class: "rlv-spring" }),
      kept.element,
      ...explained.elements,
    ),
    draw(scene) {
      const { study } = scene;
      setText(agent, `${study.environment} · ${study.agent}`);
      origin.draw(study, scene.world, scene.offline);
      kept.draw(scene);
      explained.draw(scene);
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
