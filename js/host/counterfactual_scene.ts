/** One moment of the counterfactual view, gathered for drawing. */
import type { World } from "../core/counterfactual.ts";
import type { Effect } from "../core/counterfactual_effects.ts";
import type { WorldObject } from "../core/counterfactual_sight.ts";
import type { Layer, Study } from "../core/study.ts";
import type { Branches, Future } from "./counterfactual_futures.ts";
import type { Imagined } from "./counterfactual_reply.ts";
import type { Progress } from "./rpc.ts";

export interface Notice {
  kind: "error" | "gone";
  text: string;
}

/** Something that is computed when it is asked for: what came last, and for which world. */
export interface Computed<T> {
  value: T | null;
  running: boolean;
  progress: Progress | null;
  /** What came belongs to another world than the one shown. */
  stale: boolean;
}

export interface CounterfactualScene {
  study: Study;
  /** The world that was asked for; while `pending`, not yet the one in the pictures. */
  world: World;
  layerName: string;
  layer: Layer | undefined;
  output: string;
  imagined: Imagined | null;
  pending: boolean;
  /** How far a long wait has come. */
  progress: Progress | null;
  /** A recorded frame to go on with while nothing else is known of this step. */
  preview: Uint8Array | null;
  large: Uint8Array | null;
  isLarge: boolean;
  /** The large frame is on its way. */
  drawsLarge: boolean;
  selected: WorldObject | null;
  /** Under the pointer, or the one that a row of the table points at. */
  pointed: WorldObject | null;
  effects: Effect[];
  effectsState: "none" | "coming" | "here" | "failed";
  future: Computed<Future>;
  branches: Computed<Branches>;
  isolated: number | null;
  pinned: number | null;
  canCompute: boolean;
  offline: boolean;
  canUndo: boolean;
  canRedo: boolean;
  playing: boolean;
  notice: Notice | null;
}
