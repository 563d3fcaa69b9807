/** What the view knows of a study before any array arrives: the `_study` trait. */

export type Outcome = "completed" | "failed" | "unfinished";

export interface Episode {
  start: number;
  /** Exclusive. */
  stop: number;
  level_seed: number;
  return: number;
  outcome: Outcome;
  cause?: string;
}

export interface Trajectory {
  num_steps: number;
  episodes: Episode[];
}

export interface Bookmark {
  trajectory: number;
  step: number;
  advantage: number;
  kind: "high" | "low";
}

export interface Layer {
  name: string;
  height: number;
  width: number;
  channels: number;
  /** Empty while the layer's features are not computed. */
  features: { name: string; colour: string | null }[];
  quality?: Record<string, number | null>;
  outputs: { name: string; complete: boolean; tolerance?: number }[];
}

export interface Study {
  schema: number;
  agent: string;
  environment: string;
  action_names: string[];
  /** Raw return of one success (CoinRun's coin: 10), or null when unknown: then no percentage is shown. */
  value_scale: number | null;
  observation: { height: number; width: number };
  chunk: number;
  trajectories: Trajectory[];
  bookmarks: Bookmark[];
  layers: Layer[];
  outputs: { name: string; label: string }[];
}

/** Index of the episode that `step` belongs to, or -1. */
export function episodeAt(episodes: readonly Episode[], step: number): number {
  return episodes.findIndex((episode) => step >= episode.start && step < episode.stop);
}

/** First step of the next episode (`direction` 1), or of this or the previous one (-1), within the trajectory. */
export function episodeJump(trajectory: Trajectory, step: number, direction: number): number {
  const starts = trajectory.episodes.map((episode) => episode.start);
  if (starts.length < 2) {
    const stride = Math.max(1, Math.round(trajectory.num_steps / 10));
    return clamp(step + direction * stride, 0, trajectory.num_steps - 1);
  }
  if (direction > 0) return starts.find((start) => start > step) ?? trajectory.num_steps - 1;
  return starts.findLast((start) => start < step) ?? 0;
}

export const clamp = (value: number, low: number, high: number): number =>
  Math.max(low, Math.min(high, value));

export const layerNamed = (study: Study, name: string): Layer | undefined =>
  study.layers.find((layer) => layer.name === name);

/** Whether anything of `output` at `layer` is stored, and whether all of it is. */
export function stored(study: Study, layer: string, output: string): "none" | "some" | "all" {
  const found = layerNamed(study, layer)?.outputs.find(({ name }) => name === output);
  if (!found) return "none";
  return found.complete ? "all" : "some";
}
