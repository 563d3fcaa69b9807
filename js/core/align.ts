/** Trajectories on one shared time: which step of each stands at a shared step, and series moved onto it. */

/** The steps from `start` to `stop` (exclusive) of one member; its step is the shared step plus `offset`. */
export interface Track {
  start: number;
  stop: number;
  offset: number;
}

export type Phase = "before" | "during" | "after";

export const sharedStep = (track: Track, step: number): number => step - track.offset;

/** The member's step at a shared step; null where it has none. */
export function memberStep(track: Track, shared: number): number | null {
  return phase(track, shared) === "during" ? shared + track.offset : null;
}

export function phase({ start, stop, offset }: Track, shared: number): Phase {
  const step = shared + offset;
  if (step < start) return "before";
  return step < stop ? "during" : "after";
}

/** The step to keep on show: the member's own, or its first or last one where it has none. */
export const nearestStep = ({ start, stop, offset }: Track, shared: number): number =>
  Math.max(start, Math.min(stop - 1, shared + offset));

/** The shared steps that both tracks have, `stop` exclusive and never before `start`. */
export function overlap(a: Track, b: Track): { start: number; stop: number } {
  const start = Math.max(a.start - a.offset, b.start - b.offset);
  return { start, stop: Math.max(start, Math.min(a.stop - a.offset, b.stop - b.offset)) };
}

/** A member's series on the shared time: NaN where the member, or the number, is missing. */
export function spread(values: ArrayLike<number>, track: Track | null, numSteps: number): Float32Array {
  const result = new Float32Array(numSteps).fill(Number.NaN);
  if (!track) return result;
  for (let step = track.start; step < track.stop; step++) {
    const value = values[step];
    if (value !== undefined) result[step - track.offset] = value;
  }
  return result;
}

/** `a − b` where both have a number, else NaN. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): Float32Array {
  return Float32Array.from(
    { length: a.length },
    (_, step) => (a[step] ?? Number.NaN) - (b[step] ?? Number.NaN),
  );
}
