/** What a trace is drawn with: a feature's dot, its line with a bar, and the map of one sign. */
import { fullStrength } from "../core/cell.ts";
import { featureColour, parseHex, RESIDUAL } from "../core/colours.ts";
import { colourCells, composite, type Direction } from "../core/composite.ts";
import { signed } from "../core/numbers.ts";
import { layerNamed, type Study } from "../core/study.ts";
import { slice } from "../host/replies.ts";
import { context2d, h } from "../views/dom.ts";
import type { Trace } from "./tracer.ts";

/** The source layer's features as they are called now, or as the trace has them: the study may not hold them. */
export const featuresOf = (study: Study, layer: string, trace: Trace): Trace["features"] => {
  const held = layerNamed(study, layer)?.features ?? [];
  return held.length > 0 ? held : trace.features;
};

export function swatch(study: Study, layer: string, feature: number): HTMLElement {
  const dot = h("span", { class: "rlv-trace-dot" });
  dot.style.setProperty("--rlv-colour", featureColour(layerNamed(study, layer)?.features ?? [], feature));
  return dot;
}

export function traceRow(
  name: string,
  value: number,
  most: number,
  decimals: number,
  picture: HTMLElement | null,
): HTMLButtonElement {
  const bar = h("span", { class: "rlv-trace-bar" });
  bar.style.width = `${((50 * Math.abs(value)) / most).toFixed(1)}%`;
  bar.style.left = value < 0 ? `${(50 - (50 * Math.abs(value)) / most).toFixed(1)}%` : "50%";
  return h(
    "button",
    { class: name === "residual" ? "rlv-trace-row rlv-trace-residual" : "rlv-trace-row" },
    h("span", { class: "rlv-trace-dot" }),
    picture ?? h("span", {}),
    h("span", { class: "rlv-trace-name" }, name),
    h("span", { class: "rlv-trace-track", "aria-hidden": "true" }, bar),
    h("span", { class: "rlv-number" }, signed(value, decimals)),
  );
}

export function thumbnail({ examples }: Trace, feature: number): HTMLElement | null {
  const pixels = slice(examples, "thumbnail", feature);
  const [, height = 0, width = 0] = examples?.arrays.thumbnail?.shape ?? [];
  if (!pixels || height === 0) return null;
  const canvas = h("canvas", { class: "rlv-thumbnail", "aria-hidden": "true", width, height });
  const image = new ImageData(width, height);
  image.data.set(pixels);
  context2d(canvas).putImageData(image, 0, 0);
  return canvas;
}

/** What of the source layer's picture has one sign, over the dimmed observation. */
export function traceMap(direction: Direction, title: string) {
  const canvas = h("canvas", { class: "rlv-frame", role: "img", "aria-label": title });
  return {
    element: h(
      "figure",
      { class: "rlv-figure" },
      h("figcaption", {}, h("span", { class: "rlv-title" }, title)),
      canvas,
    ),
    draw(study: Study, layer: string, trace: Trace, pixels: Uint8Array | null) {
      const { cells } = trace;
      const { height, width } = study.observation;
      canvas.width = width;
      canvas.height = height;
      const features = featuresOf(study, layer, trace);
      const colours = colourCells(cells, {
        direction,
        isolated: null,
        showResidual: false,
        displayScale: fullStrength(cells),
        colours: Array.from({ length: cells.numFeatures }, (_, k) => parseHex(featureColour(features, k))),
        residualColour: RESIDUAL,
      });
      const image = new ImageData(width, height);
      composite(pixels, study.observation, cells, colours, image.data);
      context2d(canvas).putImageData(image, 0, 0);
    },
  };
}
