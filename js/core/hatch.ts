/**
 * Hatching in the panel that shows raising and lowering attribution together: colour there says which feature, and
 * lines say the sign.
 *
 * A cell lowers the output if the signed sum of what is shown of it is below zero. The picture is enlarged by
 * `FACTOR`; of a lowering cell's enlarged pixels (X, Y), counted from the picture's top left, those with
 * (X + Y) mod 8 < 2 are black with 0.75 times the cell's own opacity: lines of 45°, rising to the right.
 */
import { type Cells, type Look, shownParts } from "./composite.ts";

export const FACTOR = 4;
const PERIOD = 8;
const LINE = 2;
const STRENGTH = 0.75;

/** For each cell (y, x) the signed sum of what `look` shows, in units of the output. */
export function signedSums(cells: Cells, look: Look): Float64Array {
  const { attribution, residual, numFeatures } = cells;
  const { first, last, withResidual } = shownParts(cells, look);
  const sums = new Float64Array(cells.height * cells.width);
  for (let cell = 0; cell < sums.length; cell++) {
    let sum = withResidual ? (residual[cell] ?? 0) : 0;
    for (let k = first; k < last; k++) sum += attribution[cell * numFeatures + k] ?? 0;
    sums[cell] = sum * cells.scale;
  }
  return sums;
}

/** Hatching as RGBA into `out`, (FACTOR · height, FACTOR · width) of a picture of `size`; `colours` gives opacity. */
export function hatch(
  size: { height: number; width: number },
  cells: Cells,
  sums: Float64Array,
  colours: Float64Array,
  out: Uint8ClampedArray,
): void {
  out.fill(0);
  const width = FACTOR * size.width;
  for (let row = 0; row < size.height; row++) {
    const cellRow = Math.floor((row * cells.height) / size.height) * cells.width;
    for (let column = 0; column < size.width; column++) {
      const cell = cellRow + Math.floor((column * cells.width) / size.width);
      if ((sums[cell] ?? 0) >= 0) continue;
      const alpha = Math.floor(255 * STRENGTH * (colours[4 * cell + 3] ?? 0) + 0.5);
      for (let y = FACTOR * row; y < FACTOR * (row + 1); y++)
        for (let x = FACTOR * column; x < FACTOR * (column + 1); x++)
          if ((x + y) % PERIOD < LINE) out[4 * (y * width + x) + 3] = alpha;
    }
  }
}
