/** Geometry of the timeline: steps, pixels and axes. */
import { type Extent, extent } from "./decimate.ts";
import { niceStep } from "./numbers.ts";

export interface Axis {
  left: number;
  width: number;
  numSteps: number;
}

/** Pixel of a step: the first at the left edge, the last at the right one, as the slider has it. */
export const stepToX = (axis: Axis, step: number): number =>
  axis.left + (step / Math.max(1, axis.numSteps - 1)) * axis.width;

/** The step nearest to a pixel, clipped to the trajectory. */
export function xToStep(axis: Axis, x: number): number {
  const step = Math.round(((x - axis.left) / Math.max(1, axis.width)) * (axis.numSteps - 1));
  return Math.max(0, Math.min(axis.numSteps - 1, step));
}

export interface Scale extends Extent {
  ticks: number[];
}

/** A range that holds `values` (and zero, if asked) with a little air, and one to four round ticks within it; none without values. */
export function valueScale(
  values: ArrayLike<number>,
  options: { zero?: boolean; ticks?: number } = {},
): Scale {
  const found = extent(values);
  if (!found) return { low: 0, high: 1, ticks: [] };
  let low = options.zero ? Math.min(0, found.low) : found.low;
  let high = options.zero ? Math.max(0, found.high) : found.high;
  if (low === high) {
    low -= 0.5;
    high += 0.5;
  }
  const step = niceStep((high - low) / (options.ticks ?? 3));
  const air = 0.06 * (high - low);
  const ticks: number[] = [];
  for (let tick = Math.ceil((low - air) / step); tick * step <= high + air; tick++) ticks.push(tick * step);
  return { low: low - air, high: high + air, ticks };
}

export interface Lane {
  top: number;
  height: number;
}

/** Pixel of `value` within a lane. */
export const valueToY = (lane: Lane, scale: Extent, value: number): number =>
  lane.top + lane.height * (1 - (value - scale.low) / (scale.high - scale.low));

/** Lanes one under the other from `top`, with `gap` between. */
export function stack(heights: readonly number[], top: number, gap: number): Lane[] {
  let next = top;
  return heights.map((height) => {
    const lane = { top: next, height };
    next += height + gap;
    return lane;
  });
}
