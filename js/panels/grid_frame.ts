/** The whole frame that a patch was cut from, over the grid, with the patch marked. */
import { paint } from "../core/composite.ts";
import type { Frame } from "../host/grid_data.ts";
import { context2d, h, setAttribute, setText } from "../views/dom.ts";

export interface FrameShown {
  frame: Frame;
  box: { top: number; left: number; height: number; width: number };
  text: string;
  /** Where it is in the rollout, for the button that goes there. */
  go: string | null;
  kept: boolean;
}

export interface FramePanel {
  element: HTMLElement;
  show(shown: FrameShown | null): void;
  fail(text: string): void;
}

interface FrameActions {
  signal: AbortSignal;
  keep: (kept: boolean) => void;
  go: () => void;
  close: () => void;
}

export function gridFrame({ signal, keep, go, close }: FrameActions): FramePanel {
  const canvas = h("canvas", { role: "img", width: 1, height: 1 });
  const mark = h("div", { class: "rlv-grid-mark" });
  const picture = h("div", { class: "rlv-grid-whole" }, canvas, mark);
  const text = h("span", { class: "rlv-grid-where" });
  const pin = h("button", { class: "rlv-button", title: "keep the frame open" }, "keep open");
  const goThere = h("button", { class: "rlv-button" });
  const shut = h("button", { class: "rlv-icon", "aria-label": "Close the frame" }, "✕");
  const bar = h(
    "div",
    { class: "rlv-grid-frame-bar" },
    text,
    h("span", { class: "rlv-spring" }),
    goThere,
    pin,
    shut,
  );
  const element = h(
    "div",
    { class: "rlv-grid-frame", role: "group", "aria-label": "Whole frame" },
    picture,
    bar,
  );
  element.hidden = true;
  let kept = false;
  pin.addEventListener("click", () => keep(!kept), { signal });
  goThere.addEventListener("click", go, { signal });
  shut.addEventListener("click", close, { signal });
  picture.addEventListener("click", close, { signal });
  return {
    element,
    fail(why) {
      element.hidden = false;
      picture.hidden = true;
      goThere.hidden = pin.hidden = true;
      setText(text, why);
    },
    show(shown) {
      element.hidden = shown === null;
      if (!shown) return;
      const { frame, box } = shown;
      kept = shown.kept;
      picture.hidden = pin.hidden = false;
      // While a pointer holds the frame open, nothing on it may take the release.
      setAttribute(element, "data-held", !kept);
      setAttribute(pin, "aria-pressed", String(kept));
      setText(text, shown.text);
      goThere.hidden = shown.go === null;
      setText(goThere, shown.go ?? "");
      if (canvas.width !== frame.width) canvas.width = frame.width;
      if (canvas.height !== frame.height) canvas.height = frame.height;
      setAttribute(canvas, "aria-label", shown.text);
      const image = new ImageData(frame.width, frame.height);
      paint(frame.pixels, image.data);
      context2d(canvas).putImageData(image, 0, 0);
      picture.style.setProperty("--rlv-aspect", String(frame.width / frame.height));
      Object.assign(mark.style, {
        left: `${(100 * box.left) / frame.width}%`,
        top: `${(100 * box.top) / frame.height}%`,
        width: `${(100 * box.width) / frame.width}%`,
        height: `${(100 * box.height) / frame.height}%`,
      });
    },
  };
}
