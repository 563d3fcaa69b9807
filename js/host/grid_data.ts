/** What a feature grid asks Python for; answers are kept while it is open. */
import { size } from "../core/arrays.ts";
import { type Density, fetchedZoom, type Origin, type Patches } from "../core/grid.ts";
import { type Params, requestKey } from "../core/wants.ts";
import { type Loaded, load, slice } from "./replies.ts";
import type { Progress, Reply, RequestOptions } from "./rpc.ts";

export interface GridSettings {
  layer: string;
  feature: number;
  origin: Origin;
  density: Density;
  zoom: number;
  opaque: boolean;
}

export type Ask = (method: string, params: Params, options?: RequestOptions) => Promise<Reply>;

export interface Grid {
  origin: Origin;
  patches: Patches;
  fetched: number;
  strength: Float32Array;
  /** Number of the frame in its origin. */
  foundIn: Int32Array;
  row: Float32Array;
  column: Float32Array;
  numFrames: number;
  mostUses: number;
  /** Pixels of the observation that a patch spans. */
  span: { height: number; width: number };
}

export interface Frame {
  height: number;
  width: number;
  pixels: Uint8Array;
}

const KEPT = 24;

export class GridData {
  #ask: Ask;
  #kept = new Map<string, Promise<Loaded>>();

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** The grid, or null where the study holds none. */
  async grid({ layer, feature, origin, density, zoom }: GridSettings): Promise<Grid | null> {
    const fetched = fetchedZoom(zoom);
    const params = { layer, feature, origin, density };
    // A page carries only the smaller patches: their middle is all there is then.
    const loaded = await this.#load("grid", { ...params, zoom: fetched }).catch((error: unknown) => {
      if (fetched > 4) return this.#load("grid", { ...params, zoom: 4 });
      throw error;
    });
    return gridOf(loaded, origin);
  }

  numbers(layer: string, feature: number): Promise<Loaded> {
    return this.#load("feature", { layer, feature });
  }

  /** A whole frame. Pages carry those of the rollout in chunks and no diverse ones. */
  async frame(
    origin: Origin,
    number: number,
    { numSteps, chunk }: { numSteps: number; chunk: number },
  ): Promise<Frame> {
    try {
      const { arrays } = await this.#load("sample", { origin, number });
      if (!arrays.frame) throw new Error("the frame came without pixels");
      return frameOf(arrays.frame.shape, arrays.frame.data as Uint8Array);
    } catch (error) {
      if (origin !== "rollout") throw error;
      const step = number % numSteps;
      const at = { trajectory: Math.floor(number / numSteps), chunk: Math.floor(step / chunk) };
      const loaded = await this.#load("observations", at);
      const pixels = slice(loaded, "observation", step % chunk);
      const array = loaded.arrays.observation;
      if (!pixels || !array) throw error;
      return frameOf([size(array, "height"), size(array, "width")], pixels as Uint8Array);
    }
  }

  /** Has a layer looked up that an earlier version of the study lacks; what is kept of it is asked for anew. */
  async survey(layer: string, signal: AbortSignal, progress: (progress: Progress) => void): Promise<void> {
    await this.#ask("survey", { layer }, { signal, progress, timeout: Number.POSITIVE_INFINITY });
    this.forget();
  }

  forget(): void {
    this.#kept.clear();
  }

  #load(method: string, params: Params): Promise<Loaded> {
    const key = requestKey(method, params);
    const known = this.#kept.get(key) ?? this.#ask(method, params).then((reply) => load(method, reply));
    this.#kept.delete(key);
    this.#kept.set(key, known);
    known.catch(() => this.#kept.delete(key));
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
    return known;
  }
}

function frameOf(shape: readonly number[], pixels: Uint8Array): Frame {
  const [height = 0, width = 0] = shape;
  return { height, width, pixels };
}

function gridOf({ result, arrays }: Loaded, origin: Origin): Grid | null {
  const { patch, opacity, strength, found_in: foundIn, row, column } = arrays;
  if (!result.computed || !patch || !opacity || !strength || !foundIn || !row || !column) return null;
  return {
    origin,
    patches: {
      rows: size(patch, "grid_y"),
      columns: size(patch, "grid_x"),
      height: size(patch, "patch_height"),
      width: size(patch, "patch_width"),
      pixels: patch.data as Uint8Array,
      opacity: opacity.data as Uint8Array,
    },
    fetched: Number(result.zoom),
    strength: strength.data as Float32Array,
    foundIn: foundIn.data as Int32Array,
    row: row.data as Float32Array,
    column: column.data as Float32Array,
    numFrames: Number(result.num_observations),
    mostUses: Number(result.most_uses),
    span: { height: Number(result.patch_height), width: Number(result.patch_width) },
  };
}
