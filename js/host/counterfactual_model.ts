/** The traits that the counterfactual view shares with Python, and the little of a model that it uses. */
import type { AnyModel } from "@anywidget/types";
import type { Asked, Edit } from "../core/counterfactual.ts";
import type { StudyDescription } from "../generated/traits.d.ts";

/** A counterfactual that the study keeps: a page without a kernel has these and no others. */
export interface Stored extends Asked {
  layer: string;
  output: string;
  label: string;
  /** The requests that are answered without a kernel. */
  has: string[];
}

export type CounterfactualTraits = {
  trajectory: number;
  step: number;
  layer: string;
  output: string;
  edits: Edit[];
  actions: number[];
  selected: string;
  feature: number | null;
  hovered: number | null;
  num_branches: number;
  num_steps: number;
  seed: number;
  can_compute: boolean;
  _study: StudyDescription;
  _stored: Stored[];
};

export type CounterfactualModel = Pick<
  AnyModel<CounterfactualTraits>,
  "get" | "set" | "on" | "off" | "save_changes" | "send"
>;

/** Another value of one of these is another picture to ask for. */
export const PLACE = ["trajectory", "step", "layer", "output", "edits", "actions"] as const;

/** These change only what is drawn. */
export const LOOKS = [
  "selected",
  "feature",
  "hovered",
  "num_branches",
  "num_steps",
  "seed",
  "can_compute",
  "_study",
  "_stored",
] as const;
