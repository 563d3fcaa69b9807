/**
 * Which class of object each pixel of a frame shows, drawn over it, and the objects themselves.
 *
 * At any size of the picture a class is outlined by lines of a fixed width within its own pixels: a point of the
 * picture is on the outline if a point of another class is at most `line` points away, also diagonally. The
 * picture's edge is no outline: what is cut off there goes on beyond it.
 */
import type { Rgb } from "./colours.ts";

export interface Size {
  height: number;
  width: number;
}

export interface MaskLook {
  /** By class code; null is not drawn. */
  colours: readonly (Rgb | null)[];
  /** Width in points of the picture, at most that of a pixel. */
  line: number;
  fill: boolean;
}

/** Opacity of what is filled, of 255; the outline has all of it. */
export const FILL = 102;

/** First point of the picture that column (or row) `index` of `count` covers, and with `count` its end. */
const edge = (index: number, count: number, points: number): number => Math.round((index * points) / count);

/** The overlay of `codes` (one a pixel of a frame of `size`) as RGBA into `out`, a picture of `target` points. */
export function drawMask(
  codes: ArrayLike<number>,
  size: Size,
  target: Size,
  look: MaskLook,
  out: Uint8ClampedArray,
): void {
  out.fill(0);
  const { height, width } = size;
  const line = Math.max(1, look.line);
  const across = Array.from({ length: width + 1 }, (_, x) => edge(x, width, target.width));
  const down = Array.from({ length: height + 1 }, (_, y) => edge(y, height, target.height));
  const put = (y: number, x: number, [red, green, blue]: Rgb, alpha: number) => {
    const at = 4 * (y * target.width + x);
    out[at] = red;
    out[at + 1] = green;
    out[at + 2] = blue;
    out[at + 3] = alpha;
  };
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const code = codes[row * width + column] ?? 0;
      const colour = look.colours[code];
      if (!colour) continue;
      const differs = (y: number, x: number) =>
        y >= 0 && y < height && x >= 0 && x < width && codes[y * width + x] !== code;
      const [top = 0, bottom = 0, left = 0, right = 0] = [
        down[row],
        down[row + 1],
        across[column],
        across[column + 1],
      ];
      const sides = [-1, 0, 1].map((dy) => [-1, 0, 1].map((dx) => differs(row + dy, column + dx)));
      if (!look.fill && !sides.flat().includes(true)) continue;
      for (let y = top; y < bottom; y++) {
        const [above, below] = [y - top < line, bottom - y <= line];
        for (let x = left; x < right; x++) {
          const [before, after] = [x - left < line, right - x <= line];
          const near = (dy: number, dx: number) =>
            sides[dy + 1]?.[dx + 1] &&
            (dy === 0 || (dy < 0 ? above : below)) &&
            (dx === 0 || (dx < 0 ? before : after));
          let outlined = false;
          for (let dy = -1; dy <= 1 && !outlined; dy++)
            for (let dx = -1; dx <= 1 && !outlined; dx++) outlined = near(dy, dx) === true;
          if (outlined) put(y, x, colour, 255);
          else if (look.fill) put(y, x, colour, FILL);
        }
      }
    }
}

/** One object of a step: centre in cells, y upwards; its box in pixels of the observation, may leave the frame. */
export interface Seen {
  /** The same from step to step. */
  instance: number;
  code: number;
  x: number;
  y: number;
  vx: number;
  vy: number;
  pixels: number;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

type Columns = Record<string, ArrayLike<number>>;

/** The objects of `step`, from columns whose rows are sorted by step. */
export function objectsOf(columns: Columns, step: number): Seen[] {
  const steps = columns.at_step ?? [];
  const found: Seen[] = [];
  for (let row = 0; row < steps.length; row++) {
    if (steps[row] !== step) continue;
    const of = (name: string) => columns[name]?.[row] ?? Number.NaN;
    found.push({
      instance: of("instance"),
      code: of("class_code"),
      x: of("centre_x"),
      y: of("centre_y"),
      vx: of("vx"),
      vy: of("vy"),
      pixels: of("visible_pixels"),
      left: of("left"),
      top: of("top"),
      right: of("right"),
      bottom: of("bottom"),
    });
  }
  return found;
}

/** The object that the pixel (x, y) of class `code` belongs to: the smallest whose box holds it. */
export function objectAt(objects: readonly Seen[], code: number, x: number, y: number): Seen | null {
  const area = ({ left, top, right, bottom }: Seen) => (right - left) * (bottom - top);
  const holds = ({ left, top, right, bottom }: Seen) => x >= left && x < right && y >= top && y < bottom;
  const candidates = objects.filter((one) => one.code === code && holds(one));
  return candidates.sort((a, b) => area(a) - area(b))[0] ?? null;
}

/** How many pixels of each class there are, by code. */
export function counted(codes: ArrayLike<number>, numClasses: number): number[] {
  const counts = new Array<number>(numClasses).fill(0);
  for (let pixel = 0; pixel < codes.length; pixel++) {
    const code = codes[pixel] ?? 0;
    counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
}

/** 1 where two frames (rgb) differ, else 0. */
export function differing(a: ArrayLike<number>, b: ArrayLike<number>): Uint8Array {
  const mask = new Uint8Array(Math.floor(a.length / 3));
  for (let pixel = 0; pixel < mask.length; pixel++)
    for (let channel = 3 * pixel; channel < 3 * pixel + 3; channel++)
      if (a[channel] !== b[channel]) mask[pixel] = 1;
  return mask;
}
