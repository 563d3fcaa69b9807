/** One row of panels at one moment: the output that it explains, and whatever of its attribution has arrived. */
import { outputLabel } from "../core/actions.ts";
import { type LabelledArray, size } from "../core/arrays.ts";
import type { Cells } from "../core/composite.ts";
import type { ChunkStore } from "../core/store.ts";
import { type Study, stored } from "../core/study.ts";
import { requestKey } from "../core/wants.ts";
import { type Loaded, numbers, slice } from "./replies.ts";
import type { Computing } from "./scene.ts";

export type Mode = "attribution" | "change";

/**
 * Whether there is something to draw: `absent` is not computed; `first` has no earlier step to be compared with;
 * `nan` was computed but is no number.
 */
export type State = "ready" | "loading" | "absent" | "first" | "nan";

export interface RowScene {
  /** 0 is the trait `output`; further rows are `more_outputs`. */
  index: number;
  output: string;
  label: string;
  attribution: State;
  /** In "change" mode this step's less the last one's. */
  cells: (Cells & { key: string }) | null;
  /** The attribution that is drawn at full strength, in units of the output. */
  displayScale: number;
  totals: Loaded | undefined;
  /** Each feature's total at this step, the residual last; in "change" mode less the last step's. NaN: unknown. */
  amounts: Float64Array;
  /** The axis of charts of `amounts`: from Python, robust over all trajectories. */
  axis: { low: number; high: number };
  /** Set while this row's attribution is being computed. */
  computing: Computing | null;
}

/** What all rows share. */
export interface Place {
  study: Study;
  trajectory: number;
  step: number;
  layer: string;
  mode: Mode;
  scale: "study" | "trajectory";
  /** No step of the same episode precedes this one. */
  isFirst: boolean;
  store: ChunkStore<Loaded>;
  computing: Computing | null;
}

type Found = Pick<RowScene, "attribution" | "cells">;

export function gatherRow(place: Place, output: string, index: number): RowScene {
  const { study, trajectory, layer, store, computing } = place;
  const running =
    computing?.trajectory === trajectory && computing.layer === layer && computing.output === output;
  const totals = store.get(requestKey("totals", { trajectory, layer, output }));
  const shown = place.mode === "change" ? changeAt(place, output, running) : found(place, output, running);
  const own = place.scale === "trajectory" ? Number(totals?.result.trajectory_scale ?? 0) : 0;
  const full = own || Number(totals?.result.display_scale ?? 0);
  return {
    index,
    output,
    label: outputLabel(study, output),
    ...shown,
    displayScale: full || peak(shown.cells),
    totals,
    amounts: amountsAt(place, totals),
    axis: axisOf(totals),
    computing: running ? computing : null,
  };
}

/** Full strength until the totals, which carry the study's own scale, have arrived. */
const peak = (cells: RowScene["cells"]): number =>
  cells?.attribution instanceof Int8Array ? 127 * cells.scale : 1;

function found(place: Place, output: string, running: boolean, step = place.step): Found {
  const { study, trajectory, layer, store } = place;
  const chunk = Math.floor(step / study.chunk);
  const loaded = store.get(requestKey("attribution", { trajectory, layer, output, chunk }));
  if (!loaded) {
    const missing = !running && stored(study, layer, output) === "none";
    return { attribution: missing ? "absent" : "loading", cells: null };
  }
  return cellsAt(loaded, step - chunk * study.chunk, `${trajectory}/${step}/${layer}/${output}`);
}

function cellsAt(loaded: Loaded, index: number, key: string): Found {
  const attribution = slice(loaded, "attribution", index);
  const residual = slice(loaded, "residual", index);
  const scale = numbers(loaded, "scale")[index];
  const array = loaded.arrays.attribution;
  const points = numbers(loaded, "num_points")[index];
  if (!array || !attribution || !residual || scale === undefined || points === 0)
    return { attribution: "absent", cells: null };
  if (!Number.isFinite(scale)) return { attribution: "nan", cells: null };
  const [height, width, numFeatures] = [size(array, "y"), size(array, "x"), size(array, "feature")];
  const cells = { height, width, numFeatures, attribution, residual, scale, key };
  return { attribution: "ready", cells: cells as RowScene["cells"] };
}

/** This step's attribution less that of the step before. */
function changeAt(place: Place, output: string, running: boolean): Found {
  const now = found(place, output, running);
  if (!now.cells) return now;
  if (place.isFirst) return { attribution: "first", cells: null };
  const before = found(place, output, running, place.step - 1);
  return before.cells ? { attribution: "ready", cells: difference(now.cells, before.cells) } : before;
}

const differences = new WeakMap<Cells["attribution"], RowScene["cells"]>();

/** Worked out once a step: scenes are gathered several times. */
function difference(now: NonNullable<RowScene["cells"]>, before: Cells): RowScene["cells"] {
  const known = differences.get(now.attribution);
  if (known) return known;
  const less = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Float32Array.from(a, (value, index) => value * now.scale - (b[index] ?? 0) * before.scale);
  const cells = {
    ...now,
    attribution: less(now.attribution, before.attribution),
    residual: less(now.residual, before.residual),
    scale: 1,
    key: `${now.key}/change`,
  };
  differences.set(now.attribution, cells);
  return cells;
}

const NO_TOTAL = new Float64Array(0);

/** Totals of the step with the residual last; what is not computed is NaN. */
function amountsAt(place: Place, totals: Loaded | undefined): Float64Array {
  const array: LabelledArray | undefined = totals?.arrays.total;
  if (!array) return NO_TOTAL;
  const count = size(array, "feature");
  const errors = numbers(totals, "completeness_error");
  const residual = numbers(totals, "residual_total");
  const read = (step: number, index: number): number => {
    if (Number.isNaN(errors[step] ?? Number.NaN)) return Number.NaN;
    return (index === count ? residual[step] : array.data[step * count + index]) ?? Number.NaN;
  };
  const { step, isFirst, mode } = place;
  return Float64Array.from({ length: count + 1 }, (_, index) => {
    if (mode === "attribution") return read(step, index);
    return isFirst ? Number.NaN : read(step, index) - read(step - 1, index);
  });
}

function axisOf(totals: Loaded | undefined): RowScene["axis"] {
  const axis = totals?.result.axis as Partial<RowScene["axis"]> | undefined;
  const low = Math.min(0, axis?.low ?? 0);
  const high = Math.max(0, axis?.high ?? 0);
  return low === high ? { low: -1, high: 1 } : { low, high };
}
