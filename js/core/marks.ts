/** Places in a trajectory that are worth going to: bookmarks, the notes of stories, and how episodes end. */
import { type Episode, outcomeInWords } from "./episodes.ts";
import { signed } from "./numbers.ts";
import type { Study } from "./study.ts";

export interface Mark {
  step: number;
  kind: "high" | "low" | "note";
  /** Of a note: the first step that it is no longer about. */
  stop?: number;
  /** What it says when it is pointed at. */
  text: string;
}

const LONGEST = 60; // characters of a note that are shown

/** The marks of a trajectory in the order of their steps. */
export function marksOf(
  { bookmarks, stories }: Pick<Study, "bookmarks" | "stories">,
  trajectory: number,
): Mark[] {
  const surprises = bookmarks.map(
    ({ kind, advantage, ...place }): Place => ({
      ...place,
      kind,
      text: `unexpected ${kind === "high" ? "success" : "failure"}, advantage ${signed(advantage, 2)}`,
    }),
  );
  const notes = stories.flatMap(({ name, notes }) =>
    notes.map(({ start, stop, text, trajectory }): Place => {
      const words = text.replaceAll("**", "").replace(/\s+/g, " ");
      const short = words.length > LONGEST ? `${words.slice(0, LONGEST)}…` : words;
      return { trajectory, step: start, stop, kind: "note", text: `${name}: ${short}` };
    }),
  );
  return [...surprises, ...notes]
    .filter((mark) => mark.trajectory === trajectory)
    .map(({ trajectory: _, ...mark }) => mark)
    .sort((a, b) => a.step - b.step);
}

export interface End {
  /** The first and the last step of the episode. */
  start: number;
  step: number;
  kind: "completed" | "failed" | "timeout" | "ended";
  text: string;
}

/** Where episodes end, and how; one that the rollout does not see the end of has none. */
export const endsOf = (episodes: readonly Episode[]): End[] =>
  episodes.flatMap((episode, index) => {
    const { start, stop, outcome, cause } = episode;
    if (outcome === "unfinished") return [];
    const kind = cause === "timeout" ? "timeout" : outcome;
    return [{ start, step: stop - 1, kind, text: `episode ${index + 1} ${outcomeInWords(episode)}` }];
  });

type Place = Mark & { trajectory: number };

/** The mark after (1) or before (-1) `step`. */
export const markBeyond = (marks: readonly Mark[], step: number, direction: number): Mark | undefined =>
  direction > 0 ? marks.find((mark) => mark.step > step) : marks.findLast((mark) => mark.step < step);
