/** The traits that the counterfactual view shares with Python, and the little of a model that it uses. */
import type { AnyModel } from "@anywidget/types";
import type { Edit } from "../core/counterfactual.ts";
import type { CounterfactualTraits as Described, StoredCounterfactual } from "../generated/traits.d.ts";

/** A counterfactual that the study keeps: a page without a kernel has these and no others. */
export type Stored = StoredCounterfactual;

/** As a mapped type, because anywidget asks for an index signature, which an interface lacks. */
export type CounterfactualTraits = {
  [Name in keyof Described]: Name extends "edits" ? Edit[] : Described[Name];
};

export type CounterfactualModel = Pick<
  AnyModel<CounterfactualTraits>,
  "get" | "set" | "on" | "off" | "save_changes" | "send"
>;

/** Another value of one of these is another world to ask for. */
export const PLACE = ["trajectory", "step", "edits", "actions"] as const;

/** Another value of one of these is another picture of the same world. */
export const EXPLAINED = ["layer", "output"] as const;

/** These change only what is drawn. */
export const LOOKS = [
  "selected",
  "feature",
  "hovered",
  "num_branches",
  "num_steps",
  "seed",
  "can_compute",
  "_stored",
] as const;
