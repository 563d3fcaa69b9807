/** The values of two paths (or another number) over one time: where they part, how each ends, and the step that is shown. */
import { words } from "../core/counterfactual_sight.ts";
import { type Label, labelsApart } from "../core/labels.ts";
import { type Lane, type Scale, valueScale, valueToY } from "../core/timeline.ts";
import type { Theme } from "../views/theme.ts";
import { DASH, drawLine, drawScale, fine, type Plot } from "./counterfactual_chart.ts";
import type { Pair } from "./lockstep.ts";

const LEFT = 34;
const RIGHT = 6;
const LINE = 14;

/** The step under a pixel of the curve. */
export const stepUnder = (x: number, width: number, last: number): number =>
  Math.round(((x - LEFT) / Math.max(1, width - LEFT - RIGHT)) * last);

export function drawLockstepCurve(
  canvas: HTMLCanvasElement,
  [width, height]: readonly [number, number],
  { paths, last, diverged = null }: Pair,
  lines: readonly Float32Array[],
  step: number,
  theme: Theme,
): void {
  const plot = fine(canvas, width, height);
  const lane: Lane = { top: 6, height: height - 12 };
  const line = (index: number) => lines[index] ?? new Float32Array(0);
  const values = paths.flatMap(({ length }, index) => Array.from(line(index).subarray(0, length)));
  const scale: Scale = valueScale(values);
  const right = width - RIGHT;
  drawScale(plot, lane, [LEFT, right], scale, theme);
  const x = (index: number) => LEFT + (index / Math.max(1, last)) * (right - LEFT);
  const y = (value: number) => valueToY(lane, scale, value);
  const causes: Cause[] = [];
  if (diverged !== null) drawApart(plot, x(diverged), right, theme);
  for (const [index, path] of paths.entries()) {
    const colour = index === 0 ? theme.muted : theme.text;
    drawLine(plot, line(index), path.length, x, y, { colour, dash: index === 0 ? DASH.before : DASH.after });
    if (!path.cause) continue;
    const end = line(index)[path.length - 1] ?? scale.low;
    const [endX, endY] = [x(path.length), y(end)];
    drawEnd(plot.context, [endX, endY], colour, path.completed === true);
    causes.push(causeAt(plot, [endX, endY], words(path.cause), theme));
  }
  drawCauses(plot, causes, theme);
  plot.context.fillStyle = theme.accent;
  plot.context.fillRect(x(step) - 1, 0, 2, height);
}

/** From here on they are no longer the same: shaded, with a flag at the top. */
function drawApart({ context, height }: Plot, x: number, right: number, theme: Theme): void {
  context.fillStyle = theme.faint;
  context.fillRect(x, 0, right - x, height);
  context.fillStyle = theme.text;
  context.fillRect(x - 0.5, 0, 1, height);
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x + 8, 4);
  context.lineTo(x, 8);
  context.fill();
}

interface Cause extends Label {
  text: string;
}

/** The cause in words beside the mark, on the side that has room. */
function causeAt(
  { context, width }: Plot,
  [x, y]: readonly [number, number],
  text: string,
  theme: Theme,
): Cause {
  context.font = theme.font;
  const wide = context.measureText(text).width;
  const left = x + 10 + wide < width ? x + 9 : x - 9 - wide;
  return { text, left, right: left + wide, y };
}

function drawCauses({ context, height }: Plot, causes: readonly Cause[], theme: Theme): void {
  const heights = labelsApart(causes, LINE, [LINE / 2 + 1, height - LINE / 2 - 1]);
  context.font = theme.font;
  context.textBaseline = "middle";
  context.textAlign = "left";
  context.fillStyle = theme.text;
  for (const [index, { text, left }] of causes.entries()) context.fillText(text, left, heights[index] ?? 0);
}

/** A filled circle where a level was completed, a cross where it ended otherwise. */
function drawEnd(
  context: CanvasRenderingContext2D,
  [x, y]: readonly [number, number],
  colour: string,
  completed: boolean,
): void {
  context.beginPath();
  if (completed) {
    context.arc(x, y, 3.5, 0, 2 * Math.PI);
    context.fillStyle = colour;
    context.fill();
    return;
  }
  for (const sign of [-1, 1]) {
    context.moveTo(x - 4, y - 4 * sign);
    context.lineTo(x + 4, y + 4 * sign);
  }
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.stroke();
}
