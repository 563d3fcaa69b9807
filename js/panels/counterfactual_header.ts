/** Which frame the view starts from, what is explained, and the worlds that the study keeps. */
import { keyOf, worldOf } from "../core/counterfactual.ts";
import { h, setText } from "../views/dom.ts";
import type { CounterfactualContext, CounterfactualPanel } from "./counterfactual_panel.ts";
import { keptMenu } from "./kept_menu.ts";
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
  const kept = keptMenu("Kept counterfactuals", show, signal);
  return {
    element: kept.element,
    draw({ world, layerName, output }) {
      const stored = list();
      const key = keyOf(world);
      const index = stored.findIndex(
        (one) => one.layer === layerName && one.output === output && keyOf(worldOf(one)) === key,
      );
      kept.draw(stored, index);
    },
  };
}
