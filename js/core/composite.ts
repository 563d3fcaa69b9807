/**
 * Attribution drawn over an observation.
 *
 * Per cell, with a_k the non-negative part of feature k's attribution in the panel's direction:
 * strength s = Σ a_k / display scale, opacity 0.9·√min(1, s), colour = mean of the features' colours weighted by a_k.
 * The square root lets weak evidence be seen; the observation beneath is dimmed and desaturated (0.6·luma + 0.15·rgb)
 * so that colour means a feature and nothing else.
 */
import type { Rgb } from "./colours.ts";

export type Direction = "raises" | "lowers" | "both";

export interface Cells {
  height: number;
  width: number;
  /** (y, x, feature), true value = item · scale. */
  attribution: Int8Array | Float32Array;
  numFeatures: number;
  /** (y, x), same scale. */
  residual: Int8Array | Float32Array;
  scale: number;
}

export interface Look {
  direction: Direction;
  /** One feature alone; `numFeatures` is the residual; null shows all. */
  isolated: number | null;
  showResidual: boolean;
  displayScale: number;
  colours: readonly Rgb[];
  residualColour: Rgb;
}

const OPACITY = 0.9;

/** The non-negative part that a panel shows of one signed number. */
export function directed(value: number, direction: Direction): number {
  if (direction === "both") return Math.abs(value);
  return Math.max(0, direction === "raises" ? value : -value);
}

/** Which features are drawn, from `first` up to but without `last`, and whether the residual is. */
export function shownParts(
  { numFeatures }: Cells,
  { isolated, showResidual }: Pick<Look, "isolated" | "showResidual">,
): { first: number; last: number; withResidual: boolean } {
  if (isolated === null) return { first: 0, last: numFeatures, withResidual: showResidual };
  const last = Math.min(numFeatures, isolated + 1);
  return { first: Math.min(isolated, last), last, withResidual: isolated === numFeatures };
}

/** Colour and opacity of each cell: (y, x, [red, green, blue, opacity in 0…1]). */
export function colourCells(cells: Cells, look: Look): Float64Array {
  const { attribution, residual, numFeatures } = cells;
  const count = cells.height * cells.width;
  const result = new Float64Array(4 * count);
  const perUnit = cells.scale / (look.displayScale > 0 ? look.displayScale : 1);
  const { first, last, withResidual } = shownParts(cells, look);
  for (let cell = 0; cell < count; cell++) {
    let total = 0;
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let k = first; k <= last; k++) {
      const isResidual = k === last;
      if (isResidual && !withResidual) break;
      const value = isResidual ? residual[cell] : attribution[cell * numFeatures + k];
      const colour = isResidual ? look.residualColour : look.colours[k];
      const part = value ? directed(value, look.direction) : 0;
      if (part === 0 || !colour) continue;
      total += part;
      red += part * colour[0];
      green += part * colour[1];
      blue += part * colour[2];
    }
    if (total === 0) continue;
    result[4 * cell] = red / total;
    result[4 * cell + 1] = green / total;
    result[4 * cell + 2] = blue / total;
    result[4 * cell + 3] = OPACITY * Math.sqrt(Math.min(1, total * perUnit));
  }
  return result;
}

/** An observation (height, width, rgb) as opaque RGBA. */
export function paint(observation: Uint8Array, out: Uint8ClampedArray): void {
  for (let source = 0, target = 0; target < out.length; source += 3, target += 4) {
    out[target] = observation[source] ?? 0;
    out[target + 1] = observation[source + 1] ?? 0;
    out[target + 2] = observation[source + 2] ?? 0;
    out[target + 3] = 255;
  }
}

/**
 * `colours` (from `colourCells`) over the observation, dimmed or (`grey`) without its colours, or over black where
 * there is none; as opaque RGBA in `out`.
 */
export function composite(
  observation: Uint8Array | null,
  size: { height: number; width: number },
  cells: { height: number; width: number } | null,
  colours: Float64Array | null,
  out: Uint8ClampedArray,
  grey = false,
): void {
  const [lumaShare, ownShare] = grey ? [1, 0] : [0.6, 0.15];
  for (let row = 0; row < size.height; row++) {
    const cellRow = cells ? Math.floor((row * cells.height) / size.height) * cells.width : 0;
    for (let column = 0; column < size.width; column++) {
      const pixel = row * size.width + column;
      const cell = cells ? 4 * (cellRow + Math.floor((column * cells.width) / size.width)) : 0;
      const alpha = colours?.[cell + 3] ?? 0;
      let luma = 0;
      if (observation) {
        const red = observation[3 * pixel] ?? 0;
        const green = observation[3 * pixel + 1] ?? 0;
        const blue = observation[3 * pixel + 2] ?? 0;
        luma = lumaShare * (0.2126 * red + 0.7152 * green + 0.0722 * blue);
      }
      for (let channel = 0; channel < 3; channel++) {
        const behind = observation ? luma + ownShare * (observation[3 * pixel + channel] ?? 0) : 0;
        const front = colours?.[cell + channel] ?? 0;
        out[4 * pixel + channel] = Math.floor(behind * (1 - alpha) + front * alpha + 0.5);
      }
      out[4 * pixel + 3] = 255;
    }
  }
}
