/** Reduction of long series to what a pixel column can show. */

export interface Extent {
  low: number;
  high: number;
}

/** Smallest and largest finite number of `values`, or null when there is none. */
export function extent(values: ArrayLike<number>): Extent | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? { low, high } : null;
}

/**
 * Which steps of `values[start, stop)` a line has to go through, in order, so that it looks as if it went through
 * all: in each pixel column (`columnOf`, rising) the first, the lowest, the highest and the last. A step without a
 * number stands for the whole gap that it begins. (Jugel et al. 2014, "M4".)
 */
export function lineSteps(
  values: ArrayLike<number>,
  start: number,
  stop: number,
  columnOf: (step: number) => number,
): number[] {
  const chosen: number[] = [];
  let column = Number.NaN;
  let [first, low, high, last] = [start, start, start, start];
  const flush = () => {
    for (const step of [first, Math.min(low, high), Math.max(low, high), last])
      if (step !== chosen.at(-1)) chosen.push(step);
  };
  for (let step = start; step < stop; step++) {
    const value = values[step] ?? Number.NaN;
    if (!Number.isFinite(value)) {
      if (!Number.isNaN(column)) flush();
      column = Number.NaN;
      if (chosen.length > 0 && Number.isFinite(values[chosen.at(-1) ?? 0])) chosen.push(step);
      continue;
    }
    const here = columnOf(step);
    if (here !== column) {
      if (!Number.isNaN(column)) flush();
      column = here;
      first = low = high = step;
    }
    if (value < (values[low] ?? 0)) low = step;
    if (value > (values[high] ?? 0)) high = step;
    last = step;
  }
  if (!Number.isNaN(column)) flush();
  return chosen;
}
