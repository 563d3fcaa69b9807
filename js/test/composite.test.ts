import { describe, expect, test } from "vitest";
import type { Rgb } from "../core/colours.ts";
import { type Cells, colourCells, composite, directed, type Look, paint } from "../core/composite.ts";

const RED: Rgb = [255, 0, 0];
const BLUE: Rgb = [0, 0, 255];

/** Two cells: the first raises by feature 0, the second is lowered by feature 1; residual 10 everywhere. */
const cells: Cells = {
  height: 1,
  width: 2,
  attribution: Int8Array.of(100, 0, 0, -25),
  numFeatures: 2,
  residual: Int8Array.of(10, 10),
  scale: 0.01,
};

const look = (changes: Partial<Look> = {}): Look => ({
  direction: "raises",
  isolated: null,
  showResidual: false,
  displayScale: 1,
  colours: [RED, BLUE],
  residualColour: [255, 255, 255],
  ...changes,
});

describe("colourCells", () => {
  test("a cell at the display scale has the full opacity of 0.9 in its feature's colour", () => {
    expect([...colourCells(cells, look())].map((v) => Math.round(v * 1e6) / 1e6)).toEqual([
      255, 0, 0, 0.9, 0, 0, 0, 0,
    ]);
  });

  test("a quarter of the display scale has half of that opacity", () => {
    const [, , , first, ...second] = colourCells(cells, look({ direction: "lowers" }));
    expect(first).toBe(0);
    expect(second[2]).toBe(255);
    expect(second[3]).toBeCloseTo(0.45, 6);
  });

  test("raises and lowers share nothing; both holds each", () => {
    const [up, down, both] = (["raises", "lowers", "both"] as const).map((direction) =>
      colourCells(cells, look({ direction })),
    );
    for (let cell = 0; cell < 2; cell++) {
      const at = 4 * cell + 3;
      expect((up?.[at] ?? 0) * (down?.[at] ?? 0)).toBe(0);
      expect(both?.[at]).toBe(Math.max(up?.[at] ?? 0, down?.[at] ?? 0));
    }
  });

  test("an isolated feature is drawn alone, the residual counts as the one after the last", () => {
    expect(colourCells(cells, look({ isolated: 1 }))[3]).toBe(0);
    expect(colourCells(cells, look({ isolated: 0 }))[3]).toBeCloseTo(0.9, 6);
    const residual = colourCells(cells, look({ isolated: 2 }));
    expect([...residual.slice(0, 3)]).toEqual([255, 255, 255]);
    expect(residual[3]).toBeCloseTo(0.9 * Math.sqrt(0.1), 6);
  });

  test("colours mix by weight, and only with the residual shown does it take part", () => {
    const mixed = { ...cells, attribution: Int8Array.of(30, 10, 0, 0) };
    const [red, , blue] = colourCells(mixed, look());
    expect(red).toBeCloseTo(0.75 * 255, 3);
    expect(blue).toBeCloseTo(0.25 * 255, 3);
    expect(colourCells(mixed, look({ showResidual: true }))[1]).toBeCloseTo(0.2 * 255, 3);
  });

  test("directed parts add up to the number's size", () => {
    for (const value of [-7, 0, 3])
      expect(directed(value, "raises") + directed(value, "lowers")).toBe(directed(value, "both"));
  });
});

describe("pictures", () => {
  const observation = Uint8Array.of(200, 100, 50, 0, 0, 0, 255, 255, 255, 10, 20, 30);
  const size = { height: 2, width: 2 };

  test("the observation is painted as it is", () => {
    const out = new Uint8ClampedArray(16);
    paint(observation, out);
    expect([...out.slice(0, 8)]).toEqual([200, 100, 50, 255, 0, 0, 0, 255]);
  });

  test("without attribution the picture is 0.6·luma + 0.15·rgb", () => {
    const out = new Uint8ClampedArray(16);
    composite(observation, size, null, null, out);
    // luma of (200, 100, 50) is 117.65
    expect([...out.slice(0, 4)]).toEqual([101, 86, 78, 255]);
    expect([...out.slice(8, 12)]).toEqual([191, 191, 191, 255]);
  });

  test("a cell covers all of its pixels: golden values", () => {
    const out = new Uint8ClampedArray(16);
    composite(observation, size, cells, colourCells(cells, look()), out);
    expect([...out.slice(0, 4)]).toEqual([240, 9, 8, 255]);
    expect([...out.slice(4, 8)]).toEqual([0, 0, 0, 255]);
    expect([...out.slice(8, 12)]).toEqual([249, 19, 19, 255]);
  });

  test("without overlay attribution lies on black", () => {
    const out = new Uint8ClampedArray(16);
    composite(null, size, cells, colourCells(cells, look()), out);
    expect([...out.slice(0, 8)]).toEqual([230, 0, 0, 255, 0, 0, 0, 255]);
  });

  test("a frame is drawn in well under the 4 ms of a step", () => {
    const big: Cells = {
      height: 64,
      width: 64,
      attribution: new Int8Array(64 * 64 * 8).fill(5),
      numFeatures: 8,
      residual: new Int8Array(64 * 64),
      scale: 0.01,
    };
    const frame = new Uint8Array(64 * 64 * 3).fill(90);
    const out = new Uint8ClampedArray(64 * 64 * 4);
    const colours = Array.from({ length: 8 }, (): Rgb => RED);
    const times = Array.from({ length: 40 }, () => {
      const start = performance.now();
      composite(frame, { height: 64, width: 64 }, big, colourCells(big, look({ colours })), out);
      return performance.now() - start;
    }).sort((a, b) => a - b);
    expect(times[10]).toBeLessThan(4);
  });
});
