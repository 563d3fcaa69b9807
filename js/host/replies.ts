/** Replies as the views read them: arrays by name, with their axes in one known order. */
import { type Data, decode, inOrder, type LabelledArray, take } from "../core/arrays.ts";
import { assert } from "../core/assert.ts";
import type { Reply, Result } from "./rpc.ts";

export interface Loaded {
  result: Result;
  arrays: Record<string, LabelledArray | undefined>;
  bytes: number;
}

/** Axis order of every array that the explorer reads; Python may send them in another. */
const DIMS: Record<string, string[]> = {
  value: ["step"],
  advantage: ["step"],
  reward: ["step"],
  action: ["step"],
  first: ["step"],
  policy_logits: ["step", "logit"],
  strip: ["height", "column", "rgb"],
  observation: ["step", "height", "width", "rgb"],
  attribution: ["step", "y", "x", "feature"],
  residual: ["step", "y", "x"],
  scale: ["step"],
  num_points: ["step"],
  total: ["step", "feature"],
  residual_total: ["step"],
  completeness_error: ["step"],
  residual_share: ["step"],
  thumbnail: ["feature", "height", "width", "rgba"],
};

/** Read one frame at a time: ordering a whole chunk at once would be felt. */
const LAZY = new Set(["observation", "attribution", "residual"]);

const PREVIEW_DIMS = ["keyframe", "height", "width", "rgb"];

/** Inflates and orders the arrays of a reply to `method`. */
export async function load(method: string, [result, buffers]: Reply): Promise<Loaded> {
  const specs = result.arrays ?? [];
  assert(
    specs.length === buffers.length,
    `${method}: ${specs.length} arrays announced, ${buffers.length} came`,
  );
  const arrays: Loaded["arrays"] = {};
  let bytes = 256;
  await Promise.all(
    specs.map(async (spec, index) => {
      const buffer = buffers[index];
      assert(buffer, `${method}: array ${spec.name} has no bytes`);
      const array = await decode(spec, buffer);
      const dims = DIMS[spec.name];
      const ordered = dims && !LAZY.has(spec.name) ? inOrder(array, dims) : array;
      arrays[spec.name] = ordered;
      bytes += ordered.data.byteLength;
    }),
  );
  return { result, arrays, bytes };
}

/** Whether more of a reply may have been computed since it came. */
export const isPartial = (loaded: Loaded | undefined): boolean =>
  loaded?.result.computed === false || loaded?.result.complete === false;

const NONE = new Float32Array(0);

/** The numbers of array `name`, or an empty array when the reply has none. */
export function numbers(loaded: Loaded | undefined, name: string): Data {
  return loaded?.arrays[name]?.data ?? NONE;
}

/** The two items that were read last: this step and the one before. */
const taken = new WeakMap<LabelledArray, { index: number; data: Data | null }[]>();

/** Item `index` along the first axis of array `name`, or null when it is not there. */
export function slice(loaded: Loaded | undefined, name: string, index: number): Data | null {
  const array = loaded?.arrays[name];
  if (!array) return null;
  const known = taken.get(array) ?? [];
  const found = known.find((item) => item.index === index);
  if (found) return found.data;
  const dims = array.dims.includes("keyframe") ? PREVIEW_DIMS : (DIMS[name] ?? array.dims);
  const data = take(array, dims, index);
  taken.set(array, [{ index, data }, ...known.slice(0, 1)]);
  return data;
}
