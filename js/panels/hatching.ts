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
  canvas.width = FACTOR * size.width;
  canvas.height = FACTOR * size.height;
  if (!cells || !colours) return;
  const image = new ImageData(canvas.width, canvas.height);
  hatch(size, cells, signedSums(cells, look), colours, image.data);
  context2d(canvas).putImageData(image, 0, 0);
}
