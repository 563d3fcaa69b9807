/**
 * The look of "Understanding RL Vision" (Hilton et al. 2020), as a preset.
 *
 * Per cell, with a_k the non-negative part of feature k's attribution in the panel's direction over the display scale
 * and u_k the feature's hue as a unit vector of red, green and blue:
 *   1. mix: c = Σ a_k u_k, to which a shown residual r adds r·(1, 1, 1);
 *   2. smooth each channel with K(i, j) = exp(−√(i² + j²)) for √(i² + j²) ≤ 7. K sums to 6.457 and is not normalised,
 *      so smoothing also brightens; beyond the border there is nothing;
 *   3. brightness becomes opacity: α = min(1, ‖c‖), colour = c / α, cut off at 1.
 * It lies with 0.9·α over the grey observation (its luma), or with α on black.
 * Hues: n of them equally spaced on a circle through red, yellow, green, cyan, blue and magenta, warped away from
 * red, green and blue. Red and green take part, so that this is no palette for everyone: the default style is.
 */
import type { Rgb } from "./colours.ts";
import { type Cells, directed, type Look, shownParts } from "./composite.ts";

const RADIUS = 7;
const OPACITY = 0.9;

const ANCHORS: Rgb[] = [
  [1, 0, 0],
  [1, 1, 0],
  [0, 1, 0],
  [0, 1, 1],
  [0, 0, 1],
  [1, 0, 1],
];

function unit(vector: Rgb): Rgb {
  const norm = Math.hypot(...vector) || 1;
  return [vector[0] / norm, vector[1] / norm, vector[2] / norm];
}

/** Hue of feature `index` of `count` as red, green and blue of norm 1. */
export function articleHue(index: number, count: number): Rgb {
  const place = (6 * (index % count)) / count;
  const sector = Math.floor(place);
  const part = place - sector;
  const bend = (fraction: number) => Math.sin((fraction * Math.PI) / 2);
  const warped = sector % 2 === 0 ? bend(part) : 1 - bend(1 - part);
  const from = unit(ANCHORS[sector % 6] ?? [0, 0, 0]);
  const to = unit(ANCHORS[(sector + 1) % 6] ?? [0, 0, 0]);
  const mix = (channel: 0 | 1 | 2) => (1 - warped) * from[channel] + warped * to[channel];
  return unit([mix(0), mix(1), mix(2)]);
}

/** The same as "#rrggbb" at full brightness, for swatches. */
export function articleColour(index: number, count: number): string {
  const hue = articleHue(index, count);
  const peak = Math.max(...hue);
  const hex = (part: number) =>
    Math.round((255 * part) / peak)
      .toString(16)
      .padStart(2, "0");
  return `#${hue.map(hex).join("")}`;
}

/** The kernel's taps: offset and weight of each. */
const TAPS = Array.from({ length: (2 * RADIUS + 1) ** 2 }, (_, index) => {
  const down = Math.floor(index / (2 * RADIUS + 1)) - RADIUS;
  const right = (index % (2 * RADIUS + 1)) - RADIUS;
  return { down, right, distance: Math.hypot(down, right) };
})
  .filter(({ distance }) => distance <= RADIUS)
  .map(({ down, right, distance }) => ({ down, right, weight: Math.exp(-distance) }));

/** (y, x, rgb) smoothed; what is dark costs nothing. */
export function smooth(source: Float64Array, height: number, width: number): Float64Array {
  const result = new Float64Array(source.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = 3 * (y * width + x);
      const [red = 0, green = 0, blue = 0] = [source[at], source[at + 1], source[at + 2]];
      if (red === 0 && green === 0 && blue === 0) continue;
      for (const { down, right, weight } of TAPS) {
        const [row, column] = [y + down, x + right];
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        const to = 3 * (row * width + column);
        result[to] = (result[to] ?? 0) + weight * red;
        result[to + 1] = (result[to + 1] ?? 0) + weight * green;
        result[to + 2] = (result[to + 2] ?? 0) + weight * blue;
      }
    }
  return result;
}

/** Colour and opacity of each cell, as `colourCells` gives them: (y, x, [red, green, blue, opacity in 0…1]). */
export function colourCellsLikeArticle(cells: Cells, look: Look, overlay: boolean): Float64Array {
  const { attribution, residual, numFeatures, height, width } = cells;
  const perUnit = cells.scale / (look.displayScale > 0 ? look.displayScale : 1);
  const { first, last, withResidual } = shownParts(cells, look);
  const hues = Array.from({ length: numFeatures }, (_, k) => articleHue(k, numFeatures));
  const light = new Float64Array(3 * height * width);
  for (let cell = 0; cell < height * width; cell++)
    for (let k = first; k <= last; k++) {
      const isResidual = k === last;
      if (isResidual && !withResidual) break;
      const value = (isResidual ? residual[cell] : attribution[cell * numFeatures + k]) ?? 0;
      const part = directed(value, look.direction) * perUnit;
      if (part === 0) continue;
      for (let channel = 0; channel < 3; channel++) {
        const hue = isResidual ? 1 : (hues[k]?.[channel] ?? 0);
        light[3 * cell + channel] = (light[3 * cell + channel] ?? 0) + part * hue;
      }
    }
  return withOpacity(smooth(light, height, width), overlay ? OPACITY : 1);
}

function withOpacity(light: Float64Array, opacity: number): Float64Array {
  const result = new Float64Array((light.length / 3) * 4);
  for (let cell = 0; 3 * cell < light.length; cell++) {
    const [red = 0, green = 0, blue = 0] = light.subarray(3 * cell, 3 * cell + 3);
    const alpha = Math.min(1, Math.hypot(red, green, blue));
    if (alpha === 0) continue;
    result[4 * cell] = 255 * Math.min(1, red / alpha);
    result[4 * cell + 1] = 255 * Math.min(1, green / alpha);
    result[4 * cell + 2] = 255 * Math.min(1, blue / alpha);
    result[4 * cell + 3] = opacity * alpha;
  }
  return result;
}
