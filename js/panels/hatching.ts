/** Hatching on a canvas above the picture of both signs. */
import type { Cells, Look } from "../core/composite.ts";
import { FACTOR, hatch, signedSums } from "../core/hatch.ts";
import { context2d } from "../views/dom.ts";

/** Draws the lines of `cells` for a picture of `size`; without cells there are none. */
export function hatchOver(
  canvas: HTMLCanvasElement,
  size: { height: number; width: number },
  cells: Cells | null,
  look: Look,
  colours: Float64Array | null,
): void {
  const [width, height] = [FACTOR * size.width, FACTOR * size.height];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const image = new ImageData(width, height);
  if (cells && colours) hatch(size, cells, signedSums(cells, look), colours, image.data);
  context2d(canvas).putImageData(image, 0, 0);
}
