/** Both worlds played on in lock-step. */
import type { CounterfactualContext, CounterfactualPanel } from "./counterfactual_panel.ts";
import { lockstep } from "./lockstep.ts";

export function counterfactualPath({
  imagination,
  signal,
  theme,
}: CounterfactualContext): CounterfactualPanel {
  const path = lockstep({
    signal,
    theme,
    invalidate: imagination.invalidate,
    sides: ["before", "after"],
    hint: "The agent plays on from this frame: as recorded, and as changed.",
    height: () => 96,
  });
  return {
    element: path.element,
    draw(scene) {
      const { future, imagined } = scene;
      path.draw(imagined ? future.value : null, future.stale || future.running, scene);
    },
  };
}
