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

/** Which part of a trajectory the timeline shows; beyond an end there is nothing to draw. */
export interface Span {
  first: number;
  last: number;
}

/** Steps as the traits have them: `[start, stop)`, or empty. */
export type Range = readonly number[];

/** Where a range comes close to nothing, or is none, everything is shown. */
export function spanOf([start, stop]: Range, numSteps: number): Span {
  const all = { first: 0, last: Math.max(0, numSteps - 1) };
  if (start === undefined || stop === undefined || stop <= start || start >= numSteps) return all;
  return { first: Math.max(0, start), last: Math.min(stop - 1, all.last) };
}

/** The other way round; everything is the empty range. */
export const rangeOf = ({ first, last }: Span, numSteps: number): Range =>
  first <= 0 && last >= numSteps - 1 ? [] : [first, last + 1];

/** The steps between two, whichever comes first. */
export const between = (from: number, to: number): Range => [Math.min(from, to), Math.max(from, to) + 1];

export const SHORTEST_SPAN = 32;

/** `factor` times as many steps, with `around` where it is on the screen; at most all, at least a few. */
export function zoom(span: Span, factor: number, around: number, numSteps: number): Span {
  const length = span.last - span.first;
  // At least one step's difference, or a slow pinch would never get anywhere.
  const rounded = Math.round(length * factor);
  const other = rounded === length ? length + Math.sign(factor - 1) : rounded;
  const wanted = Math.min(numSteps - 1, Math.max(Math.min(length, SHORTEST_SPAN), other));
  const share = length > 0 ? (around - span.first) / length : 0.5;
  const first = Math.round(around - share * wanted);
  return within({ first, last: first + wanted }, numSteps);
}

/** The span moved by so many steps, as far as there are any. */
export const pan = ({ first, last }: Span, by: number, numSteps: number): Span =>
  within({ first: first + Math.round(by), last: last + Math.round(by) }, numSteps);

/** A span of the same length with `step` in its middle, past the ends where it must be. */
export function centre({ first, last }: Span, step: number): Span {
  const half = (last - first) / 2;
  return { first: step - half, last: step + half };
}

/** The span, or, when `step` has left it, the one of its length that starts a little before `step`. */
export function follow(span: Span, step: number, numSteps: number): Span {
  if (step >= span.first && step <= span.last) return span;
  const length = span.last - span.first;
  const first = Math.round(step - (step > span.last ? 0.1 : 0.9) * length);
  return within({ first, last: first + length }, numSteps);
}

export function within({ first, last }: Span, numSteps: number): Span {
  const length = Math.max(0, Math.min(last - first, numSteps - 1));
  const start = Math.max(0, Math.min(Math.round(first), numSteps - 1 - length));
  return { first: start, last: start + length };
}

/** An axis over a span; a single step stands in the middle. */
export function axisOver({ first, last }: Span, left: number, width: number): Axis {
  return first === last
    ? { left, width, first: first - 0.5, last: last + 0.5 }
    : { left, width, first, last };
}

/** Pixels that one step takes. */
export const perStep = ({ width, first, last }: Axis): number => width / Math.max(1, last - first);

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
