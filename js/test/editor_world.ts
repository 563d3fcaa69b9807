/** A made-up agent that can be edited: what it makes of the made-up world without some of its features. */
import { isActive, type NetworkEdit, strengthOf } from "../core/editor.ts";
import { flat } from "./flat.ts";
import {
  ACTIONS,
  attributionAt,
  CELLS,
  drawFrame,
  FEATURES,
  NAMES,
  noise,
  SIGN,
  SIZE,
  things,
} from "./world.ts";

/** How much of each feature is left: 1 − its strengths, one after the other. */
export function shares(edits: readonly NetworkEdit[]): number[] {
  const left = NAMES.map(() => 1);
  for (const edit of edits.filter(isActive)) {
    const feature = edit.kind === "feature" ? Number(edit.feature) : 0;
    // What the pool between lets through is the same in one of both places only.
    const reach = edit.where === "layer" ? 0.9 : 1;
    left[feature] = (left[feature] ?? 1) * (1 - reach * strengthOf(edit));
  }
  return left;
}

/** What each feature adds to the value of a step. */
export function worth(trajectory: number, step: number, left: readonly number[]): Float32Array {
  const total = new Float32Array(FEATURES);
  for (const { feature, x } of things(trajectory, step))
    total[feature] =
      (total[feature] ?? 0) +
      (left[feature] ?? 1) * 1.4 * (SIGN[feature] ?? 0) * Math.exp(-(((x - 34) / 20) ** 2));
  return total;
}

export const expected = (totals: Float32Array): number => totals.reduce((sum, one) => sum + one, 7.4);

export function attributed(trajectory: number, step: number, left: readonly number[]): Int8Array {
  const cells = new Int8Array(CELLS * CELLS * FEATURES);
  attributionAt(trajectory, step, cells, 0);
  return cells.map((value, index) => value * (left[index % FEATURES] ?? 1));
}

/** It jumps where it is afraid, and else runs to the right. */
export function logitsOf(totals: Float32Array): Float32Array {
  const fear = -totals.reduce((sum, one) => sum + Math.min(0, one), 0);
  return Float32Array.from(ACTIONS, (name, index) => {
    const bias = { RIGHT: 2.4, "RIGHT+UP": 0.4 + 2.2 * fear, UP: fear, "RIGHT+DOWN": 0.2 }[name] ?? -1.6;
    return bias + 0.4 * noise(21, index);
  });
}

export function frameAt(trajectory: number, step: number): Uint8Array {
  const pixels = new Uint8Array(3 * SIZE * SIZE);
  drawFrame(trajectory, step, pixels, 0);
  return pixels;
}

export interface Played {
  frames: Uint8Array;
  values: number[];
  actions: number[];
  rewards: number[];
  logits: Float32Array;
  length: number;
  cause: string | null;
}

/** Runs on: who sees no saw walks into one after a while. */
export function play(trajectory: number, step: number, left: readonly number[], steps: number): Played {
  const blind = (left[0] ?? 1) < 0.4;
  const length = Math.min(steps, blind ? 38 : 61);
  const cause = length === steps ? null : blind ? "saw" : "coin";
  const acts = Array.from({ length }, (_, index) => {
    const afraid = index % 24 > 18 && !(blind && index > 12);
    return ACTIONS.indexOf(afraid ? "RIGHT+UP" : "RIGHT");
  });
  const totals = acts.map((_, index) => worth(trajectory, step + index, left));
  const padded = <T>(list: T[], by: T): T[] => [...list, ...Array.from({ length: steps - length }, () => by)];
  return {
    frames: flat(
      (size) => new Uint8Array(size),
      Array.from({ length: steps + 1 }, (_, index) => frameAt(trajectory, step + Math.min(index, length))),
    ),
    values: padded(totals.map(expected), Number.NaN),
    actions: padded(acts, -1),
    rewards: padded(
      acts.map((_, index) => (cause === "coin" && index === length - 1 ? 10 : 0)),
      0,
    ),
    logits: flat(
      (size) => new Float32Array(size),
      padded(totals.map(logitsOf), new Float32Array(ACTIONS.length).fill(Number.NaN)),
    ),
    length,
    cause,
  };
}
