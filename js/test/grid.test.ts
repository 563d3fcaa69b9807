/** Laws of the feature grid: what is cut, where it lies, how one moves, what is asked for and kept. */
import { expect, test } from "vitest";
import {
  DENSITIES,
  drawPatches,
  fetchedZoom,
  logHeight,
  middle,
  moved,
  neighbour,
  type Patches,
  patchBox,
  percent,
  powers,
  short,
  ZOOMS,
} from "../core/grid.ts";
import { GridData, type GridSettings } from "../host/grid_data.ts";
import { answerGrid, SIDES } from "./grids.ts";
import { syntheticStudy } from "./synthetic.ts";
import { SIZE } from "./world.ts";

const SHOWN: GridSettings = {
  layer: "2b",
  feature: 1,
  origin: "observations",
  density: "1/2",
  zoom: 4,
  opaque: false,
};

function patches(rows: number, columns: number, side: number): Patches {
  const pixels = Uint8Array.from(
    { length: rows * columns * side * side * 3 },
    (_, index) => (index * 7) % 256,
  );
  const opacity = Uint8Array.from({ length: rows * columns }, (_, index) => 10 * index);
  return { rows, columns, height: side, width: side, pixels, opacity };
}

test.each([1, 2, 3, 4])(
  "the middle of a large patch is the small patch, for cells of %i pixels",
  (pixels) => {
    const cells = 16;
    const frame = { height: cells * pixels, width: cells * pixels };
    const layer = { height: cells, width: cells };
    for (const zoom of ZOOMS)
      for (const cell of [0, 5, 15]) {
        const fetched = fetchedZoom(zoom);
        const square = (side: number) => ({ height: side * pixels, width: side * pixels });
        const large = patchBox({ row: cell, column: cell }, layer, frame, square(fetched));
        const small = patchBox({ row: cell, column: cell }, layer, frame, square(zoom));
        const [start, length] = middle(fetched * pixels, zoom, fetched);
        expect([large.top + start, length]).toEqual([small.top, zoom * pixels]);
      }
  },
);

test("a patch's box holds its cell in the middle and may reach beyond the frame", () => {
  const box = patchBox(
    { row: 0, column: 31 },
    { height: 32, width: 32 },
    { height: 64, width: 64 },
    { height: 8, width: 8 },
  );
  expect(box).toEqual({ top: -3, left: 59, height: 8, width: 8 });
});

test("patches lie side by side, as opaque as they say or fully where they are to be solid", () => {
  const own = patches(2, 3, 4);
  const drawn = drawPatches(own, 4, 4, (index) => index === 4);
  expect([drawn.height, drawn.width]).toEqual([8, 12]);
  for (let index = 0; index < 6; index++)
    for (let y = 0; y < 4; y++)
      for (let x = 0; x < 4; x++) {
        const from = 3 * ((index * 4 + y) * 4 + x);
        const to = 4 * ((Math.floor(index / 3) * 4 + y) * 12 + (index % 3) * 4 + x);
        expect([...drawn.data.subarray(to, to + 3)]).toEqual([...own.pixels.subarray(from, from + 3)]);
        expect(drawn.data[to + 3]).toBe(index === 4 ? 255 : 10 * index);
      }
});

test("zoomed out, only the middle of each patch is drawn", () => {
  const own = patches(1, 2, 8);
  const drawn = drawPatches(own, 1, 4, () => true);
  expect([drawn.height, drawn.width]).toEqual([2, 4]);
  const [start] = middle(8, 1, 4);
  const from = 3 * (start * 8 + start);
  expect([...drawn.data.subarray(0, 3)]).toEqual([...own.pixels.subarray(from, from + 3)]);
});

test("keys walk over the grid and never leave it", () => {
  const size = { rows: 8, columns: 5 };
  const walk = (from: number, ...keys: string[]) =>
    keys.reduce((at, key) => moved(at, key, size, false) ?? Number.NaN, from);
  expect(walk(0, "ArrowLeft", "ArrowUp")).toBe(0);
  expect(walk(0, "ArrowRight", "ArrowDown")).toBe(6);
  expect(walk(39, "ArrowRight", "ArrowDown")).toBe(39);
  expect(walk(12, "Home")).toBe(10);
  expect(walk(12, "End")).toBe(14);
  expect(walk(12, "PageDown")).toBe(22);
  expect(walk(12, "PageUp")).toBe(2);
  expect(moved(12, "Home", size, true)).toBe(0);
  expect(moved(12, "End", size, true)).toBe(39);
  expect(moved(12, "x", size, false)).toBeNull();
});

test("steps of a slider stop at its ends", () => {
  expect(neighbour(DENSITIES, "1/4", -1)).toBe("1/4");
  expect(neighbour(DENSITIES, "1/4", 1)).toBe("1/2");
  expect(neighbour(ZOOMS, 8, 1)).toBe(8);
});

test("counts stand on a logarithmic axis between nothing and the largest", () => {
  expect(logHeight(0, 1000)).toBe(0);
  expect(logHeight(1, 1000)).toBeGreaterThan(0);
  expect(logHeight(1000, 1000)).toBe(1);
  expect(logHeight(1, 1)).toBe(1);
  expect(powers(950)).toEqual([1, 10, 100]);
  expect(powers(0)).toEqual([1]);
  expect(["812", "9\u2009999", "53 k", "2.1 M"]).toEqual([812, 9999, 53_000, 2_100_000].map(short));
  expect([0, 0.0004, 0.034, 0.5].map(percent)).toEqual(["0 %", "0.04 %", "3.4 %", "50 %"]);
});

/** A kernel that counts what it is asked. */
function kernel(refuse: (method: string, params: Record<string, unknown>) => boolean = () => false) {
  const study = syntheticStudy({ numSteps: 128 });
  const asked: string[] = [];
  const data = new GridData(async (method, params) => {
    asked.push(method);
    const found = refuse(method, params) ? undefined : answerGrid(study, method, params);
    if (!found) throw new Error("this needs a running kernel");
    return [found.result, found.buffers];
  });
  return { data, asked };
}

test.each(DENSITIES)("a grid of density %s has its places, and is asked for once", async (density) => {
  const { data, asked } = kernel();
  const grid = await data.grid({ ...SHOWN, density });
  expect([grid?.patches.rows, grid?.patches.columns]).toEqual([SIDES[density], SIDES[density]]);
  expect(grid?.strength.length).toBe(SIDES[density] ** 2);
  await data.grid({ ...SHOWN, density, zoom: 1 });
  expect(asked).toEqual(["grid"]);
});

test("a page that holds no larger patches shows the middling ones", async () => {
  const { data, asked } = kernel((_, params) => params.zoom === 8);
  const grid = await data.grid({ ...SHOWN, zoom: 8 });
  expect(grid?.fetched).toBe(4);
  expect(asked).toEqual(["grid", "grid"]);
});

test("a layer without grids gives none, and what failed is asked for again", async () => {
  const { data } = kernel();
  await expect(data.grid({ ...SHOWN, layer: "1a" })).rejects.toThrow("kernel");
  let broken = true;
  const again = kernel(() => broken);
  await expect(again.data.numbers("2b", 0)).rejects.toThrow();
  broken = false;
  expect((await again.data.numbers("2b", 0)).arrays.histogram?.shape).toEqual([64]);
});

test("a whole frame comes by itself, or out of the chunk that a page carries", async () => {
  const { data } = kernel();
  const frame = await data.frame("observations", 3, { numSteps: 128, chunk: 64 });
  expect([frame.height, frame.width, frame.pixels.length]).toEqual([SIZE, SIZE, SIZE * SIZE * 3]);
  const gone = kernel(() => true);
  await expect(gone.data.frame("observations", 3, { numSteps: 128, chunk: 64 })).rejects.toThrow("kernel");
});
