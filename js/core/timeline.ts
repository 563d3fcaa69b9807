/** Geometry of the timeline: steps, pixels and axes. */
import { type Extent, extent } from "./decimate.ts";
import { niceStep } from "./numbers.ts";

/** The steps from `first` to `last` (inclusive) over `width` pixels from `left`. */
export interface Axis {
  left: number;
  width: number;
  first: number;
  last: number;
}

/** Pixel of a step: the first at the left edge, the last at the right one, as the slider has it. */
export const stepToX = ({ left, width, first, last }: Axis, step: number): number =>
  left + ((step - first) / Math.max(1, last - first)) * width;

/** The step nearest to a pixel, clipped to the axis. */
export function xToStep({ left, width, first, last }: Axis, x: number): number {
  const step = Math.round(first + ((x - left) / Math.max(1, width)) * (last - first));
  return Math.max(first, Math.min(last, step));
}

/** Which part of a trajectory the timeline shows. */
export interface Span {
  first: number;
  last: number;
}

export const SHORTEST_SPAN = 32;

/** `factor` times as many steps, with `around` where it is on the screen; at most all, at least a few. */
export function zoom(span: Span, factor: number, around: number, numSteps: number): Span {
  const length = span.last - span.first;
  const wanted = Math.round(Math.min(numSteps - 1, Math.max(SHORTEST_SPAN, length * factor)));
  const share = length > 0 ? (around - span.first) / length : 0.5;
  const first = Math.round(around - share * wanted);
  return within({ first, last: first + wanted }, numSteps);
}

/** The span, or, when `step` has left it, the one of its length that starts a little before `step`. */
export function follow(span: Span, step: number, numSteps: number): Span {
  if (step >= span.first && step <= span.last) return span;
  const length = span.last - span.first;
  const first = Math.round(step - (step > span.last ? 0.1 : 0.9) * length);
  return within({ first, last: first + length }, numSteps);
}

function within({ first, last }: Span, numSteps: number): Span {
  const length = Math.max(0, Math.min(last - first, numSteps - 1));
  const start = Math.max(0, Math.min(first, numSteps - 1 - length));
  return { first: start, last: start + length };
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
