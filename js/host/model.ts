/** The traits that the explorer shares with Python, and the little of a model that it uses. */
import type { AnyModel } from "@anywidget/types";
import type { ExplorerTraits as Described } from "../generated/traits.d.ts";

/** As a mapped type, because anywidget asks for an index signature, which an interface lacks. */
export type ExplorerTraits = { [Name in keyof Described]: Described[Name] };

export type ExplorerModel = Pick<
  AnyModel<ExplorerTraits>,
  "get" | "set" | "on" | "off" | "save_changes" | "send"
>;

export const WATCHED = [
  "trajectory",
  "step",
  "layer",
  "output",
  "feature",
  "hovered",
  "playing",
  "direction",
  "fps",
  "loop",
  "overlay",
  "combine",
  "show_residual",
  "more_outputs",
  "mode",
  "scale",
  "look",
  "centred",
  "view_range",
  "selected_range",
  "opened",
  "cell",
  "story",
  "objects",
  "branch",
  "branch_member",
  "note",
  "editing",
  "edits",
  "history",
  "undone",
  "_presets",
  "_edited",
  "can_compute",
  "_study",
] as const satisfies readonly (keyof ExplorerTraits)[];
