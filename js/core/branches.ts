/** Forks of a trajectory: where each branch runs, how it ended, and which of its frames belongs to a step. */
import type { BranchesDescription } from "../generated/traits.d.ts";
import type { Study } from "./study.ts";

export type Fork = BranchesDescription;

export const forksOf = (study: Pick<Study, "branches">, trajectory: number): Fork[] =>
  (study.branches ?? []).filter((fork) => fork.trajectory === trajectory);

export const forkNamed = (study: Pick<Study, "branches">, name: string): Fork | undefined =>
  (study.branches ?? []).find((fork) => fork.name === name);

export type End = "completed" | "died" | "alive";

/** How a branch ended; "alive" is as far as it was tried. */
export function endOf({ causes, completed }: Fork, member: number): End {
  if (completed[member]) return "completed";
  return causes[member] ? "died" : "alive";
}

/** The end in words: "saw after 12 steps". */
export function endInWords(fork: Fork, member: number): string {
  const steps = fork.taken[member] ?? 0;
  const after = `after ${steps} step${steps === 1 ? "" : "s"}`;
  return `${fork.causes[member] || endOf(fork, member)} ${after}`;
}

/** Of all branches those that did not die, as far as they were tried. */
export function survivors(fork: Fork): number {
  return fork.taken.filter((_, member) => endOf(fork, member) !== "died").length;
}

/** What became of the branches in a few words, and of what they died: "3 of 8 died" of "saw", "8 completed". */
export function summary(fork: Fork): [ends: string, causes: string] {
  const count = fork.taken.length;
  const members = [...fork.taken.keys()];
  const dead = members.filter((member) => endOf(fork, member) === "died");
  if (dead.length > 0) {
    const causes = new Set(dead.map((member) => fork.causes[member]));
    return [`${dead.length} of ${count} died`, [...causes].join(", ")];
  }
  const completed = members.filter((member) => endOf(fork, member) === "completed").length;
  const parts = [
    completed > 0 && `${completed} completed`,
    completed < count && `${count - completed} alive`,
  ];
  return [parts.filter(Boolean).join(", "), ""];
}

/** How many ended how, the most frequent first: "5 alive, 2 saw, 1 coin". */
export function outcomes(fork: Fork): string {
  const counts = new Map<string, number>();
  for (const member of fork.taken.keys()) {
    const end = endOf(fork, member);
    const name = fork.causes[member] || end;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([name, count]) => `${count} ${name}`)
    .join(", ");
}

export type Moment = { at: "before" | "within" | "after"; index: number };

/** Which frame of a branch stands beside `step` of the trajectory: when it has ended the one that ended it stays. */
export function momentOf(fork: Fork, member: number, step: number): Moment {
  const taken = fork.taken[member] ?? 0;
  const index = step - fork.step;
  if (index < 0) return { at: "before", index: 0 };
  if (index < taken) return { at: "within", index };
  const ended = endOf(fork, member) !== "alive";
  return { at: "after", index: Math.max(0, Math.min(ended ? taken : taken - 1, fork.num_steps - 1)) };
}

/** Where the playhead goes when a branch is picked: nowhere while it is within. */
export function stepToCompare(fork: Fork, member: number, step: number): number {
  const { at } = momentOf(fork, member, step);
  return at === "within" ? step : fork.step;
}

/** A share's Wilson interval (95 %). */
export function wilson(count: number, of: number): [low: number, high: number] {
  if (of === 0) return [0, 1];
  const z = 1.959963984540054;
  const share = count / of;
  const shrink = 1 + z ** 2 / of;
  const middle = (share + z ** 2 / (2 * of)) / shrink;
  const half = (z * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2))) / shrink;
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** Lines of a lane: as far apart as fits below `most` pixels. */
export function lineHeight(numBranches: number, most: number): number {
  return Math.max(2, Math.min(7, Math.floor(most / Math.max(1, numBranches))));
}
