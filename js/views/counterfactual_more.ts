/** The numbers of a counterfactual view (features, policy, objects) and what happens next: bundle `counterfactual_more`. */
import { counterfactualFuture } from "../panels/counterfactual_future.ts";
import { counterfactualLegend } from "../panels/counterfactual_legend.ts";
import { counterfactualObjects } from "../panels/counterfactual_objects.ts";
import type { CounterfactualContext, CounterfactualPanel } from "../panels/counterfactual_panel.ts";
import { counterfactualPolicy } from "../panels/counterfactual_policy.ts";
import { counterfactualReasons } from "../panels/counterfactual_reasons.ts";
import { scatter } from "../panels/counterfactual_scatter.ts";

export const PARTS: Record<string, (context: CounterfactualContext) => CounterfactualPanel> = {
  legend: counterfactualLegend,
  reasons: counterfactualReasons,
  policy: counterfactualPolicy,
  objects: counterfactualObjects,
  scatter,
  future: counterfactualFuture,
};
