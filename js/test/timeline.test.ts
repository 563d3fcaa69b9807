import { describe, expect, test } from "vitest";
import { Clock } from "../core/clock.ts";
import { follow, stack, stepToX, valueScale, valueToY, xToStep, zoom } from "../core/timeline.ts";

describe("steps and pixels", () => {
  test("every step comes back from its own pixel", () => {
    for (const numSteps of [2, 7, 512, 1000]) {
      const axis = { left: 36, width: 1000, first: 5, last: 4 + numSteps };
      for (let step = 5; step < 5 + numSteps; step++) expect(xToStep(axis, stepToX(axis, step))).toBe(step);
    }
  });

  test("outside the axis is its nearest end; a single step is always step 0", () => {
    const axis = { left: 10, width: 100, first: 0, last: 49 };
    expect([xToStep(axis, -500), xToStep(axis, 900)]).toEqual([0, 49]);
    expect(xToStep({ ...axis, last: 0 }, 60)).toBe(0);
  });
});

describe("zoom", () => {
  const whole = { first: 0, last: 9999 };

  test("keeps the step around which it happens in its place", () => {
    const axis = { left: 0, width: 1000 };
    for (const around of [0, 1234, 5000, 9999]) {
      const span = zoom(whole, 0.25, around, 10_000);
      expect(span.last - span.first).toBe(2500);
      expect(
        Math.abs(stepToX({ ...axis, ...span }, around) - stepToX({ ...axis, ...whole }, around)),
      ).toBeLessThan(1);
    }
  });

  test("stays within the trajectory, neither longer than it nor shorter than a glance", () => {
    let span = whole;
    for (let turn = 0; turn < 40; turn++) span = zoom(span, 0.5, 9999, 10_000);
    expect(span).toEqual({ first: 9967, last: 9999 });
    for (let turn = 0; turn < 40; turn++) span = zoom(span, 2, 9967, 10_000);
    expect(span).toEqual(whole);
    expect(zoom({ first: 0, last: 9 }, 0.5, 4, 10)).toEqual({ first: 0, last: 9 });
    expect(zoom({ first: 0, last: 0 }, 0.5, 0, 1)).toEqual({ first: 0, last: 0 });
  });

  test("follows a step that leaves it, and only then", () => {
    const span = { first: 100, last: 200 };
    expect(follow(span, 150, 1000)).toBe(span);
    for (const step of [0, 99, 201, 640, 999]) {
      const { first, last } = follow(span, step, 1000);
      expect(last - first).toBe(100);
      expect(step >= first && step <= last && first >= 0 && last <= 999).toBe(true);
    }
  });
});

describe("scales", () => {
  test("hold every finite value and have a round tick inside", () => {
    for (const values of [
      [3, 9.5],
      [-0.02, 0.3],
      [5, 5],
      [Number.NaN, 1],
    ]) {
      const scale = valueScale(values);
      for (const value of values.filter(Number.isFinite)) {
        expect(value).toBeGreaterThanOrEqual(scale.low);
        expect(value).toBeLessThanOrEqual(scale.high);
      }
      expect(scale.ticks.length).toBeGreaterThanOrEqual(1);
      for (const tick of scale.ticks) expect(tick).toBeLessThanOrEqual(scale.high);
    }
  });

  test("nothing to show has no ticks", () => {
    expect(valueScale([Number.NaN]).ticks).toEqual([]);
  });

  test("zero is inside when asked for", () => {
    expect(valueScale([4, 5], { zero: true }).low).toBeLessThanOrEqual(0);
    expect(valueScale([4, 5], { zero: true }).ticks).toContain(0);
  });

  test("larger values are higher up, within the lane", () => {
    const [lane] = stack([40, 20], 5, 8);
    if (!lane) throw new Error("no lane");
    expect(valueToY(lane, { low: 0, high: 1 }, 0)).toBe(45);
    expect(valueToY(lane, { low: 0, high: 1 }, 1)).toBe(5);
    expect(stack([40, 20], 5, 8)[1]).toEqual({ top: 53, height: 20 });
  });
});

describe("Clock", () => {
  const playing = { numSteps: 1000, direction: 1, fps: 24, loop: false };

  test("does not drift, whatever the display's rhythm", () => {
    const clock = new Clock();
    let step = 0;
    for (let now = 0; now <= 10_000; now += 7 + (now % 13)) ({ step } = clock.advance(now, step, playing));
    ({ step } = clock.advance(10_000, step, playing));
    expect(step).toBe(240);
  });

  test("plays at one step a second and at 120", () => {
    for (const fps of [1, 120]) {
      const clock = new Clock();
      clock.advance(0, 0, { ...playing, fps });
      expect(clock.advance(3000, 0, { ...playing, fps }).step).toBe(3 * fps);
    }
  });

  test("loops in both directions", () => {
    const film = { numSteps: 10, direction: 1, fps: 10, loop: true };
    const forwards = new Clock();
    forwards.advance(0, 8, film);
    expect(forwards.advance(300, 8, film)).toEqual({ step: 1, ended: false });
    const backwards = new Clock();
    backwards.advance(0, 1, { ...film, direction: -1 });
    expect(backwards.advance(300, 1, { ...film, direction: -1 })).toEqual({ step: 8, ended: false });
  });

  test("ends at an end without loop", () => {
    const clock = new Clock();
    clock.advance(0, 998, playing);
    expect(clock.advance(1000, 998, playing)).toEqual({ step: 999, ended: true });
  });

  test("goes on from a step or a speed that someone else set", () => {
    const clock = new Clock();
    clock.advance(0, 0, playing);
    clock.advance(1000, 0, playing);
    expect(clock.advance(1010, 500, playing).step).toBe(500);
    expect(clock.advance(2010, 500, playing).step).toBe(524);
    expect(clock.advance(2020, 524, { ...playing, fps: 60 }).step).toBe(524);
  });

  test("time held is not made up for", () => {
    const clock = new Clock();
    clock.advance(0, 0, playing);
    clock.hold();
    expect(clock.advance(5000, 0, playing).step).toBe(0);
    expect(clock.advance(5100, 0, playing).step).toBe(2);
  });
});
