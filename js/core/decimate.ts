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
 * Smallest and largest value of `values[start, stop)` in each of `bins` equal parts, as (2, bins) in one array:
 * lows first, then highs. A part without finite values holds NaN. No peak is ever lost.
 */
export function minMax(values: ArrayLike<number>, start: number, stop: number, bins: number): Float32Array {
  const result = new Float32Array(2 * bins).fill(Number.NaN);
  for (let index = start; index < stop; index++) {
    const value = values[index] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    const bin = Math.floor(((index - start) * bins) / (stop - start));
    const low = result[bin] ?? Number.NaN;
    const high = result[bins + bin] ?? Number.NaN;
    if (!(low <= value)) result[bin] = value;
    if (!(high >= value)) result[bins + bin] = value;
  }
  return result;
}
