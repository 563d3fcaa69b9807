/** By what number two worlds or two agents are compared: the value, or the output explained where there is none. */
import { outputLabel } from "../core/actions.ts";
import type { Study } from "../core/study.ts";
import type { Mind } from "./counterfactual_reply.ts";

export interface Measure {
  name: string;
  /** Its symbol, or nothing. */
  mark: string;
  /** Raw reward of one success, where the number is a share of it. */
  scale: number | null;
  of(mind: Mind): number;
}

export const measureOf = (study: Study, output: string): Measure =>
  study.has_value
    ? { name: "value", mark: "V", scale: study.value_scale, of: ({ value }) => value }
    : { name: outputLabel(study, output), mark: "", scale: null, of: ({ explained }) => explained };
