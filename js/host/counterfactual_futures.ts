/** Python's replies about what happens next: one path of each world, or many lives of it. */
import type { LabelledArray } from "../core/arrays.ts";
import { assert } from "../core/assert.ts";
import { type Arrays, item } from "./counterfactual_reply.ts";

/** What followed in one of the worlds when the agent played on. */
export interface Path {
  frames: LabelledArray;
  values: Float32Array;
  /** Of all steps on end; none where the values say it. */
  logits: Float32Array;
  actions: Int32Array;
  rewards: Float32Array;
  /** Steps that there are; one frame more. */
  length: number;
  cause: string | null;
  completed: boolean | null;
}

export interface Future {
  key: string;
  paths: [before: Path, after: Path];
  /** Steps of the longer one: the number of its last frame. */
  last: number;
}

export function futureOf(key: string, { result, arrays }: Arrays): Future {
  const { observation } = arrays;
  assert(observation, "what followed came without frames");
  const [, numFrames = 1, ...picture] = observation.shape;
  const steps = numFrames - 1;
  const path = (index: 0 | 1): Path => {
    const [dims, shape] = [
      ["played", "height", "width", "rgb"],
      [numFrames, ...picture],
    ];
    const lengths = (result.length as number[] | undefined) ?? [];
    return {
      frames: { dims, shape, data: item(observation, index) as Uint8Array },
      values: (item(arrays.value, index) as Float32Array | null) ?? new Float32Array(0),
      logits: (item(arrays.policy_logits, index) as Float32Array | null) ?? new Float32Array(0),
      actions: (item(arrays.action, index) as Int32Array | null) ?? new Int32Array(0),
      rewards: (item(arrays.reward, index) as Float32Array | null) ?? new Float32Array(0),
      length: lengths[index] ?? steps,
      cause: ((result.cause as (string | null)[] | undefined) ?? [])[index] ?? null,
      completed: ((result.completed as (boolean | null)[] | undefined) ?? [])[index] ?? null,
    };
  };
  const paths: Future["paths"] = [path(0), path(1)];
  return { key, paths, last: Math.max(1, ...paths.map(({ length }) => length)) };
}

/** How many of n lives go on, step by step, with their Wilson band. */
export interface Survival {
  survival: Float32Array;
  low: Float32Array;
  high: Float32Array;
  causes: Record<string, number>;
  meanReturn: number;
}

export interface Branches {
  key: string;
  numBranches: number;
  worlds: [before: Survival, after: Survival];
}

export function branchesOf(key: string, { result, arrays }: Arrays): Branches {
  const read = (name: string, index: number) =>
    (item(arrays[name], index) as Float32Array | null) ?? new Float32Array(0);
  const world = (index: 0 | 1): Survival => ({
    survival: read("survival", index),
    low: read("low", index),
    high: read("high", index),
    causes: ((result.causes as Record<string, number>[] | undefined) ?? [])[index] ?? {},
    meanReturn: ((result.mean_return as number[] | undefined) ?? [])[index] ?? Number.NaN,
  });
  return { key, numBranches: Number(result.num_branches ?? 0), worlds: [world(0), world(1)] };
}
