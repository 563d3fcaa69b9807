/** What slides with time: squeezed frames, curves and the ends of episodes, on one canvas a little wider than the view. */
import { lineSteps } from "../core/decimate.ts";
import type { Mark } from "../core/marks.ts";
import type { Episode } from "../core/study.ts";
import { type Axis, perStep, stepToX, valueToY } from "../core/timeline.ts";
import type { Scene } from "../host/scene.ts";
import type { Theme } from "../views/theme.ts";
import type { Layout } from "./lanes.ts";
import { drawRail } from "./rail.ts";

type Context2d = CanvasRenderingContext2D;
type Drawn = Layout["series"][number];

/** Frames squeezed to columns: those of the steps `[start, stop)`, or a sample of them. */
export interface Strip {
  image: HTMLCanvasElement;
  start: number;
  stop: number;
}

/** Where episodes stand closer than this, their boundaries would hide the curves. */
const CLOSEST = 8;

const crisp = (x: number): number => Math.round(x) + 0.5;

/** The part of the trajectory to draw for `axis`: half a view more on either side, where there is any. */
export function sheetFor(axis: Axis, numSteps: number): Axis {
  const whole = axis.first <= 0 && axis.last >= numSteps - 1;
  const margin = whole ? 0 : (axis.last - axis.first) / 2;
  const first = Math.max(-0.5, axis.first - margin);
  const last = Math.max(first, Math.min(numSteps - 0.5, axis.last + margin));
  return { left: 0, width: perStep(axis) * (last - first), first, last };
}

/** Whether what is drawn on `sheet` is all that `axis` shows. */
export const holds = (sheet: Axis | undefined, axis: Axis, numSteps: number): sheet is Axis =>
  sheet !== undefined &&
  Math.abs(perStep(sheet) - perStep(axis)) < 1e-9 &&
  sheet.first <= Math.max(-0.5, axis.first) &&
  sheet.last >= Math.min(numSteps - 0.5, axis.last);

export function drawSheet(
  context: Context2d,
  scene: Scene,
  layout: Layout,
  axis: Axis,
  theme: Theme,
  strips: readonly Strip[],
  marks: readonly Mark[],
): void {
  context.clearRect(0, 0, axis.width, layout.height);
  context.lineCap = "round";
  drawStripLane(context, layout, axis, theme, strips);
  for (const one of layout.series) drawSeries(context, scene, one, axis, theme);
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.beginPath();
  let previous = Number.NEGATIVE_INFINITY;
  for (const { start } of scene.episodes) {
    if (start === 0 || start < axis.first || start > axis.last) continue;
    const x = stepToX(axis, start);
    if (x - previous >= CLOSEST) segment(context, x, layout.strip.top, x, layout.steps.top);
    previous = x;
  }
  context.stroke();
  drawRail(context, scene, layout, axis, theme, marks);
}

/** The part of each episode that the axis shows. */
function visible(episodes: readonly Episode[], { first, last }: Axis): { start: number; stop: number }[] {
  const found = [];
  for (const episode of episodes) {
    const start = Math.max(episode.start, Math.ceil(first));
    const stop = Math.min(episode.stop, Math.floor(last) + 1);
    if (start < stop) found.push({ start, stop });
  }
  return found;
}

function segment(context: Context2d, x0: number, y0: number, x1: number, y1: number): void {
  context.moveTo(crisp(x0), y0);
  context.lineTo(crisp(x1), y1);
}

function drawStripLane(
  context: Context2d,
  { strip: { top, height } }: Layout,
  axis: Axis,
  theme: Theme,
  strips: readonly Strip[],
): void {
  context.fillStyle = theme.faint;
  context.fillRect(0, top, axis.width, height);
  for (const { image, start, stop } of strips) {
    // A step's columns are centred on its pixel.
    const columns = image.width / (stop - start);
    const from = Math.max(start, axis.first + 0.5);
    const to = Math.min(stop, axis.last + 0.5);
    if (to <= from) continue;
    const wide = (to - from) * columns;
    const [left, width] = [stepToX(axis, from - 0.5), (to - from) * perStep(axis)];
    context.imageSmoothingEnabled = wide > width;
    context.drawImage(image, (from - start) * columns, 0, wide, image.height, left, top, width, height);
  }
}

function drawSeries(context: Context2d, scene: Scene, series: Drawn, axis: Axis, theme: Theme): void {
  const { lane, scale, values, kind } = series;
  const y = (value: number) => valueToY(lane, scale, value);
  context.strokeStyle = theme.faint;
  context.lineWidth = 1;
  context.beginPath();
  for (const tick of scale.ticks) context.rect(0, crisp(y(tick)), axis.width, 0);
  context.stroke();
  context.strokeStyle = theme.text;
  context.lineWidth = kind === "sticks" ? 1.5 : 1.25;
  // In whole pixels of the whole trajectory, so that a curve does not shimmer while it slides.
  const columns = Math.min(1, perStep(axis));
  const columnOf = (step: number) => Math.floor(step * columns);
  // One path an episode: what follows a reset does not continue what came before it.
  const paths = visible(scene.episodes, axis).map(({ start, stop }) =>
    lineSteps(values, start, stop, columnOf),
  );
  if (kind === "area") {
    context.beginPath();
    for (const steps of paths) pieces(steps, values, (piece) => fillPiece(context, piece, values, axis, y));
    context.fillStyle = series.colour ?? theme.line;
    context.fill();
  }
  context.beginPath();
  for (const steps of paths)
    if (kind === "sticks") {
      for (const step of steps)
        if (values[step])
          segment(context, stepToX(axis, step), y(0), stepToX(axis, step), y(values[step] ?? 0));
    } else pieces(steps, values, (piece) => linePiece(context, piece, values, axis, y));
  context.stroke();
}

type ToY = (value: number) => number;

/** Runs of steps without a gap. */
function pieces(steps: readonly number[], values: ArrayLike<number>, draw: (piece: number[]) => void): void {
  let piece: number[] = [];
  for (const step of steps) {
    if (Number.isFinite(values[step])) piece.push(step);
    else {
      if (piece.length > 0) draw(piece);
      piece = [];
    }
  }
  if (piece.length > 0) draw(piece);
}

function linePiece(context: Context2d, piece: number[], values: ArrayLike<number>, axis: Axis, y: ToY): void {
  const [first = 0] = piece;
  // A step alone would be a line of no length, which is not drawn.
  context.moveTo(stepToX(axis, first) - (piece.length > 1 ? 0 : 1), y(values[first] ?? 0));
  for (const step of piece) context.lineTo(stepToX(axis, step), y(values[step] ?? 0));
}

function fillPiece(context: Context2d, piece: number[], values: ArrayLike<number>, axis: Axis, y: ToY): void {
  const [first = 0, last = first] = [piece[0], piece.at(-1)];
  context.moveTo(stepToX(axis, first), y(0));
  for (const step of piece) context.lineTo(stepToX(axis, step), y(values[step] ?? 0));
  context.lineTo(stepToX(axis, last), y(0));
  context.closePath();
}
