/** Places in a trajectory that are worth going to: bookmarks and the notes of stories. */
import { signed } from "./numbers.ts";
import type { Study } from "./study.ts";

export interface Mark {
  step: number;
  kind: "high" | "low" | "note";
  /** What it says when it is pointed at. */
  text: string;
}

/** The marks of a trajectory in the order of their steps. */
export function marksOf({ bookmarks }: Pick<Study, "bookmarks">, trajectory: number): Mark[] {
  return bookmarks
    .filter((bookmark) => bookmark.trajectory === trajectory)
    .map(({ step, kind, advantage }) => ({
      step,
      kind,
      text: `unexpected ${kind === "high" ? "success" : "failure"}, advantage ${signed(advantage, 2)}`,
    }))
    .sort((a, b) => a.step - b.step);
}

/** The mark after (1) or before (-1) `step`. */
export const markBeyond = (marks: readonly Mark[], step: number, direction: number): Mark | undefined =>
  direction > 0 ? marks.find((mark) => mark.step > step) : marks.findLast((mark) => mark.step < step);
