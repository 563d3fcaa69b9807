import { describe, expect, test } from "vitest";
import {
  difference,
  memberStep,
  nearestStep,
  overlap,
  phase,
  sharedStep,
  spread,
  type Track,
} from "../core/align.ts";

const TRACKS: Track[] = [
  { start: 0, stop: 100, offset: 0 },
  { start: 20, stop: 61, offset: 20 },
  { start: 5, stop: 6, offset: -30 },
  { start: 40, stop: 90, offset: 37 },
];

describe.each(TRACKS)("the track %o", (track) => {
  const shared = Array.from({ length: 200 }, (_, step) => step);

  test("maps shared steps to its own and back: the one is the other's inverse", () => {
    for (let step = track.start; step < track.stop; step++)
      expect(memberStep(track, sharedStep(track, step))).toBe(step);
    for (const at of shared) {
      const step = memberStep(track, at);
      if (step !== null) expect(sharedStep(track, step)).toBe(at);
    }
  });

  test("goes one step on with every shared step, without a gap, and each of its steps comes once", () => {
    const own = shared.map((at) => memberStep(track, at)).filter((step) => step !== null);
    expect(own).toEqual(Array.from({ length: track.stop - track.start }, (_, index) => track.start + index));
  });

  test("keeps its nearest step on show: monotone, within the track, exact during it", () => {
    let previous = Number.NEGATIVE_INFINITY;
    for (const at of shared) {
      const step = nearestStep(track, at);
      expect(step).toBeGreaterThanOrEqual(Math.max(previous, track.start));
      expect(step).toBeLessThan(track.stop);
      if (phase(track, at) === "during") expect(step).toBe(memberStep(track, at));
      if (phase(track, at) === "before") expect(step).toBe(track.start);
      if (phase(track, at) === "after") expect(step).toBe(track.stop - 1);
      previous = step;
    }
  });

  test("puts a series where its steps are and NaN elsewhere", () => {
    const values = Float32Array.from({ length: 100 }, (_, step) => step + 0.5);
    const moved = spread(values, track, 200);
    for (const at of shared) {
      const step = memberStep(track, at);
      if (step === null) expect(moved[at]).toBeNaN();
      else expect(moved[at]).toBe(step + 0.5);
    }
  });
});

test("without an offset a track of the whole is the identity", () => {
  const whole = { start: 0, stop: 50, offset: 0 };
  for (let step = 0; step < 50; step++) expect(memberStep(whole, step)).toBe(step);
  const values = Float32Array.from({ length: 50 }, (_, step) => Math.sin(step));
  expect(spread(values, whole, 50)).toEqual(values);
});

test("two tracks overlap where both have a step, whichever comes first", () => {
  for (const a of TRACKS)
    for (const b of TRACKS) {
      const { start, stop } = overlap(a, b);
      expect(overlap(b, a)).toEqual({ start, stop });
      for (let at = 0; at < 200; at++) {
        const both = memberStep(a, at) !== null && memberStep(b, at) !== null;
        expect(at >= start && at < stop).toBe(both);
      }
    }
});

test("a difference is NaN where one of the two is missing, and zero with itself", () => {
  const a = Float32Array.of(1, Number.NaN, 3);
  expect(difference(a, [0.5, 1, Number.NaN])).toEqual(Float32Array.of(0.5, Number.NaN, Number.NaN));
  expect(difference(a, a)).toEqual(Float32Array.of(0, Number.NaN, 0));
});

test("a member that has nothing to align has no number on the shared time", () => {
  expect([...spread([1, 2, 3], null, 4)].every(Number.isNaN)).toBe(true);
});
