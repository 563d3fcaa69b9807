/** The arithmetic of a feature grid: which pixels of a patch are shown, where a cell lies, what ticks an axis has. */

export const DENSITIES = ["1/4", "1/2", "1", "2"] as const;
export const ZOOMS = [1, 2, 4, 8] as const;
export type Density = (typeof DENSITIES)[number];
export type Origin = "observations" | "rollout";

/** The zoom whose patches contain those of `zoom`: smaller ones are cut out of larger ones. */
export const fetchedZoom = (zoom: number): number => (zoom > 4 ? 8 : 4);

/** The middle `shown / fetched` of a side of `length` pixels: as Python places a patch, to the pixel. */
export function middle(length: number, shown: number, fetched: number): [start: number, length: number] {
  const kept = Math.max(1, Math.round((length * shown) / fetched));
  return [Math.floor((length - kept) / 2), kept];
}

export interface Patches {
  rows: number;
  columns: number;
  /** Pixels of one patch. */
  height: number;
  width: number;
  /** (row, column, height, width, rgb) */
  pixels: Uint8Array;
  /** 0…255 a patch. */
  opacity: Uint8Array;
}

/** Draws all patches, the middle of each, side by side; `solid` says which are shown at full strength. */
export function drawPatches(
  patches: Patches,
  shown: number,
  fetched: number,
  solid: (index: number) => boolean,
): { width: number; height: number; data: Uint8ClampedArray<ArrayBuffer> } {
  const [top, height] = middle(patches.height, shown, fetched);
  const [left, width] = middle(patches.width, shown, fetched);
  const across = patches.columns * width;
  const data = new Uint8ClampedArray(patches.rows * height * across * 4);
  for (let index = 0; index < patches.rows * patches.columns; index++) {
    const row = Math.floor(index / patches.columns);
    const column = index % patches.columns;
    const alpha = solid(index) ? 255 : (patches.opacity[index] ?? 0);
    for (let y = 0; y < height; y++) {
      let from = 3 * ((index * patches.height + top + y) * patches.width + left);
      let to = 4 * ((row * height + y) * across + column * width);
      for (let x = 0; x < width; x++) {
        data[to++] = patches.pixels[from++] ?? 0;
        data[to++] = patches.pixels[from++] ?? 0;
        data[to++] = patches.pixels[from++] ?? 0;
        data[to++] = alpha;
      }
    }
  }
  return { width: across, height: patches.rows * height, data };
}

/** Where a patch lies in its frame, in pixels; may reach beyond it. */
export function patchBox(
  place: { row: number; column: number },
  layer: { height: number; width: number },
  frame: { height: number; width: number },
  patch: { height: number; width: number },
): { top: number; left: number; height: number; width: number } {
  const start = (at: number, side: number, pixels: number, cells: number) =>
    Math.floor(((at + 0.5) * pixels) / cells - side / 2 + 0.5);
  return {
    top: start(place.row, patch.height, frame.height, layer.height),
    left: start(place.column, patch.width, frame.width, layer.width),
    ...patch,
  };
}

/** The cell that a key moves to, or null for keys that move nowhere. */
export function moved(
  index: number,
  key: string,
  { rows, columns }: { rows: number; columns: number },
  control: boolean,
): number | null {
  const row = Math.floor(index / columns);
  const column = index % columns;
  const page = Math.max(1, Math.round(rows / 4));
  const to = (r: number, c: number) =>
    Math.max(0, Math.min(rows - 1, r)) * columns + Math.max(0, Math.min(columns - 1, c));
  switch (key) {
    case "ArrowUp":
      return to(row - 1, column);
    case "ArrowDown":
      return to(row + 1, column);
    case "ArrowLeft":
      return to(row, column - 1);
    case "ArrowRight":
      return to(row, column + 1);
    case "PageUp":
      return to(row - page, column);
    case "PageDown":
      return to(row + page, column);
    case "Home":
      return to(control ? 0 : row, 0);
    case "End":
      return to(control ? rows - 1 : row, columns - 1);
    default:
      return null;
  }
}

/** The neighbour of `value` in a list, `by` places on; the ends stay. */
export function neighbour<T>(list: readonly T[], value: T, by: number): T {
  const index = Math.max(0, Math.min(list.length - 1, list.indexOf(value) + by));
  return list[index] ?? value;
}

/** Powers of ten up to `largest`, for an axis of counts. */
export function powers(largest: number): number[] {
  const ticks: number[] = [];
  for (let power = 1; power <= Math.max(1, largest); power *= 10) ticks.push(power);
  return ticks;
}

/** How high a count stands on a logarithmic axis that starts below 1: 0…1, and 0 for none. */
export const logHeight = (count: number, largest: number): number =>
  count > 0 ? Math.log10(2 * count) / Math.log10(2 * Math.max(1, largest)) : 0;

/** A count in words that stay short: "812", "53 k", "2.1 M". */
export function short(count: number): string {
  if (count < 10_000) return String(count).replace(/\B(?=(\d{3})+$)/g, "\u2009");
  if (count < 1e6) return `${Math.round(count / 1000)} k`;
  return `${(count / 1e6).toFixed(1)} M`;
}

/** A share in percent with a decimal where it is small. */
export const percent = (share: number): string =>
  `${(100 * share).toFixed(share < 0.1 && share > 0 ? (share < 0.001 ? 2 : 1) : 0)} %`;
