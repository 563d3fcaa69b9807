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

/** How an episode went, in words: "failed: saw". */
export const outcomeInWords = ({ outcome, cause }: Episode): string =>
  cause ? `${outcome}: ${cause}` : outcome;

/** What ended the episodes that were not completed, the most frequent first: "2 saw, 1 lava"; empty where nothing is known. */
export function causesInWords(episodes: readonly Episode[]): string {
  const counts = new Map<string, number>();
  for (const { cause, outcome } of episodes)
    if (cause && outcome !== "completed") counts.set(cause, (counts.get(cause) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([cause, count]) => `${count} ${cause}`).join(", ");
}

/** The same as columns, as Python sends them. */
export function packEpisodes(episodes: readonly Episode[]): EpisodesDescription {
  return {
    start: episodes.map(({ start }) => start),
    level_seed: episodes.map(({ level_seed }) => level_seed),
    return: episodes.map((episode) => episode.return),
    outcome: episodes.map(({ outcome }) => outcome[0]).join(""),
    ...(episodes.some(({ cause }) => cause) && { cause: episodes.map(({ cause }) => cause ?? "") }),
  };
}
