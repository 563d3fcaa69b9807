import { describe, expect, test } from "vitest";
import { type Cells, colourCells, type Look } from "../core/composite.ts";
import { FACTOR, hatch, signedSums } from "../core/hatch.ts";

/** One cell that raises and one that lowers; the second feature lowers the first cell a little. */
const cells: Cells = {
  height: 1,
  width: 2,
  numFeatures: 2,
  attribution: Int8Array.of(100, -30, 0, -100),
  residual: Int8Array.of(-90, 0),
  scale: 0.01,
};
const look: Look = {
  direction: "both",
  isolated: null,
  showResidual: false,
  displayScale: 1,
  colours: [
    [255, 0, 0],
    [0, 0, 255],
  ],
  residualColour: [255, 255, 255],
};
const size = { height: 2, width: 4 };

function lines(changes: Partial<Look> = {}): { alpha: (x: number, y: number) => number; count: number } {
  const shown = { ...look, ...changes };
  const out = new Uint8ClampedArray(4 * FACTOR ** 2 * size.height * size.width).fill(9);
  hatch(size, cells, signedSums(cells, shown), colourCells(cells, shown), out);
  const alpha = (x: number, y: number) => out[4 * (y * FACTOR * size.width + x) + 3] ?? Number.NaN;
  return { alpha, count: out.filter((value, at) => at % 4 === 3 && value > 0).length };
}

describe("hatching", () => {
  test("the sum of what is shown decides", () => {
    expect([...signedSums(cells, look)].map((sum) => Math.round(100 * sum))).toEqual([70, -100]);
    expect([...signedSums(cells, { ...look, isolated: 1 })][0]).toBeCloseTo(-0.3, 12);
    expect([...signedSums(cells, { ...look, showResidual: true })][0]).toBeCloseTo(-0.2, 12);
    expect([...signedSums(cells, { ...look, isolated: 2 })][0]).toBeCloseTo(-0.9, 12);
  });

  test("lines of 45° cover a quarter of a lowering cell and nothing of a raising one", () => {
    const { alpha, count } = lines();
    expect(count).toBe((FACTOR ** 2 * size.height * size.width) / 2 / 4);
    for (let y = 0; y < 8; y++)
      for (let x = 0; x < 16; x++) expect(alpha(x, y) > 0).toBe(x >= 8 && (x + y) % 8 < 2);
  });

  test("a line is as strong as its cell: 0.75 of its opacity", () => {
    expect(lines().alpha(8, 0)).toBe(Math.round(255 * 0.75 * 0.9));
    expect(lines({ displayScale: 4 }).alpha(8, 0)).toBe(Math.round(255 * 0.75 * 0.45));
  });

  test("where nothing lowers there are no lines", () => {
    expect(lines({ isolated: 0 }).count).toBe(0);
  });
});
