/** The traits that the explorer shares with Python, and the little of a model that it uses. */
import type { AnyModel } from "@anywidget/types";
import type { Study } from "../core/study.ts";

// A type, not an interface: anywidget asks for an index signature.
export type ExplorerTraits = {
  trajectory: number;
  step: number;
  layer: string;
  output: string;
  /** The pinned feature; the number of features means the residual. */
  feature: number | null;
  hovered: number | null;
  playing: boolean;
  direction: number;
  fps: number;
  loop: boolean;
  overlay: boolean;
  combine: boolean;
  show_residual: boolean;
  num_steps: number;
  num_trajectories: number;
  can_compute: boolean;
  _study: Study | Record<string, never>;
};

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
  "can_compute",
  "_study",
] as const satisfies readonly (keyof ExplorerTraits)[];
