/** One cell of a layer: what each feature says there, and where to look further. */
import type { Cells } from "./composite.ts";
import { layerNamed, type Study } from "./study.ts";

/** Row and column of a layer's cell, from the top left. */
export type Place = readonly [row: number, column: number];

/** The cell that the trait names; null when none is picked, or none of this layer. */
export function placeIn(
  size: { height: number; width: number } | undefined,
  cell: readonly number[],
): Place | null {
  const [row = -1, column = -1] = cell;
  const inside = size && row >= 0 && row < size.height && column >= 0 && column < size.width;
  return inside ? [row, column] : null;
}

/** What each feature says at a cell, in units of the output; the residual is last. None while there are no cells. */
export function amountsAt(cells: Cells | null, [row, column]: Place): Float64Array {
  if (!cells) return new Float64Array(0);
  const { attribution, residual, numFeatures, scale, width } = cells;
  const cell = row * width + column;
  return Float64Array.from(
    { length: numFeatures + 1 },
    (_, k) =>
      scale * ((k < numFeatures ? attribution[cell * numFeatures + k] : residual[cell]) ?? Number.NaN),
  );
}

/** Indices of the `most` largest sizes among the first `count`, in their own order: rows do not swap places. */
export function strongest(amounts: ArrayLike<number>, count: number, most: number): number[] {
  const all = Array.from({ length: count }, (_, index) => index);
  if (count <= most) return all;
  const size = (index: number) => Math.abs(amounts[index] || 0);
  return all
    .sort((a, b) => size(b) - size(a))
    .slice(0, most)
    .sort((a, b) => a - b);
}

/** The cell where `feature` has its largest size. */
export function peakOf({ attribution, numFeatures, width }: Cells, feature: number): Place {
  let best = 0;
  for (let cell = 0; cell * numFeatures < attribution.length; cell++) {
    const size = (at: number) => Math.abs(attribution[at * numFeatures + feature] ?? 0);
    if (size(cell) > size(best)) best = cell;
  }
  return [Math.floor(best / width), best % width];
}

/** The largest sum over features of what has one sign at a cell: drawn at full strength. */
export function fullStrength({ attribution, numFeatures, scale }: Cells): number {
  let most = 0;
  for (let start = 0; start < attribution.length; start += numFeatures) {
    let up = 0;
    let down = 0;
    for (let at = start; at < start + numFeatures; at++) {
      const value = attribution[at] ?? 0;
      if (value > 0) up += value;
      else down -= value;
    }
    most = Math.max(most, up, down);
  }
  return most * scale || 1;
}

/** The layers that a feature of `layer` can be traced to, the nearest first. */
export function sourcesOf({ layers }: Study, layer: string): string[] {
  const index = layers.findIndex(({ name }) => name === layer);
  return layers
    .slice(0, Math.max(0, index))
    .map(({ name }) => name)
    .reverse();
}

/** The nearest source that has features already, or else the nearest of all. */
export function likelySource(study: Study, sources: readonly string[]): string {
  return sources.find((name) => layerNamed(study, name)?.features.length) ?? sources[0] ?? "";
}
