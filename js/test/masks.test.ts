import { describe, expect, test } from "vitest";
import type { Rgb } from "../core/colours.ts";
import { counted, differing, drawMask, FILL, objectAt, objectsOf } from "../core/masks.ts";
import { maskAt } from "./opened.ts";

const RED: Rgb = [255, 0, 0];
const BLUE: Rgb = [0, 0, 255];
const COLOURS = [null, RED, BLUE];

/** The picture's opacity, row by row. */
function opacity(codes: number[][], height: number, width: number, line = 1, fill = false): number[][] {
  const size = { height: codes.length, width: codes[0]?.length ?? 0 };
  const out = new Uint8ClampedArray(4 * height * width);
  drawMask(codes.flat(), size, { height, width }, { colours: COLOURS, line, fill }, out);
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => out[4 * (y * width + x) + 3] ?? 0),
  );
}

describe("the overlay of classes", () => {
  test("one pixel becomes a ring of one point, whatever the picture's size", () => {
    const codes = [
      [0, 0, 0],
      [0, 1, 0],
      [0, 0, 0],
    ];
    for (const points of [12, 15, 16, 31]) {
      const shown = opacity(codes, points, points);
      const [from, to] = [Math.round(points / 3), Math.round((2 * points) / 3)];
      for (let y = 0; y < points; y++)
        for (let x = 0; x < points; x++) {
          const inside = y >= from && y < to && x >= from && x < to;
          const ring = inside && (y === from || y === to - 1 || x === from || x === to - 1);
          expect(shown[y]?.[x]).toBe(ring ? 255 : 0);
        }
    }
  });

  test("a hollow corner is closed: the line turns there", () => {
    const shown = opacity(
      [
        [1, 0],
        [1, 1],
      ],
      8,
      8,
    );
    expect(shown[4]?.[3]).toBe(255);
    expect(shown[5]?.[3]).toBe(0);
  });

  test("what the picture cuts off has no line at its edge, and the background never has", () => {
    const shown = opacity([[1, 0]], 4, 8);
    expect(shown[0]).toEqual([0, 0, 0, 255, 0, 0, 0, 0]);
  });

  test("two classes side by side have a line each", () => {
    expect(opacity([[1, 2]], 4, 8)[2]).toEqual([0, 0, 0, 255, 255, 0, 0, 0]);
  });

  test("filled, the inside is tinted and the line stays as it was", () => {
    expect(opacity([[1, 0]], 4, 8, 1, true)[0]).toEqual([FILL, FILL, FILL, 255, 0, 0, 0, 0]);
  });

  test("a line may be wider, within its own pixels", () => {
    expect(opacity([[1, 0]], 4, 8, 2)[0]).toEqual([0, 0, 255, 255, 0, 0, 0, 0]);
  });

  test("at the frame's own size each drawn pixel beside another class is on the line", () => {
    const mask = maskAt(0, 40);
    const size = { height: 64, width: 64 };
    const out = new Uint8ClampedArray(4 * 64 * 64);
    const colours = Array.from({ length: 12 }, (_, code): Rgb | null => (code === 0 ? null : RED));
    drawMask(mask, size, size, { colours, line: 1, fill: false }, out);
    for (let y = 0; y < 64; y++)
      for (let x = 0; x < 64; x++) {
        let near = false;
        for (let b = Math.max(0, y - 1); b <= Math.min(63, y + 1); b++)
          for (let a = Math.max(0, x - 1); a <= Math.min(63, x + 1); a++)
            near ||= mask[b * 64 + a] !== mask[y * 64 + x];
        const drawn = out[4 * (y * 64 + x) + 3] === 255;
        expect(drawn).toBe(near && mask[y * 64 + x] !== 0);
      }
  });
});

describe("objects of a step", () => {
  const columns = {
    at_step: [3, 4, 4, 5],
    instance: [7, 8, -9, 8],
    class_code: [6, 6, 3, 6],
    centre_x: [1, 2, 3, 4],
    centre_y: [5, 5, 5, 5],
    vx: [0, 0.5, 0, 0],
    vy: [0, 0, 0, 0],
    visible_pixels: [9, 8, 7, 6],
    left: [0, 10, 12, 0],
    top: [0, 10, 12, 0],
    right: [5, 20, 15, 5],
    bottom: [5, 20, 15, 5],
  };

  test("are the rows of that step, with their numbers", () => {
    const found = objectsOf(columns, 4);
    expect(found.map(({ instance, code, x, vx, pixels }) => [instance, code, x, vx, pixels])).toEqual([
      [8, 6, 2, 0.5, 8],
      [-9, 3, 3, 0, 7],
    ]);
    expect(objectsOf(columns, 9)).toEqual([]);
  });

  test("the one under a pixel is the smallest of its class that holds it", () => {
    const objects = objectsOf(columns, 4);
    expect(objectAt(objects, 3, 13, 13)?.instance).toBe(-9);
    expect(objectAt(objects, 6, 13, 13)?.instance).toBe(8);
    expect(objectAt(objects, 6, 20, 13)).toBeNull();
    const inner = { ...(objects[0] as (typeof objects)[0]), instance: 1, left: 12, right: 14 };
    expect(objectAt([...objects, inner], 6, 13, 13)?.instance).toBe(1);
    expect(objectAt([...objects, inner], 6, 15, 13)?.instance).toBe(8);
  });
});

test("pixels are counted by class", () => {
  expect(counted([0, 1, 1, 3], 4)).toEqual([1, 2, 0, 1]);
});

test("frames differ where any of the three colours does", () => {
  const mask = differing([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 5, 7, 7, 8, 9]);
  expect([...mask]).toEqual([0, 1, 0]);
});
