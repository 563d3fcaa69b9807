/** The little that the charts here share: a fine canvas, axes and lines. */
import { type Lane, type Scale, valueToY } from "../core/timeline.ts";
import { context2d } from "../views/dom.ts";
import type { Theme } from "../views/theme.ts";

export interface Plot {
  context: CanvasRenderingContext2D;
  width: number;
  height: number;
}

/** A cleared canvas of `width` × `height` pixels of the page. */
export function fine(canvas: HTMLCanvasElement, width: number, height: number): Plot {
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  const context = context2d(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** How the two worlds' lines are told apart without colour. */
export const DASH = { before: [4, 3], after: [] as number[] };

/** Ticks with numbers at the left, and the lane's lines. */
export function drawScale(
  { context }: Plot,
  lane: Lane,
  [left, right]: readonly [number, number],
  scale: Scale,
  theme: Theme,
  write: (value: number) => string = String,
): void {
  context.font = theme.font;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of scale.ticks) {
    const y = Math.round(valueToY(lane, scale, tick)) + 0.5;
    context.fillStyle = theme.faint;
    context.fillRect(left, y - 0.5, right - left, 1);
    context.fillStyle = theme.muted;
    context.fillText(write(tick), left - 6, y);
  }
}

/** A line through `count` values; what is no number is a gap. */
export function drawLine(
  { context }: Plot,
  values: ArrayLike<number>,
  count: number,
  x: (index: number) => number,
  y: (value: number) => number,
  { colour, dash }: { colour: string; dash: number[] },
): void {
  context.beginPath();
  let isDown = false;
  for (let index = 0; index < count; index++) {
    const value = values[index] ?? Number.NaN;
    if (!Number.isFinite(value)) {
      isDown = false;
      continue;
    }
    if (isDown) context.lineTo(x(index), y(value));
    else context.moveTo(x(index), y(value));
    isDown = true;
  }
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
}

/** Observes an element's width; the function returned reads it. */
export function widthOf(element: Element, changed: () => void, signal: AbortSignal): () => number {
  let width = 0;
  const observer = new ResizeObserver(([entry]) => {
    width = entry?.contentRect.width ?? 0;
    changed();
  });
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
  return () => width;
}
