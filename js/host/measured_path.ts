/** The number by which worlds are compared (see `measure.ts`), along what followed in one of them. */
import { outputFromLogits } from "../core/actions.ts";
import type { Study } from "../core/study.ts";
import type { Path } from "./counterfactual_futures.ts";

/** A number a step: the value, or the output explained where the agent has a policy alone; NaN: unknown. */
export function along({ values, logits }: Path, study: Study, output: string): Float32Array {
  if (study.has_value) return values;
  const width = values.length > 0 ? logits.length / values.length : 0;
  return values.map((_, step) => {
    const own = logits.subarray(step * width, (step + 1) * width);
    return outputFromLogits(output, own, study.action_names) ?? Number.NaN;
  });
}
