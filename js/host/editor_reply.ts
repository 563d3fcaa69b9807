/** Python's replies about edited agents, as the editor reads them. */
import { type LabelledArray, size } from "../core/arrays.ts";
import { assert } from "../core/assert.ts";
import type { Where } from "../core/editor.ts";
import { type Future, futureOf } from "./counterfactual_futures.ts";
import { type Arrays, axisOf, type Mind, mindOf } from "./counterfactual_reply.ts";

/** What one edit did to what the network computes on this frame. */
export interface Change {
  /** Number of the entry in the list that was asked about. */
  index: number;
  text: string;
  max_change: number;
  /** Of the largest activation there, or of what the next kernel gives. */
  relative: number;
}

/** One frame, and what the two agents make of it. */
export interface Edited {
  key: string;
  size: { height: number; width: number };
  pixels: Uint8Array;
  before: Mind;
  after: Mind;
  numFeatures: number;
  displayScale: number;
  axis: { low: number; high: number };
  changes: Change[];
  /** Of the two policies, in nats. */
  kl: number;
  /** Where the layer's features can be edited, the usual place first; empty where it is not known. */
  places: Where[];
}

export function editedOf(key: string, { result, arrays }: Arrays): Edited {
  const { observation, attribution } = arrays;
  assert(observation, "the edited agent's answer came without the frame");
  return {
    key,
    size: { height: size(observation, "height"), width: size(observation, "width") },
    pixels: frameOf(observation),
    before: mindOf(0, arrays),
    after: mindOf(1, arrays),
    numFeatures: attribution ? size(attribution, "feature") : 0,
    displayScale: Number(result.display_scale ?? 0),
    axis: axisOf(result.axis),
    changes: (result.changes as Change[] | undefined) ?? [],
    kl: Number(result.kl ?? Number.NaN),
    places: (result.places as Where[] | undefined) ?? [],
  };
}

/** The first frame, whether or not both versions were sent. */
function frameOf(observation: LabelledArray): Uint8Array {
  const length = 3 * size(observation, "height") * size(observation, "width");
  return (observation.data as Uint8Array).subarray(0, length);
}

/** A recorded frame by itself: what can be shown while no agent is connected. */
export function recordedFrame(key: string, pixels: Uint8Array, { height, width }: Edited["size"]): Edited {
  const nothing = { result: {}, arrays: {} };
  const minds = { before: mindOf(0, {}), after: mindOf(1, {}) };
  const rest = { numFeatures: 0, displayScale: 0, changes: [], kl: Number.NaN, places: [] };
  return { key, size: { height, width }, pixels, ...minds, ...rest, axis: axisOf(nothing) };
}

export interface Race extends Future {
  rewards: [original: number, edited: number];
  /** First step in which they act otherwise; null: never. */
  diverged: number | null;
}

export function raceOf(key: string, reply: Arrays): Race {
  const { result } = reply;
  const total = (result.total_reward as number[] | undefined) ?? [];
  const diverged = Number(result.diverged ?? -1);
  return {
    ...futureOf(key, reply),
    rewards: [total[0] ?? Number.NaN, total[1] ?? Number.NaN],
    diverged: diverged < 0 ? null : diverged,
  };
}

/** One cause of failing over many levels, both agents on the same ones. */
export interface MeasuredRow {
  cause: string;
  original: number;
  edited: number;
  rate: [original: number, edited: number];
  interval: [original: [low: number, high: number], edited: [low: number, high: number]];
  /** Levels that only the edited agent loses to this cause, and those that only the original one does. */
  b: number;
  c: number;
  p: number;
  holm: number | null;
}

export interface Measured {
  key: string;
  levels: number;
  rows: MeasuredRow[];
  seconds: number;
}

export const measuredOf = (key: string, { result }: Arrays): Measured => ({
  key,
  levels: Number(result.levels ?? 0),
  rows: (result.rows as MeasuredRow[] | undefined) ?? [],
  seconds: Number(result.seconds ?? Number.NaN),
});
