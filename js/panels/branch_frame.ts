/** The branch's frame beside the observation, with what differs from it outlined. */
import { parseHex } from "../core/colours.ts";
import { paint } from "../core/composite.ts";
import { differing } from "../core/masks.ts";
import type { Scene } from "../host/scene.ts";
import { context2d, h, setAttribute, setText } from "../views/dom.ts";
import { overlayLayer } from "./overlay_layer.ts";

/** Of the panels' grid as the style sheet has it, in pixels; and how much of a column the chart of a row takes. */
const [CAPTION, GAP, CHART, NARROW] = [24, 12, 0.8, 500];
/** Beyond this share another scene is shown, and outlines would say nothing. */
const MOST = 0.25;
const DIFFERENT = parseHex("#d55e00");

export interface BranchFrame {
  /** Shows a frame of the branch, named `key`, beside the first observation of `root`; null while it is not there. */
  draw(root: Element, scene: Scene, pixels: Uint8Array | null, key: string, words: Words): void;
  /** Share of the pixels that differ from the observation; null while it is not known. */
  readonly share: number | null;
  /** Takes it away until it is drawn again. */
  hide(): void;
  close(): void;
}

interface Words {
  title: string;
  hint: string;
  outlined: boolean;
}

export function branchFrame(resized: () => void): BranchFrame {
  const title = h("span", { class: "rlv-title" });
  const hint = h("span", { class: "rlv-hint" });
  const canvas = h("canvas", { class: "rlv-frame", role: "img" });
  const place = h("div", { class: "rlv-place" }, canvas);
  const caption = h("figcaption", {}, title, hint);
  const figure = h("figure", { class: "rlv-figure rlv-branch" }, caption, place);
  const layer = overlayLayer(place, { resized, pointed: () => {} });
  let grid: HTMLElement | null = null;
  let square = 1;
  // As high as without the branch: a line that is picked must not slip away from under the pointer.
  const sizes = new ResizeObserver(([entry]) => {
    const width = entry?.contentRect.width ?? 0;
    const columns = grid && "combine" in grid.dataset ? 2 : 3;
    const chart = grid?.closest("[data-several]") ? CHART : 0;
    const each = (width - (columns - (chart ? 0 : 1)) * GAP) / (columns + chart);
    grid?.style.setProperty("min-height", width > NARROW ? `${(CAPTION + square * each).toFixed(1)}px` : "");
  });
  const settle = (next: HTMLElement | null) => {
    if (next === grid) return;
    sizes.disconnect();
    grid?.style.removeProperty("min-height");
    grid = next;
    if (grid) sizes.observe(grid);
  };
  let [drawn, compared] = ["", ""];
  let mask: Uint8Array | null = null;
  let share: number | null = null;
  return {
    get share() {
      return share;
    },
    draw(root, { study, observation, approximate, step }, pixels, key, words) {
      const beside = root.querySelector(".rlv-frames > .rlv-observation");
      if (beside && beside.nextElementSibling !== figure) beside.after(figure);
      square = study.observation.height / study.observation.width;
      settle(figure.parentElement);
      setText(title, words.title);
      setText(hint, words.hint);
      setAttribute(canvas, "data-stale", pixels === null);
      if (pixels && drawn !== key) {
        drawn = key;
        const { height, width } = study.observation;
        [canvas.height, canvas.width] = [height, width];
        const image = new ImageData(width, height);
        paint(pixels, image.data);
        context2d(canvas).putImageData(image, 0, 0);
        setAttribute(canvas, "aria-label", `${words.title}, step ${step}`);
      }
      const pair = observation && pixels && !approximate ? `${observation.key}/${key}` : "";
      if (pair !== compared) {
        compared = pair;
        mask = pair && observation && pixels ? differing(observation.pixels, pixels) : null;
        share = mask && mask.reduce((sum, one) => sum + one, 0) / mask.length;
      }
      const look = { colours: [null, DIFFERENT], line: 1, fill: false };
      const sight =
        mask && words.outlined && (share ?? 1) <= MOST
          ? { codes: mask, size: study.observation, look, key: pair }
          : null;
      layer.draw(sight, null, "");
    },
    hide() {
      settle(null);
      figure.remove();
    },
    close() {
      settle(null);
      figure.remove();
      layer.close();
    },
  };
}
