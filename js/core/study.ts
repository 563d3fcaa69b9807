/** What the view knows of a study before any array arrives (the `_study` trait), and questions about it. */
import type {
  BookmarkDescription,
  EpisodeDescription,
  LayerDescription,
  StudyDescription,
  TrajectoryDescription,
} from "../generated/traits.d.ts";

export type Study = StudyDescription;
export type Layer = LayerDescription;
export type Trajectory = TrajectoryDescription;
export type Episode = EpisodeDescription;
export type Bookmark = BookmarkDescription;

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
