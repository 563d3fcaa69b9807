import { describe, expect, test } from "vitest";
import { articleColour, articleHue, colourCellsLikeArticle, smooth } from "../core/article.ts";
import type { Cells, Look } from "../core/composite.ts";
import { composite } from "../core/composite.ts";

const cellsOf = (height: number, width: number, values: number[], numFeatures = 1): Cells => ({
  height,
  width,
  numFeatures,
  attribution: Int8Array.from(values),
  residual: new Int8Array(height * width),
  scale: 0.01,
});

const look = (changes: Partial<Look> = {}): Look => ({
  direction: "raises",
  isolated: null,
  showResidual: false,
  displayScale: 1,
  colours: [],
  residualColour: [255, 255, 255],
  ...changes,
});

describe("hues", () => {
  test("eight of them are the article's swatches", () => {
    const swatches = Array.from({ length: 8 }, (_, k) => articleColour(k, 8));
    expect(swatches).toEqual("#ff0000 #ffe400 #a1ff00 #00ff4e #00ffff #004eff #a100ff #ff00e4".split(" "));
  });

  test("each has norm 1, for any number of features", () => {
    for (const count of [1, 2, 3, 7, 200])
      for (let k = 0; k < count; k++) expect(Math.hypot(...articleHue(k, count))).toBeCloseTo(1, 12);
  });

  test("three are red, green and blue: the observation's own", () => {
    expect([0, 1, 2].map((k) => articleColour(k, 3))).toEqual(["#ff0000", "#00ff00", "#0000ff"]);
  });
});

describe("smoothing", () => {
  const size = 17;
  const dot = new Float64Array(3 * size * size);
  dot[3 * (8 * size + 8)] = 1;
  const blurred = smooth(dot, size, size);
  const red = (row: number, column: number) => blurred[3 * (row * size + column)] ?? Number.NaN;

  test("weights are exp(−r) out to seven cells, 149 of them, and sum to 6.457", () => {
    expect([0, 1, 2, 7, 8].map((away) => red(8, 8 + away))).toEqual([
      1,
      Math.exp(-1),
      Math.exp(-2),
      Math.exp(-7),
      0,
    ]);
    expect(red(11, 12)).toBeCloseTo(Math.exp(-5), 12);
    expect(blurred.filter((value) => value > 0).length).toBe(149);
    expect(blurred.reduce((sum, value) => sum + value)).toBeCloseTo(6.457, 3);
  });

  test("nothing comes from beyond the border, and channels stay apart", () => {
    const corner = new Float64Array(3 * 4);
    corner[1] = 1;
    const result = smooth(corner, 2, 2);
    expect([...result]).toEqual([
      0,
      1,
      0,
      0,
      Math.exp(-1),
      0,
      0,
      Math.exp(-1),
      0,
      0,
      Math.exp(-Math.SQRT2),
      0,
    ]);
  });
});

describe("cells", () => {
  test("brightness is opacity: a single cell of 0.3 has 0.27 over a picture and 0.3 on black", () => {
    const cells = cellsOf(1, 1, [30]);
    const [r, g, b, over] = colourCellsLikeArticle(cells, look(), true);
    expect([r, g, b].map((v) => Math.round(v ?? 0))).toEqual([255, 0, 0]);
    expect(over).toBeCloseTo(0.27, 12);
    expect(colourCellsLikeArticle(cells, look(), false)[3]).toBeCloseTo(0.3, 12);
  });

  test("beyond full brightness opacity stays and colours are cut off", () => {
    const [red, green, , alpha] = colourCellsLikeArticle(
      cellsOf(1, 1, [0, 127], 2),
      look({ displayScale: 0.1 }),
      false,
    );
    expect(alpha).toBe(1);
    expect(red).toBe(0);
    expect(green).toBe(255);
  });

  test("signs, isolation and residual are as in the standard style", () => {
    const cells = { ...cellsOf(1, 1, [50, -50], 2), residual: Int8Array.of(40) };
    const alpha = (changes: Partial<Look>) => colourCellsLikeArticle(cells, look(changes), false)[3] ?? -1;
    expect(alpha({ isolated: 1 })).toBe(0);
    expect(alpha({ isolated: 1, direction: "lowers" })).toBeCloseTo(0.5, 12);
    expect(alpha({ isolated: 2 })).toBeCloseTo(0.4 * Math.sqrt(3), 12);
    expect(alpha({ isolated: 3 })).toBe(0);
    expect(alpha({ showResidual: true })).toBeGreaterThan(alpha({}));
  });

  test("it lies over the grey observation: golden values that Python has too", () => {
    const observation = Uint8Array.of(200, 100, 50, 0, 0, 0, 255, 255, 255, 10, 20, 30);
    const cells = cellsOf(2, 2, [40, 0, 0, -30, 0, 10, 20, 20], 2);
    const size = { height: 2, width: 2 };
    const out = new Uint8ClampedArray(16);
    composite(observation, size, cells, colourCellsLikeArticle(cells, look(), true), out, true);
    expect([...out].filter((_, at) => at % 4 < 3)).toEqual([
      172, 83, 83, 51, 16, 16, 241, 219, 219, 80, 51, 51,
    ]);
  });
});
