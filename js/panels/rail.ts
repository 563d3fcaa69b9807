/** What stays while time slides beneath it, and is drawn anew as it does: numbers of the axes, names of episodes, marks. */
import type { Mark } from "../core/marks.ts";
import { fixed, niceStep, thousands } from "../core/numbers.ts";
import { type Axis, stepToX, valueToY } from "../core/timeline.ts";
import type { Scene } from "../host/scene.ts";
import type { Theme } from "../views/theme.ts";
import { OUTCOME_MARK } from "./header.ts";
import type { Layout } from "./lanes.ts";
import { visible } from "./timeline_draw.ts";

type Context2d = CanvasRenderingContext2D;

const TICK_EVERY = 96;

export function drawRail(
  context: Context2d,
  scene: Scene,
  layout: Layout,
  axis: Axis,
  theme: Theme,
  marks: readonly Mark[],
): void {
  context.clearRect(0, 0, layout.width, layout.height);
  context.font = theme.font;
  context.textBaseline = "middle";
  context.fillStyle = theme.muted;
  context.textAlign = "right";
  for (const series of layout.series) drawTicks(context, series, axis.left - 6);
  drawSteps(context, scene, layout, axis);
  drawEpisodes(context, scene, layout, axis);
  context.fillStyle = theme.text;
  const y = layout.episodes.top + layout.episodes.height + 4;
  for (const { step, kind, stop = step + 1 } of marks) {
    const [from, to] = [Math.max(step, axis.first), Math.min(stop - 1, axis.last)];
    // How long a note is about what it says.
    if (kind === "note" && from < to)
      context.fillRect(stepToX(axis, from), y - 0.5, stepToX(axis, to) - stepToX(axis, from), 1);
    if (step >= axis.first && step <= axis.last) drawMark(context, kind, stepToX(axis, step), y);
  }
}

function drawTicks(context: Context2d, { lane, scale, kind }: Layout["series"][number], x: number): void {
  for (const tick of scale.ticks) {
    const y = valueToY(lane, scale, tick);
    // At the foot of a lane it would stand in the next one's way.
    const low = y > lane.top + lane.height - 4 && (kind === "sticks" || scale.ticks.length > 1);
    if (!low) context.fillText(tickText(tick, scale.ticks), x, y + 0.5);
  }
}

function tickText(tick: number, ticks: readonly number[]): string {
  if (tick === 0) return "0";
  const step = Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0)) || Math.abs(tick) || 1;
  return fixed(tick, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

function drawSteps(context: Context2d, { numSteps }: Scene, { steps, inner }: Layout, axis: Axis): void {
  const y = steps.top + steps.height / 2;
  const every = Math.max(1, niceStep(((axis.last - axis.first) * TICK_EVERY) / inner));
  context.textAlign = "center";
  const last = Math.min(axis.last, numSteps - 1);
  for (let tick = Math.max(0, Math.ceil(axis.first / every)); tick * every <= last; tick++)
    context.fillText(thousands(tick * every), stepToX(axis, tick * every), y);
  context.textAlign = "left";
  context.fillText("step", axis.left + axis.width + 16, y);
}

function drawEpisodes(context: Context2d, scene: Scene, { episodes: lane }: Layout, axis: Axis): void {
  const middle = lane.top + lane.height / 2;
  for (const { start, stop, index, outcome } of visible(scene.episodes, axis)) {
    const left = stepToX(axis, start);
    const room = stepToX(axis, Math.min(stop, axis.last)) - left;
    if (room < 12) continue;
    const mark = OUTCOME_MARK[outcome] ?? "·";
    const full = `${index + 1} ${mark}`;
    const text = [`${full} ${outcome}`, full, mark].find((one) => context.measureText(one).width + 8 < room);
    if (text) context.fillText(text, left + 5, middle);
  }
}

/** Triangles that point up and down, and a dot for a note: told apart without colour. */
function drawMark(context: Context2d, kind: Mark["kind"], x: number, y: number): void {
  context.beginPath();
  if (kind === "note") context.arc(x, y, 3, 0, 2 * Math.PI);
  else {
    const up = kind === "high" ? -2.5 : 2.5;
    context.moveTo(x - 3.5, y - up);
    context.lineTo(x + 3.5, y - up);
    context.lineTo(x, y + up);
  }
  context.fill();
}
