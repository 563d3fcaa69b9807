/** The branch's frame beside the observation, with what differs from it outlined. */
import { parseHex } from "../core/colours.ts";
import { paint } from "../core/composite.ts";
import { differing } from "../core/masks.ts";
import type { Scene } from "../host/scene.ts";
import { context2d, h, setAttribute, setText } from "../views/dom.ts";
import { overlayLayer } from "./overlay_layer.ts";

const DIFFERENT = parseHex("#d55e00");

export interface BranchFrame {
  /** Shows a frame of the branch, named `key`, beside the first observation of `root`; null while it is not there. */
  draw(root: Element, scene: Scene, pixels: Uint8Array | null, key: string, words: Words): void;
  /** Share of the pixels that differ from the observation; null while it is not known. */
  readonly share: number | null;
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
      const sight = mask && words.outlined ? { codes: mask, size: study.observation, look, key: pair } : null;
      layer.draw(sight, null, "");
    },
    close() {
      layer.close();
      figure.remove();
    },
  };
}
