/** What lies where in a frame: objects under a pixel, their outlines, and the order in which they are read. */

/** An object of a frame; positions in cells of the world, boxes in the frame's pixels. */
export interface WorldObject {
  id: number;
  key: string;
  object_class: string;
  x: number;
  y: number;
  box: readonly [left: number, top: number, right: number, bottom: number];
  visible_pixels: number;
  colour: string;
}

/** Where the frame lies in the world: its top left corner, and how many cells a pixel spans. */
export interface Camera {
  left: number;
  top: number;
  cell: number;
}

/** Instances of a frame, row by row; what belongs to no object is `BACKGROUND`. */
export interface Instances {
  width: number;
  height: number;
  ids: Int32Array;
}

export const BACKGROUND = -(2 ** 31);

/** The object drawn at a pixel, or the nearest one within `reach` pixels; null where there is none. */
export function objectAt(
  { width, height, ids }: Instances,
  objects: readonly WorldObject[],
  [px, py]: readonly [number, number],
  reach = 1,
): WorldObject | null {
  const known = new Map(objects.map((object) => [object.id, object]));
  const [column, row] = [Math.floor(px), Math.floor(py)];
  let nearest: WorldObject | null = null;
  let distance = Number.POSITIVE_INFINITY;
  for (let y = Math.max(0, row - reach); y <= Math.min(height - 1, row + reach); y++)
    for (let x = Math.max(0, column - reach); x <= Math.min(width - 1, column + reach); x++) {
      const object = known.get(ids[y * width + x] ?? BACKGROUND);
      const away = Math.hypot(x - column, y - row);
      if (object && away < distance) [nearest, distance] = [object, away];
    }
  return nearest;
}

/** Line segments, in pixels of the frame, around everything of an object that can be seen. */
export type Segment = readonly [x1: number, y1: number, x2: number, y2: number];

export function outline({ width, height, ids }: Instances, id: number): Segment[] {
  const segments: Segment[] = [];
  const isIn = (x: number, y: number) =>
    x >= 0 && x < width && y >= 0 && y < height && ids[y * width + x] === id;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!isIn(x, y)) continue;
      if (!isIn(x, y - 1)) segments.push([x, y, x + 1, y]);
      if (!isIn(x, y + 1)) segments.push([x, y + 1, x + 1, y + 1]);
      if (!isIn(x - 1, y)) segments.push([x, y, x, y + 1]);
      if (!isIn(x + 1, y)) segments.push([x + 1, y, x + 1, y + 1]);
    }
  return segments;
}

const LINE_HEIGHT = 4; // pixels of the frame that count as one line of text

/** From the top left to the bottom right, as a page is read. */
export function readingOrder(objects: readonly WorldObject[]): WorldObject[] {
  const line = ({ box: [, top, , bottom] }: WorldObject) => Math.floor((top + bottom) / 2 / LINE_HEIGHT);
  return [...objects].sort((a, b) => line(a) - line(b) || a.box[0] - b.box[0] || a.id - b.id);
}

/** The object `by` places further in that order; the first or last one at an end, the first when there was none. */
export function neighbour(
  objects: readonly WorldObject[],
  key: string | null,
  by: number,
): WorldObject | undefined {
  const order = readingOrder(objects);
  const index = order.findIndex((object) => object.key === key);
  if (index < 0 && Number.isFinite(by)) return by < 0 ? order.at(-1) : order[0];
  return order[Math.max(0, Math.min(order.length - 1, index + by))];
}

/** One decimal where it is needed: places are mostly halves of cells. */
export const place = ({ x, y }: Pick<WorldObject, "x" | "y">): string => `(${short(x)}, ${short(y)})`;

const short = (value: number): string => String(Math.round(10 * value) / 10).replace("-", "−");

/** "saw at (12.5, 3.5) · 7 px" */
export function called(object: WorldObject): string {
  const seen = object.visible_pixels > 0 ? `${object.visible_pixels} px` : "not drawn";
  return `${words(object.object_class)} at ${place(object)} · ${seen}`;
}

export const words = (name: string): string => name.replaceAll("_", " ");

/** Every cell that a line between two cells passes, both ends included: what a quick brush skips is painted too. */
export function cellsBetween(
  [x1, y1]: readonly [number, number],
  [x2, y2]: readonly [number, number],
): [number, number][] {
  const count = Math.max(Math.abs(x2 - x1), Math.abs(y2 - y1));
  return Array.from({ length: count + 1 }, (_, index) => {
    const share = count === 0 ? 0 : index / count;
    return [Math.round(x1 + share * (x2 - x1)), Math.round(y1 + share * (y2 - y1))];
  });
}

/** Cells that an object may be away from where it was, and still be taken for the same. */
const STRAY = 1.5;

/** The object of another world that is the same as `object`: numbers of objects shift when one of them goes. */
export function carried(
  object: WorldObject,
  objects: readonly WorldObject[],
  [x, y]: readonly [number, number] = [object.x, object.y],
): WorldObject | null {
  let nearest: WorldObject | null = null;
  let distance = STRAY;
  for (const one of objects) {
    const away = Math.hypot(one.x - x, one.y - y);
    if (one.object_class === object.object_class && away < distance) [nearest, distance] = [one, away];
  }
  return nearest;
}
