/** One feature of the legend: colour, example patches, name, signed bar and number. */
import { signed } from "../core/numbers.ts";
import { slice } from "../host/replies.ts";
import { colourOf, type Scene } from "../host/scene.ts";
import { context2d, h, icon, setAttribute, setText } from "../views/dom.ts";
import { PENCIL } from "../views/icons.ts";
import type { Context } from "./panel.ts";

export interface Row {
  index: number;
  isResidual: boolean;
  element: HTMLElement;
  /** Pins the feature; stands for the row to the keyboard. */
  pin: HTMLButtonElement;
  swatch: HTMLElement;
  /** What the feature is called now. */
  readonly name: string;
  draw(scene: Scene, decimals: number): void;
  /** Only one row's buttons are stops of the Tab key. */
  setCurrent(current: boolean): void;
}

export interface Acts {
  rename(index: number): void;
  recolour(index: number): void;
  explain(index: number, decimals: number): string;
}

export function legendRow(context: Context, index: number, isResidual: boolean, acts: Acts): Row {
  const { session, signal } = context;
  const swatch = h(isResidual ? "span" : "button", { class: "rlv-swatch" });
  const thumbnail = h("canvas", { class: "rlv-thumbnail", "aria-hidden": "true", width: 1, height: 1 });
  const open = isResidual ? thumbnail : h("button", { class: "rlv-open" }, thumbnail);
  const name = h("span", { class: "rlv-name" });
  const note = h("span", { class: "rlv-note" });
  const bar = h("span", { class: "rlv-bar" });
  const number = h("span", { class: "rlv-number" });
  const pin = h(
    "button",
    { class: "rlv-pin" },
    h("span", { class: "rlv-names" }, name, note),
    h("span", { class: "rlv-track", "aria-hidden": "true" }, bar),
    number,
  );
  const edit = h("button", { class: "rlv-edit" }, icon(PENCIL));
  const element = h("div", { class: isResidual ? "rlv-row rlv-residual" : "rlv-row" }, swatch, open, pin);
  if (!isResidual) {
    element.append(edit);
    element.dataset.feature = String(index);
  }
  const stops = isResidual ? [pin] : [swatch, open, pin, edit];
  const on = (target: HTMLElement, event: string, act: () => void) =>
    target.addEventListener(event, act, { signal });

  const hover = (over: boolean) => {
    if (over) session.set("hovered", index);
    else if (session.model.get("hovered") === index) session.set("hovered", null);
  };
  on(element, "pointerenter", () => hover(true));
  on(element, "pointerleave", () => hover(false));
  on(element, "focusin", () => hover(true));
  on(element, "focusout", () => hover(false));
  on(pin, "click", () => session.set("feature", session.model.get("feature") === index ? null : index));
  if (!isResidual) {
    on(pin, "dblclick", () => acts.rename(index));
    on(edit, "click", () => acts.rename(index));
    on(open, "click", () => session.set("opened", index));
    on(swatch, "click", () => acts.recolour(index));
  }

  const drawThumbnail = thumbnailOf(thumbnail, index);
  let text = "";
  const call = (shown: string) => {
    if (text === shown) return;
    text = shown;
    setText(name, shown);
    for (const [button, verb] of [
      [swatch, "Colour of"],
      [open, "Open"],
      [edit, "Rename"],
    ] as const)
      if (button instanceof HTMLButtonElement) {
        setAttribute(button, "aria-label", `${verb} ${shown}`);
        setAttribute(
          button,
          "title",
          verb === "Open" ? "what it looks for" : (verb.split(" ")[0] ?? "").toLowerCase(),
        );
      }
  };

  return {
    index,
    isResidual,
    element,
    pin,
    swatch,
    get name() {
      return text;
    },
    setCurrent(current) {
      for (const stop of stops) setAttribute(stop, "tabindex", current ? "0" : "-1");
    },
    draw(scene, decimals) {
      const { amounts, axis } = scene.row;
      const value = amounts[index];
      const isolated = scene.isolated === index;
      const share = scene.layer?.quality?.residual_share;
      call(isResidual ? "residual" : (scene.layer?.features[index]?.name ?? `feature ${index}`));
      setText(note, isResidual && typeof share === "number" ? `${Math.round(100 * share)} % of |A|` : "");
      setText(number, scene.gradients ? "" : signed(value, decimals));
      // Only where the pointer or the focus is: nobody reads the others, and there may be hundreds.
      if (isolated) setAttribute(pin, "title", acts.explain(index, decimals + 1));
      setAttribute(pin, "aria-pressed", String(scene.pinned === index));
      setAttribute(element, "data-pinned", scene.pinned === index);
      setAttribute(element, "data-isolated", isolated);
      setAttribute(element, "data-off", isResidual && !scene.showResidual && !isolated);
      if (!isResidual) {
        const colour = colourOf(scene, index);
        if (element.style.getPropertyValue("--rlv-colour") !== colour)
          element.style.setProperty("--rlv-colour", colour);
      }
      drawBar(bar, scene.gradients ? 0 : (value ?? 0), axis);
      drawThumbnail(scene, isolated);
    },
  };
}

/** Draws a feature's thumbnail when it or its opacity changes. */
function thumbnailOf(canvas: HTMLCanvasElement, index: number): (scene: Scene, solid: boolean) => void {
  let drawn: unknown;
  let opaque = false;
  return ({ examples }, solid) => {
    if (drawn === examples && opaque === solid) return;
    drawn = examples;
    opaque = solid;
    const pixels = slice(examples, "thumbnail", index);
    const [, height = 1, width = 1] = examples?.arrays.thumbnail?.shape ?? [];
    canvas.width = width;
    canvas.height = height;
    if (!pixels) return;
    const image = new ImageData(width, height);
    image.data.set(pixels);
    if (solid) for (let alpha = 3; alpha < image.data.length; alpha += 4) image.data[alpha] = 255;
    context2d(canvas).putImageData(image, 0, 0);
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
