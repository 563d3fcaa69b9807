/** One feature of the legend: colour, example patches, name, signed bar and number. */
import { featureColour } from "../core/colours.ts";
import { signed } from "../core/numbers.ts";
import { slice } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { context2d, h, setAttribute, setText } from "../views/dom.ts";
import type { Context } from "./panel.ts";

export interface Row {
  element: HTMLElement;
  draw(scene: Scene, value: number | undefined, axis: { low: number; high: number }, decimals: number): void;
}

export function legendRow({ session, signal }: Context, index: number): Row {
  const swatch = h("span", { class: "rlv-swatch" });
  const thumbnail = h("canvas", { class: "rlv-thumbnail", "aria-hidden": "true", width: 1, height: 1 });
  const name = h("span", { class: "rlv-name" });
  const note = h("span", { class: "rlv-note" });
  const bar = h("span", { class: "rlv-bar" });
  const number = h("span", { class: "rlv-number" });
  const element = h(
    "button",
    { class: "rlv-row" },
    swatch,
    thumbnail,
    h("span", { class: "rlv-names" }, name, note),
    h("span", { class: "rlv-track", "aria-hidden": "true" }, bar),
    number,
  );
  const hover = (over: boolean) => {
    if (over) session.set("hovered", index);
    else if (session.model.get("hovered") === index) session.set("hovered", null);
  };
  for (const [event, over] of [
    ["pointerenter", true],
    ["pointerleave", false],
    ["focus", true],
    ["blur", false],
  ] as const)
    element.addEventListener(event, () => hover(over), { signal });
  element.addEventListener(
    "click",
    () => session.set("feature", session.model.get("feature") === index ? null : index),
    { signal },
  );

  let drawn: unknown;
  let opaque = false;
  const drawThumbnail = (scene: Scene) => {
    const solid = scene.isolated === index;
    if (drawn === scene.examples && opaque === solid) return;
    drawn = scene.examples;
    opaque = solid;
    const pixels = slice(scene.examples, "thumbnail", index);
    const [, height = 1, width = 1] = scene.examples?.arrays.thumbnail?.shape ?? [];
    thumbnail.width = width;
    thumbnail.height = height;
    if (!pixels) return;
    const image = new ImageData(width, height);
    image.data.set(pixels);
    if (solid) for (let alpha = 3; alpha < image.data.length; alpha += 4) image.data[alpha] = 255;
    context2d(thumbnail).putImageData(image, 0, 0);
  };

  return {
    element,
    draw(scene, value, axis, decimals) {
      const isResidual = index === scene.numFeatures;
      const feature = scene.layer?.features[index];
      const text = isResidual ? "residual" : (feature?.name ?? `feature ${index}`);
      const share = scene.layer?.quality?.residual_share;
      setText(name, text);
      setText(note, isResidual && typeof share === "number" ? `${Math.round(100 * share)} % of |A|` : "");
      if (isResidual)
        setAttribute(note, "title", "share of the layer's absolute attribution that no feature explains");
      setText(number, signed(value, decimals));
      setAttribute(element, "class", isResidual ? "rlv-row rlv-residual" : "rlv-row");
      setAttribute(element, "aria-pressed", String(scene.pinned === index));
      setAttribute(element, "data-isolated", scene.isolated === index);
      setAttribute(element, "data-off", isResidual && !scene.showResidual && scene.isolated !== index);
      if (!isResidual) {
        const colour = featureColour(scene.layer?.features ?? [], index);
        if (element.style.getPropertyValue("--rlv-colour") !== colour)
          element.style.setProperty("--rlv-colour", colour);
      }
      drawBar(bar, value ?? 0, axis);
      drawThumbnail(scene);
    },
  };
}

/** A bar from zero to `value`; one that leaves the axis is cut and marked. */
function drawBar(bar: HTMLElement, value: number, axis: { low: number; high: number }): void {
  const span = axis.high - axis.low;
  const end = Math.max(axis.low, Math.min(axis.high, Number.isFinite(value) ? value : 0));
  const left = (Math.min(0, end) - axis.low) / span;
  bar.hidden = end === 0;
  bar.style.left = `${(100 * left).toFixed(2)}%`;
  bar.style.width = `${((100 * Math.abs(end)) / span).toFixed(2)}%`;
  setAttribute(bar, "data-cut", value > axis.high ? "high" : value < axis.low ? "low" : false);
}
