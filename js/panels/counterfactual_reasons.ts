/** Whether the maze is one that the agent could have met. */
import { h, setAttribute, setText } from "../views/dom.ts";
import type { CounterfactualPanel } from "./counterfactual_panel.ts";

export function counterfactualReasons(): CounterfactualPanel {
  const element = h("p", { class: "rlv-maze" });
  return {
    element,
    draw({ imagined }) {
      const reasons = imagined?.reasons ?? null;
      element.hidden = reasons === null;
      if (reasons === null) return;
      setAttribute(element, "data-odd", reasons.length > 0);
      setText(
        element,
        reasons.length === 0
          ? "The generator could have made this maze."
          : `The generator could not have made this maze: ${reasons.join("; ")}.`,
      );
    },
  };
}
