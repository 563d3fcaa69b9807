// Made by `python js/generated/generate.py` from rlvision_widgets/widgets; edit those instead.

/** A step that went unexpectedly well or badly. */
export interface BookmarkDescription {
  trajectory: number;
  step: number;
  advantage: number;
  kind: "high" | "low";
}

/** One episode; `stop` is exclusive, `return` is the sum of its raw rewards so far. */
export interface EpisodeDescription {
  start: number;
  stop: number;
  level_seed: number;
  return: number;
  outcome: "completed" | "failed" | "ended" | "unfinished";
  cause?: string;
}

/** One direction of a layer. */
export interface FeatureDescription {
  name: string;
  colour: string | null;
}

/** Pixels of an observation. */
export interface FrameDescription {
  height: number;
  width: number;
}

/** A layer of the agent; without `features` nothing of it has been computed. */
export interface LayerDescription {
  name: string;
  channels: number;
  height: number;
  width: number;
  features: FeatureDescription[];
  quality: Record<string, number | null>;
  outputs: StoredOutputDescription[];
}

/** An output that can be shown, or computed when an agent is connected. */
export interface OutputDescription {
  name: string;
  label: string;
}

/** An output whose attribution the study holds, wholly (`complete`) or in part. */
export interface StoredOutputDescription {
  name: string;
  complete: boolean;
  tolerance: number | null;
}

/** All that a view has to know of a study before it asks for arrays. */
export interface StudyDescription {
  schema: number;
  agent: string;
  environment: string;
  action_names: string[];
  value_scale: number | null;
  observation: FrameDescription;
  chunk: number;
  seed: number | null;
  trajectories: TrajectoryDescription[];
  bookmarks: BookmarkDescription[];
  layers: LayerDescription[];
  outputs: OutputDescription[];
}

/** One environment's sequence of steps. */
export interface TrajectoryDescription {
  num_steps: number;
  episodes: EpisodeDescription[];
}

/** The parameters of each request, by its method. */
export interface Requests {
  curves: { trajectory: number };
  strip: { trajectory: number };
  preview: { trajectory: number };
  observations: { trajectory: number; chunk: number };
  attribution: { trajectory: number; layer: string; output: string; chunk: number };
  totals: { trajectory: number; layer: string; output: string };
  examples: { layer: string };
  compute: { trajectory: number; layer: string; output: string; step: number };
}

/** The synced state of Explorer. */
export interface ExplorerTraits {
  _study: StudyDescription;
  can_compute: boolean;
  combine: boolean;
  direction: number;
  feature: number | null;
  fps: number;
  hovered: number | null;
  layer: string;
  loop: boolean;
  num_steps: number;
  num_trajectories: number;
  output: string;
  overlay: boolean;
  playing: boolean;
  show_residual: boolean;
  step: number;
  trajectory: number;
}
