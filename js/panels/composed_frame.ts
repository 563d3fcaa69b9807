/** One canvas that shows a frame, or what in it raises or lowers an output; drawn anew only when that changes. */
import { featureColour, parseHex, RESIDUAL } from "../core/colours.ts";
import { type Cells, colourCells, composite, type Direction, paint } from "../core/composite.ts";
import { context2d, h, setAttribute } from "../views/dom.ts";

export type Role = "observation" | Direction;

export interface Composed {
  /** Changes with the content. */
  key: string;
  size: { height: number; width: number };
  pixels: Uint8Array;
  cells: Cells | null;
  numFeatures: number;
  displayScale: number;
  features: readonly { colour: string | null }[];
  isolated: number | null;
}

export function composedFrame(role: Role): {
  element: HTMLCanvasElement;
  draw(composed: Composed | null): void;
} {
  const canvas = h("canvas", { class: "rlv-frame", role: "img", width: 1, height: 1 });
  let drawn = "";
  let image = new ImageData(1, 1);
  return {
    element: canvas,
    draw(composed) {
      setAttribute(canvas, "data-blank", composed === null);
      if (!composed) return;
      const { pixels, cells, isolated, displayScale, features } = composed;
      const { width, height } = composed.size;
      const colours = Array.from({ length: composed.numFeatures }, (_, k) => featureColour(features, k));
      const key = [composed.key, displayScale, isolated, ...colours].join();
      if (key === drawn) return;
      drawn = key;
      if (image.width !== width || image.height !== height) {
        canvas.width = width;
        canvas.height = height;
        image = new ImageData(width, height);
      }
      if (role === "observation") paint(pixels, image.data);
      else {
        const look = { direction: role, isolated, showResidual: false, displayScale };
        const painted = { ...look, colours: colours.map(parseHex), residualColour: RESIDUAL };
        composite(pixels, composed.size, cells, cells && colourCells(cells, painted), image.data);
      }
      context2d(canvas).putImageData(image, 0, 0);
    },
  };
}
