/** The traits that the explorer shares with Python, and the little of a model that it uses. */
import type { AnyModel } from "@anywidget/types";
import type { ExplorerTraits as Described } from "../generated/traits.d.ts";

/** Traits that the generated file does not list yet. */
interface Pending {
  more_outputs: string[];
  mode: string;
  scale: string;
  style: string;
  selected_range: number[];
}

/** As a mapped type, because anywidget asks for an index signature, which an interface lacks. */
export type ExplorerTraits = { [Name in keyof (Described & Pending)]: (Described & Pending)[Name] };

export type ExplorerModel = Pick<
  AnyModel<ExplorerTraits>,
  "get" | "set" | "on" | "off" | "save_changes" | "send"
>;

export const WATCHED = [
  "trajectory",
  "step",
  "layer",
  "output",
  "more_outputs",
  "feature",
  "hovered",
  "playing",
  "direction",
  "fps",
  "loop",
  "overlay",
  "combine",
  "show_residual",
  "mode",
  "scale",
  "style",
  "selected_range",
  "can_compute",
  "_study",
] as const satisfies readonly (keyof ExplorerTraits)[];
