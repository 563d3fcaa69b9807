/** The overlay of one observation: outlines on a canvas as fine as the screen, a mark, and words at the pointer. */
import { drawMask, type MaskLook, type Seen } from "../core/masks.ts";
import { context2d, h, setText } from "../views/dom.ts";

export interface Sight {
  codes: ArrayLike<number>;
  size: { height: number; width: number };
  look: MaskLook;
  /** Changes with what is drawn. */
  key: string;
}

export interface Layer {
  draw(sight: Sight | null, marked: Seen | null, words: string): void;
  close(): void;
}

interface Options {
  /** The screen's size has changed: it is to be drawn again. */
  resized: () => void;
  /** The pixel that is pointed at, or none. */
  pointed: (at: { x: number; y: number } | null) => void;
}

/** Over `place`, the element that the picture fills. */
export function overlayLayer(place: HTMLElement, { resized, pointed }: Options): Layer {
  const life = new AbortController();
  const { signal } = life;
  const canvas = h("canvas", { class: "rlv-objects-layer", "aria-hidden": "true" });
  const mark = h("span", { class: "rlv-object-mark", "aria-hidden": "true" });
  const tip = h("span", { class: "rlv-object-tip", "aria-hidden": "true" });
  mark.hidden = tip.hidden = true;
  place.append(canvas, mark);
  // Beside the picture, not in it: what leaves a picture may be cut off.
  place.after(tip);
  let target = { height: 0, width: 0 };
  let share = { x: 0, y: 0 };
  let drawn = "";
  const sizes = new ResizeObserver(([entry]) => {
    if (!entry) return;
    const [exact] = entry.devicePixelContentBoxSize ?? [];
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = entry.contentRect;
    target = exact
      ? { width: exact.inlineSize, height: exact.blockSize }
      : { width: Math.round(width * ratio), height: Math.round(height * ratio) };
    resized();
  });
  try {
    sizes.observe(canvas, { box: "device-pixel-content-box" });
  } catch {
    sizes.observe(canvas); // Safari knows no such box
  }
  const at = ({ clientX, clientY }: PointerEvent) => {
    const { left, top, width, height } = place.getBoundingClientRect();
    share = { x: (clientX - left) / Math.max(1, width), y: (clientY - top) / Math.max(1, height) };
    return share;
  };
  place.addEventListener("pointermove", (event) => pointed(at(event)), { signal });
  place.addEventListener("pointerleave", () => pointed(null), { signal });

  const paint = ({ codes, size, look }: Sight) => {
    if (canvas.width !== target.width) canvas.width = target.width;
    if (canvas.height !== target.height) canvas.height = target.height;
    const image = new ImageData(target.width, target.height);
    drawMask(codes, size, target, { ...look, line: lineFor(size.width, target.width) }, image.data);
    context2d(canvas).putImageData(image, 0, 0);
  };
  return {
    draw(sight, marked, words) {
      const key = sight ? `${sight.key}/${target.width}×${target.height}/${window.devicePixelRatio}` : "";
      if (key !== drawn && target.width > 0) {
        drawn = key;
        if (sight) paint(sight);
        else context2d(canvas).clearRect(0, 0, canvas.width, canvas.height);
        canvas.dataset.shows = sight?.key ?? "";
      }
      mark.hidden = !marked || !sight;
      if (marked && sight) frame(mark, marked, sight.size);
      tip.hidden = words === "";
      setText(tip, words);
      if (words) beside(tip, place, share);
    },
    close() {
      life.abort();
      sizes.disconnect();
      for (const element of [canvas, mark, tip]) element.remove();
    },
  };
}

/** Thin where pixels are small, else seen on any ground; in points of the screen. */
function lineFor(pixels: number, points: number): number {
  const ratio = Math.max(1, Math.round(window.devicePixelRatio || 1));
  return points / pixels >= 4 * ratio ? 2 * ratio : ratio;
}

/** Puts the mark around an object, as far as it is in the picture. */
function frame(mark: HTMLElement, seen: Seen, { height, width }: Sight["size"]): void {
  const percent = (from: number, to: number, all: number) => {
    const [start, stop] = [Math.max(0, Math.min(all, from)), Math.max(0, Math.min(all, to))];
    return [`${(100 * start) / all}%`, `${(100 * Math.max(0, stop - start)) / all}%`] as const;
  };
  [mark.style.left, mark.style.width] = percent(seen.left - 1, seen.right + 1, width);
  [mark.style.top, mark.style.height] = percent(seen.top - 1, seen.bottom + 1, height);
}

/** Puts the words beside the pointer, on the side that has room. */
function beside(tip: HTMLElement, place: HTMLElement, { x, y }: { x: number; y: number }): void {
  const [left, top] = [place.offsetLeft + x * place.offsetWidth, place.offsetTop + y * place.offsetHeight];
  const [before, above] = [x > 0.5, y > 0.6];
  const move = `translate(${before ? "calc(-100% - 10px)" : "14px"}, ${above ? "calc(-100% - 4px)" : "8px"})`;
  tip.style.transform = `translate(${left.toFixed(0)}px, ${top.toFixed(0)}px) ${move}`;
}
