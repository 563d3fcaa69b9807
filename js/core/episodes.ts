/** Episodes travel as columns, because a long study has tens of thousands of them; views read them one by one. */
import type { EpisodeDescription, EpisodesDescription } from "../generated/traits.d.ts";

export type Episode = EpisodeDescription;

const OUTCOMES: Record<string, Episode["outcome"]> = {
  c: "completed",
  f: "failed",
  e: "ended",
  u: "unfinished",
};

/** The episodes of a trajectory of `numSteps` steps. */
export function unpackEpisodes(columns: EpisodesDescription, numSteps: number): Episode[] {
  return columns.start.map((start, index) => ({
    start,
    stop: columns.start[index + 1] ?? numSteps,
    level_seed: columns.level_seed[index] ?? 0,
    return: columns.return[index] ?? Number.NaN,
    outcome: OUTCOMES[columns.outcome[index] ?? ""] ?? "ended",
    ...(columns.cause?.[index] && { cause: columns.cause[index] }),
  }));
}

/** The same as columns, as Python sends them. */
export function packEpisodes(episodes: readonly Episode[]): EpisodesDescription {
  return {
    start: episodes.map(({ start }) => start),
    level_seed: episodes.map(({ level_seed }) => level_seed),
    return: episodes.map((episode) => episode.return),
    outcome: episodes.map(({ outcome }) => outcome[0]).join(""),
  };
}
