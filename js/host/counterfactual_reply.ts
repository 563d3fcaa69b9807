/** Python's replies about changed worlds, as the view reads them. */
import { type Data, decode, inOrder, type LabelledArray, size } from "../core/arrays.ts";
import { assert } from "../core/assert.ts";
import type { Cells } from "../core/composite.ts";
import type { Camera, Instances, WorldObject } from "../core/counterfactual_sight.ts";
import { softmax } from "../core/numbers.ts";
import type { Reply, Result } from "./rpc.ts";

/** Axis order that the view reads; Python may send them in another. */
const DIMS: Record<string, string[]> = {
  observation: ["version", "height", "width", "rgb"],
  instance: ["version", "height", "width"],
  object_class: ["version", "height", "width"],
  large: ["version", "height", "width", "rgb"],
  policy_logits: ["version", "logit"],
  attribution: ["version", "y", "x", "feature"],
  residual: ["version", "y", "x"],
  total: ["version", "feature"],
};

export interface Arrays {
  result: Result;
  arrays: Record<string, LabelledArray | undefined>;
}

export async function arraysOf([result, buffers]: Reply): Promise<Arrays> {
  const specs = result.arrays ?? [];
  assert(specs.length === buffers.length, `${specs.length} arrays announced, ${buffers.length} came`);
  const arrays: Arrays["arrays"] = {};
  await Promise.all(
    specs.map(async (spec, index) => {
      const buffer = buffers[index];
      assert(buffer, `array ${spec.name} has no bytes`);
      const array = await decode(spec, buffer);
      const dims = DIMS[spec.name];
      arrays[spec.name] = dims?.length === array.dims.length ? inOrder(array, dims) : array;
    }),
  );
  return { result, arrays };
}

export interface Ended {
  cause: string;
  reward: number;
  completed: boolean | null;
  /** Buttons pressed until then. */
  presses: number;
}

/** What an agent makes of a frame. */
export interface Mind {
  value: number;
  /** The output that is explained. */
  explained: number;
  chances: Float64Array | null;
  cells: Cells | null;
  /** Totals of the features, the residual last. */
  totals: Float64Array;
  error: number;
}

/** What is seen and thought in one of the two worlds. */
export interface Version extends Mind {
  name: "before" | "after";
  pixels: Uint8Array;
  instances: Instances;
  /** The class of what is drawn at each pixel, as its number in `classes`. */
  pixelClass: Uint8Array | null;
  objects: WorldObject[];
  camera: Camera;
  /** A button that was pressed by hand ended the episode: the terminal frame is shown. */
  ended: Ended | null;
}

/** Something that can be put into the world. */
export interface PaletteItem {
  /** Null where the kind says it all. */
  what: string | null;
  kind: string;
  themes: number;
}

export interface Imagined {
  /** Changes with the content. */
  key: string;
  size: { height: number; width: number };
  before: Version;
  after: Version;
  numFeatures: number;
  displayScale: number;
  axis: { low: number; high: number };
  /** Each edit in words. */
  said: string[];
  /** Why the maze is none that the generator could have made; empty: it could; null: not a maze. */
  reasons: string[] | null;
  /** Names of edits that can be done to objects of each class. */
  tools: Record<string, string[]>;
  palette: PaletteItem[];
  themes: Record<string, number>;
  backgrounds: number;
  background: number | null;
  velocityBox: boolean | null;
  classes: string[];
}

export function imagined(key: string, { result, arrays }: Arrays): Imagined {
  const { observation, attribution } = arrays;
  assert(observation, "the changed world came without a frame");
  const version = (index: 0 | 1): Version => versionOf(index, { result, arrays }, observation);
  return {
    key,
    size: { height: size(observation, "height"), width: size(observation, "width") },
    before: version(0),
    after: version(1),
    numFeatures: attribution ? size(attribution, "feature") : 0,
    ...rest({ result, arrays }),
  };
}

function rest({ result }: Arrays): Omit<Imagined, "key" | "size" | "before" | "after" | "numFeatures"> {
  return {
    displayScale: Number(result.display_scale ?? 0),
    axis: axisOf(result.axis),
    said: (result.edits as string[] | undefined) ?? [],
    reasons: (result.reasons as string[] | null | undefined) ?? null,
    tools: (result.tools as Imagined["tools"] | undefined) ?? {},
    palette: (result.palette as PaletteItem[] | undefined) ?? [],
    themes: (result.themes as Imagined["themes"] | undefined) ?? {},
    backgrounds: Number(result.backgrounds ?? 0),
    background: (result.background as number | null | undefined) ?? null,
    velocityBox: (result.velocity_box as boolean | null | undefined) ?? null,
    classes: (result.classes as string[] | undefined) ?? [],
  };
}

/** Dust that is left behind: drawn, many pieces of it, and nothing that could be changed. */
const TRAIL = "trail";

const solid = (objects: WorldObject[]): WorldObject[] =>
  objects.filter(({ object_class: name }) => name !== TRAIL);

/** Item `index` along the first axis, which is the version. */
export function item(array: LabelledArray | undefined, index: number): Data | null {
  if (!array) return null;
  const length = array.data.length / (array.shape[0] ?? 1);
  return array.data.subarray(index * length, (index + 1) * length);
}

function versionOf(index: 0 | 1, { result, arrays }: Arrays, observation: LabelledArray): Version {
  const [height, width] = [size(observation, "height"), size(observation, "width")];
  const list = <T>(name: string, fallback: T): T =>
    ((result[name] as T[] | undefined) ?? [])[index] ?? fallback;
  return {
    name: index === 0 ? "before" : "after",
    pixels: item(observation, index) as Uint8Array,
    instances: {
      height,
      width,
      ids: (item(arrays.instance, index) as Int32Array | null) ?? new Int32Array(0),
    },
    pixelClass: item(arrays.object_class, index) as Uint8Array | null,
    objects: solid(list<WorldObject[]>("objects", [])),
    camera: list<Camera>("camera", { left: 0, top: 0, cell: 1 }),
    ...mindOf(index, arrays),
    ended: list<Ended | null>("ended", null),
  };
}

export function mindOf(index: number, arrays: Arrays["arrays"]): Mind {
  const logits = item(arrays.policy_logits, index);
  return {
    value: arrays.value?.data[index] ?? Number.NaN,
    explained: arrays.output_value?.data[index] ?? Number.NaN,
    chances: logits && softmax(logits),
    cells: cellsOf(index, arrays),
    totals: totalsOf(index, arrays),
    error: arrays.completeness_error?.data[index] ?? Number.NaN,
  };
}

function cellsOf(index: number, { attribution, residual, scale }: Arrays["arrays"]): Cells | null {
  if (!attribution) return null;
  return {
    height: size(attribution, "y"),
    width: size(attribution, "x"),
    numFeatures: size(attribution, "feature"),
    attribution: item(attribution, index) as Cells["attribution"],
    residual: (item(residual, index) as Cells["residual"] | null) ?? new Int8Array(0),
    scale: scale?.data[index] ?? 1,
  };
}

function totalsOf(index: number, { total, residual_total: rest }: Arrays["arrays"]): Float64Array {
  const own = item(total, index);
  return own ? Float64Array.from([...own, rest?.data[index] ?? Number.NaN]) : new Float64Array(0);
}

export function axisOf(axis: unknown): Imagined["axis"] {
  const { low = 0, high = 0 } = (axis ?? {}) as Partial<Imagined["axis"]>;
  return low < high ? { low: Math.min(0, low), high: Math.max(0, high) } : { low: -1, high: 1 };
}

/** A recorded frame and its objects, as far as they are known: what can be shown while no agent is connected. */
export function recorded(
  key: string,
  { pixels, size }: { pixels: Uint8Array; size: Imagined["size"] },
  known: Arrays | null,
): Imagined {
  const { instance } = known?.arrays ?? {};
  const result = (known?.result ?? {}) as { objects?: WorldObject[]; camera?: Camera };
  const version = (name: Version["name"]): Version => ({
    name,
    pixels,
    instances: { ...size, ids: (instance?.data as Int32Array | undefined) ?? new Int32Array(0) },
    pixelClass: null,
    objects: solid(result.objects ?? []),
    camera: result.camera ?? { left: 0, top: 0, cell: 1 },
    ...mindOf(0, {}),
    ended: null,
  });
  const nothing: Arrays = { result: {}, arrays: {} };
  const [before, after] = [version("before"), version("after")];
  return { ...rest(nothing), key, size, before, after, numFeatures: 0 };
}

/** What an object is worth, by attribution and by its loss. */
export interface Effects {
  key: string;
  /** By object; what is no object has the keys "wall" and "background". */
  of: Map<string, { attributed: number; lost: number; why: string }>;
}

export function effectsOf(key: string, { result, arrays }: Arrays): Effects {
  const rows = (result.objects as { key: string; object_class: string; why?: string }[] | undefined) ?? [];
  const of: Effects["of"] = new Map();
  for (const [index, { key: own, object_class: name, why = "" }] of rows.entries()) {
    const number = (array: string) => arrays[array]?.data[index] ?? Number.NaN;
    const dust = name === TRAIL ? of.get(TRAIL) : undefined;
    const attributed = number("attributed") + (dust?.attributed ?? 0);
    if (name === TRAIL) of.set(TRAIL, { attributed, lost: Number.NaN, why: "" });
    else of.set(own, { attributed, lost: number("lost"), why });
  }
  return { key, of };
}
