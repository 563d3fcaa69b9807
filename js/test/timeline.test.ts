import { describe, expect, test } from "vitest";
import { Clock } from "../core/clock.ts";
import { extent, lineSteps } from "../core/decimate.ts";
import { endsOf, markBeyond, marksOf } from "../core/marks.ts";
import {
  axisOver,
  between,
  centre,
  follow,
  pan,
  perStep,
  rangeOf,
  spanOf,
  stack,
  stepToX,
  valueScale,
  valueToY,
  within,
  xToStep,
  zoom,
} from "../core/timeline.ts";
import type { Scene } from "../host/scene.ts";
import { GUTTER, layOut, series } from "../panels/lanes.ts";
import { drawRail, END } from "../panels/rail.ts";
import { partsFor } from "../panels/strips.ts";
import { holds, sheetFor } from "../panels/timeline_draw.ts";
import type { Theme } from "../views/theme.ts";
import { noise } from "./world.ts";

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

  test("always gets somewhere, however small the turn, until an end is reached", () => {
    let span = { first: 4000, last: 4040 };
    for (let turn = 0; turn < 8; turn++) span = zoom(span, 0.999, 4020, 10_000);
    expect(span.last - span.first).toBe(32);
    for (let turn = 0; turn < 9; turn++) span = zoom(span, 1.001, 4020, 10_000);
    expect(span.last - span.first).toBe(41);
  });

  test("a part shorter than a glance, set from Python, is left alone by zooming in", () => {
    expect(zoom({ first: 5, last: 9 }, 0.5, 7, 100)).toEqual({ first: 5, last: 9 });
    const wider = zoom({ first: 5, last: 9 }, 2, 7, 100);
    expect(wider.last - wider.first).toBe(8);
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

describe("ranges", () => {
  test("as spans and back; everything is the empty range", () => {
    for (const range of [
      [0, 1],
      [3, 4],
      [10, 90],
      [99, 100],
    ])
      expect(rangeOf(spanOf(range, 100), 100)).toEqual(range);
    for (const range of [[], [0, 100], [0, 1000]]) expect(rangeOf(spanOf(range, 100), 100)).toEqual([]);
  });

  test("what is none shows everything", () => {
    for (const range of [[], [5], [7, 7], [8, 3], [100, 120]])
      expect(spanOf(range, 100)).toEqual({ first: 0, last: 99 });
    expect(spanOf([], 1)).toEqual({ first: 0, last: 0 });
    expect(spanOf([90, 120], 100)).toEqual({ first: 90, last: 99 });
  });

  test("between two steps, whichever comes first", () => {
    expect(between(3, 9)).toEqual([3, 10]);
    expect(between(9, 3)).toEqual([3, 10]);
    expect(between(4, 4)).toEqual([4, 5]);
  });

  test("panning keeps the length and stops at the ends", () => {
    for (const by of [-1e6, -40, -0.4, 0, 3, 1e6]) {
      const { first, last } = pan({ first: 30, last: 60 }, by, 100);
      expect(last - first).toBe(30);
      expect(first >= 0 && last <= 99).toBe(true);
    }
    expect(pan({ first: 30, last: 60 }, -10, 100)).toEqual({ first: 20, last: 50 });
  });
});

describe("a playhead in the middle", () => {
  test("stays there for every step and length, past both ends", () => {
    for (const numSteps of [1, 2, 100, 100_000])
      for (const range of [[], [0, 1], [0, 33], [0, 256]])
        for (const step of [0, 1, Math.floor(numSteps / 2), numSteps - 1]) {
          const axis = axisOver(centre(spanOf(range, numSteps), step), 40, 1000);
          expect(stepToX(axis, step)).toBeCloseTo(540, 6);
        }
  });

  test("its view, put within the trajectory, still shows the step", () => {
    for (const step of [0, 5, 50, 99]) {
      const { first, last } = within(centre({ first: 0, last: 40 }, step), 100);
      expect(last - first).toBe(40);
      expect(first >= 0 && last <= 99 && first <= step && step <= last).toBe(true);
    }
  });
});

describe("the sheet that slides beneath", () => {
  const axis = axisOver({ first: 1000, last: 1255 }, 40, 1000);

  test("has the steps of the axis at the same distance, and half a view on either side", () => {
    const sheet = sheetFor(axis, 100_000);
    expect(perStep(sheet)).toBeCloseTo(perStep(axis), 9);
    expect(sheet.width).toBeCloseTo(2 * axis.width, 6);
    for (const by of [0, 1, -100, 127])
      expect(holds(sheet, axisOver(pan({ first: 1000, last: 1255 }, by, 100_000), 40, 1000), 100_000)).toBe(
        true,
      );
  });

  test("is drawn anew when it is left behind or the zoom changes", () => {
    const sheet = sheetFor(axis, 100_000);
    expect(holds(sheet, axisOver({ first: 1200, last: 1455 }, 40, 1000), 100_000)).toBe(false);
    expect(holds(sheet, axisOver({ first: 1000, last: 1200 }, 40, 1000), 100_000)).toBe(false);
    expect(holds(undefined, axis, 100_000)).toBe(false);
  });

  test("holds what there is at both ends, and the whole of a single step", () => {
    for (const [numSteps, step] of [
      [1, 0],
      [300, 0],
      [300, 299],
      [2, 1],
    ] as const) {
      const end = axisOver(centre(spanOf([0, 256], numSteps), step), 40, 1000);
      expect(holds(sheetFor(end, numSteps), end, numSteps)).toBe(true);
    }
  });
});

describe("a line through far more steps than pixels", () => {
  const numSteps = 100_000;
  const values = Float32Array.from({ length: numSteps }, (_, step) => noise(step) + Math.sin(step / 700));

  test("keeps a spike of one step, wherever it is and whatever the width", () => {
    for (const width of [1, 7, 300, 1200])
      for (const spike of [0, 1, 4999, 77_777, numSteps - 1])
        for (const height of [50, -50]) {
          const spiky = values.slice();
          spiky[spike] = height;
          const steps = lineSteps(spiky, 0, numSteps, (step) => Math.floor((step * width) / numSteps));
          expect(steps).toContain(spike);
        }
  });

  test("has in every pixel column the extent of all its steps, and enters and leaves it as they do", () => {
    const columnOf = (step: number) => Math.floor(step / 83);
    const steps = lineSteps(values, 500, 90_000, columnOf);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps.length).toBeLessThanOrEqual(4 * (columnOf(89_999) - columnOf(500) + 1));
    for (const column of new Set(steps.map(columnOf))) {
      const chosen = steps.filter((step) => columnOf(step) === column);
      const [start, stop] = [Math.max(500, 83 * column), Math.min(90_000, 83 * (column + 1))];
      expect(extent(chosen.map((step) => values[step] ?? 0))).toEqual(extent(values.subarray(start, stop)));
      expect([chosen[0], chosen.at(-1)]).toEqual([start, stop - 1]);
    }
  });

  test("where there is a pixel for each step goes through all of them", () => {
    expect(lineSteps(values, 3, 60, (step) => step)).toEqual(
      Array.from({ length: 57 }, (_, index) => index + 3),
    );
  });

  test("has one gap for every run without numbers, and none at the ends", () => {
    const [gap, other] = [Number.NaN, Number.POSITIVE_INFINITY];
    const steps = lineSteps([gap, 1, 2, gap, other, 3, gap, gap], 0, 8, (step) => step);
    expect(steps).toEqual([1, 2, 3, 5, 6]);
    expect(lineSteps([gap, gap], 0, 2, (step) => step)).toEqual([]);
    const inside = lineSteps([4, gap, 9, 1], 0, 4, () => 0);
    expect(inside).toEqual([0, 1, 2, 3]);
  });
});

describe("a closer look at the strip", () => {
  test("is fetched for what a sheet shows where the strip leaves steps out, and for no more than a few parts", () => {
    const sheet = (first: number, last: number) => ({ left: 0, width: 1000, first, last });
    expect(partsFor(sheet(-0.5, 300), 100_000, 4096)).toEqual([0]);
    expect(partsFor(sheet(1000, 2100), 100_000, 4096)).toEqual([0, 1, 2]);
    expect(partsFor(sheet(99_800, 99_999.5), 100_000, 4096)).toEqual([97]);
    expect(partsFor(sheet(-0.5, 99_999.5), 100_000, 4096)).toEqual([]);
    expect(partsFor(sheet(10, 20), 4096, 4096)).toEqual([]);
  });
});

describe("lanes", () => {
  const array = (data: number[] | Float32Array, dims: string[], shape: number[]) => ({ data, dims, shape });
  const scene = (names: string[], changes: object = {}) =>
    ({
      study: { action_names: ["LEFT", "RIGHT"], has_value: names.length !== 1 },
      trajectory: 0,
      rows: ["value", "RIGHT", "RIGHT", "sum:LEFT,RIGHT"].map((output) => ({ output, label: output })),
      output: "value",
      pinned: null,
      layer: { features: [{ name: "saw", colour: "#123456" }] },
      curves: {
        arrays: {
          ...Object.fromEntries(names.map((name) => [name, array(Float32Array.of(1, 2, 3), ["step"], [3])])),
          policy_logits: array(Float32Array.of(1, 2, 3, 4, 5, 6), ["step", "logit"], [3, 2]),
        },
      },
      ...changes,
    }) as unknown as Scene;
  const all = ["value", "advantage", "reward"];

  test("one for each output that is explained, worked out from the logits", () => {
    const list = series(scene(all));
    expect(list.map(({ name }) => name)).toEqual(["value", "RIGHT", "sum:LEFT,RIGHT", "advantage", "reward"]);
    expect(Array.from(list[1]?.values ?? [])).toEqual([2, 4, 6]);
    expect(Array.from(list[2]?.values ?? [])).toEqual([3, 7, 11]);
  });

  test("none for what the agent lacks, but one for what has not come yet", () => {
    expect(series(scene(["reward"], { rows: [] })).map(({ name }) => name)).toEqual(["reward"]);
    const coming = { rows: [], curves: undefined };
    expect(series(scene(["reward"], coming)).map(({ name }) => name)).toEqual(["reward"]);
    expect(series(scene([], coming)).map(({ name }) => name)).toEqual(all);
  });

  test("the pinned feature's in its colour, with gaps where nothing is computed; then the residual's", () => {
    const totals = {
      arrays: {
        total: array(Float32Array.of(5, 6, 7), ["step", "feature"], [3, 1]),
        residual_total: array(Float32Array.of(0.5, 0.6, 0.7), ["step"], [3]),
        completeness_error: array(Float32Array.of(0, Number.NaN, 0), ["step"], [3]),
      },
    };
    const pinned = (feature: number) =>
      series(scene(all, { rows: [], pinned: feature, totals, row: { label: "value" } })).at(-2);
    expect(pinned(0)).toMatchObject({ name: "saw", colour: "#123456" });
    expect(Array.from(pinned(0)?.values ?? [])).toEqual([5, Number.NaN, 7]);
    expect(pinned(1)?.name).toBe("residual");
    expect(pinned(1)?.values[2]).toBeCloseTo(0.7, 6);
  });

  test("lie below each other within the height, and leave room for the numbers beside them", () => {
    const { height, inner, episodes, strip, steps, series: drawn } = layOut(series(scene(all)), 900);
    const lanes = [episodes, strip, ...drawn.map(({ lane }) => lane), steps];
    for (const [index, lane] of lanes.entries()) {
      const next = lanes[index + 1];
      expect(lane.top + lane.height).toBeLessThanOrEqual(next ? next.top : height);
    }
    expect(inner).toBe(900 - GUTTER.left - GUTTER.right);
    expect(layOut([], 10).inner).toBe(1);
  });
});

describe("marks", () => {
  const study = {
    bookmarks: [
      { trajectory: 0, step: 90, advantage: -5, kind: "low" as const },
      { trajectory: 1, step: 10, advantage: 2, kind: "high" as const },
      { trajectory: 0, step: 30, advantage: 1.5, kind: "high" as const },
    ],
    stories: [],
  };
  const note = { trajectory: 1, start: 4, stop: 9, text: `A **saw**.\n${"x".repeat(99)}` };
  const told = { layer: null, outputs: [], feature: null, mode: null, combine: null };

  test("are those of the trajectory, in order, and say what they are", () => {
    expect(marksOf(study, 0).map(({ step, kind }) => [step, kind])).toEqual([
      [30, "high"],
      [90, "low"],
    ]);
    expect(marksOf(study, 0)[1]?.text).toBe("unexpected failure, advantage −5.00");
    expect(marksOf(study, 2)).toEqual([]);
  });

  test("notes of stories are among them, shortened, as plain text", () => {
    const stories = [{ name: "why", notes: [{ ...note, ...told }] }];
    const [first, second] = marksOf({ ...study, stories }, 1);
    expect(first).toMatchObject({ step: 4, stop: 9, kind: "note" });
    expect(first?.text).toMatch(/^why: A saw\. x{50,60}…$/);
    expect(second?.step).toBe(10);
  });

  test("the next and the last one never are the one that is shown", () => {
    const marks = marksOf(study, 0);
    expect([0, 30, 89, 90].map((step) => markBeyond(marks, step, 1)?.step)).toEqual([30, 90, 90, undefined]);
    expect([0, 30, 89, 90].map((step) => markBeyond(marks, step, -1)?.step)).toEqual([
      undefined,
      undefined,
      30,
      30,
    ]);
  });
});

describe("ends of episodes", () => {
  const outcomes = [
    ["completed", "coin"],
    ["failed", "saw and lava"],
    ["failed", "timeout"],
    ["ended", undefined],
    ["unfinished", undefined],
  ] as const;
  const episodes = outcomes.map(([outcome, cause], index) => ({
    start: 100 * index,
    stop: 100 * (index + 1),
    level_seed: 1,
    return: 0,
    outcome,
    ...(cause && { cause }),
  }));

  test("stand at the last step and say what did it; what is not over has none", () => {
    expect(endsOf(episodes).map(({ step, kind, text }) => [step, kind, text])).toEqual([
      [99, "completed", "episode 1 completed: coin"],
      [199, "failed", "episode 2 failed: saw and lava"],
      [299, "timeout", "episode 3 failed: timeout"],
      [399, "ended", "episode 4 ended"],
    ]);
  });

  /** The strokes that are drawn in an episode's lane, and the words. */
  const drawn = (axis: { left: number; width: number; first: number; last: number }) => {
    const strokes: number[][][] = [];
    const words: string[] = [];
    const context = {
      beginPath: () => strokes.push([]),
      moveTo: (x: number, y: number) => strokes.at(-1)?.push([x, y, 0]),
      lineTo: (x: number, y: number) => strokes.at(-1)?.push([x, y, 1]),
      fillText: (text: string) => text && words.push(text),
      measureText: (text: string) => ({ width: 6 * text.length }),
      stroke() {},
      fillRect() {},
    } as unknown as CanvasRenderingContext2D;
    const layout = layOut([], axis.width);
    drawRail(context, { episodes } as unknown as Scene, layout, axis, {} as Theme, []);
    return { strokes, words };
  };

  test("are told apart by their shape alone, and lie before what follows", () => {
    const axis = { left: 0, width: 1000, first: 0, last: 500 };
    const { strokes, words } = drawn(axis);
    const shapes = strokes.map((path, index) => {
      const middle = stepToX(axis, 100 * (index + 1)) - END;
      for (const [x = 0] of path) expect(Math.abs(x - middle)).toBeLessThan(END - 2);
      return JSON.stringify(path.map(([x = 0, y, line]) => [(x - middle).toFixed(2), y, line]));
    });
    expect(new Set(shapes).size).toBe(4);
    expect(words).toEqual([
      "1 completed: coin",
      "2 failed: saw and lava",
      "3 failed: timeout",
      "4 ended",
      "5 unfinished",
    ]);
  });

  test("words give way first, then the marks", () => {
    expect(drawn({ left: 0, width: 150, first: 0, last: 500 })).toMatchObject({
      strokes: { length: 4 },
      words: ["1", "2", "3", "4", "5"],
    });
    expect(drawn({ left: 0, width: 60, first: 0, last: 500 })).toEqual({ strokes: [], words: [] });
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

  test("inside the selected range it stays there, in both directions; outside it goes through everything", () => {
    const film = { numSteps: 100, direction: 1, fps: 10, loop: true, selectedRange: [20, 25] };
    for (const [direction, from, milliseconds, to] of [
      [1, 23, 200, 20],
      [1, 20, 700, 22],
      [-1, 21, 200, 24],
      [1, 40, 1000, 50],
      [-1, 2, 500, 97],
    ] as const) {
      const clock = new Clock();
      clock.advance(0, from, { ...film, direction });
      expect(clock.advance(milliseconds, from, { ...film, direction })).toEqual({ step: to, ended: false });
    }
  });

  test("without loop it ends at the selected range's end", () => {
    const film = { numSteps: 100, direction: 1, fps: 10, loop: false, selectedRange: [20, 25] };
    const clock = new Clock();
    clock.advance(0, 22, film);
    expect(clock.advance(5000, 22, film)).toEqual({ step: 24, ended: true });
  });

  test("playing into the selected range is caught by it", () => {
    const film = { numSteps: 100, direction: 1, fps: 60, loop: true, selectedRange: [20, 25] };
    const clock = new Clock();
    let step = 10;
    const seen: number[] = [];
    for (let now = 0; now < 1000; now += 1000 / 60) {
      ({ step } = clock.advance(now, step, film));
      seen.push(step);
    }
    expect(Math.max(...seen)).toBe(24);
    expect(seen.filter((shown) => shown === 20).length).toBeGreaterThan(3);
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
