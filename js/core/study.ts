/** What the view knows of a study before any array arrives (the `_study` trait), and questions about it. */
import type { BookmarkDescription, LayerDescription, StudyDescription } from "../generated/traits.d.ts";
import { type Episode, unpackEpisodes } from "./episodes.ts";

export type { Episode };
export type Layer = LayerDescription;
export type Bookmark = BookmarkDescription;

export interface Trajectory {
  num_steps: number;
  episodes: Episode[];
}

export type Study = Omit<StudyDescription, "trajectories"> & { trajectories: Trajectory[] };

const opened = new WeakMap<object, Study>();

/** The study of a `_study` trait, the same object for the same trait; null while Python has not described it. */
export function studyOf(described: unknown): Study | null {
  if (!isDescribed(described)) return null;
  let study = opened.get(described);
  if (!study) {
    const trajectories = described.trajectories.map(({ num_steps, episodes }) => ({
      num_steps,
      episodes: unpackEpisodes(episodes, num_steps),
    }));
    study = { ...described, trajectories };
    opened.set(described, study);
  }
  return study;
}

const isDescribed = (value: unknown): value is StudyDescription =>
  typeof value === "object" && value !== null && "trajectories" in value && "layers" in value;

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
