/** The words of the timeline: numbers of the axes, which stand still; names of episodes and marks, which slide. */

import { type Episode, outcomeInWords } from "../core/episodes.ts";
import { type End, endsOf, type Mark } from "../core/marks.ts";
import { fixed, niceStep, thousands } from "../core/numbers.ts";
import { type Axis, perStep, stepToX, valueToY } from "../core/timeline.ts";
import type { Scene } from "../host/scene.ts";
import type { Theme } from "../views/theme.ts";
import { GUTTER, type Layout } from "./lanes.ts";

type Context2d = CanvasRenderingContext2D;

const TICK_EVERY = 96;
const INDENT = 5; // of an episode's name from its start
/** From the end of an episode back to the middle of the mark that says how it ended; half the mark's size. */
export const END = 7;
const HALF = 3;

export function drawAxes(context: Context2d, layout: Layout, theme: Theme): void {
  write(context, theme, "right");
  for (const series of layout.series) drawTicks(context, series, GUTTER.left - 6);
  context.textAlign = "left";
  context.fillText("step", GUTTER.left + layout.inner + 16, layout.steps.top + layout.steps.height / 2);
}

function write(context: Context2d, theme: Theme, align: CanvasTextAlign): void {
  context.font = theme.font;
  context.textBaseline = "middle";
  context.fillStyle = theme.muted;
  context.textAlign = align;
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

/** What slides: `axis` is the sheet's. */
export function drawRail(
  context: Context2d,
  { episodes }: Scene,
  layout: Layout,
  axis: Axis,
  theme: Theme,
  marks: readonly Mark[],
): void {
  const names = layout.episodes;
  write(context, theme, "left");
  for (const [index, episode] of episodes.entries()) {
    if (episode.start < axis.first || episode.start > axis.last) continue;
    const x = stepToX(axis, episode.start);
    const text = episodeName(context, episode, index, stepToX(axis, episode.stop) - x);
    context.fillText(text, x + INDENT, names.top + names.height / 2);
  }
  drawEnds(context, episodes, layout, axis, theme);
  context.fillStyle = theme.text;
  const y = names.top + names.height + 4;
  for (const mark of marks) drawMark(context, mark, axis, y);
}

/** Numbers of the steps that `axis` shows, each whole: half a number would be another one. */
export function drawSteps(
  context: Context2d,
  { width, steps }: Layout,
  axis: Axis,
  numSteps: number,
  theme: Theme,
): void {
  context.clearRect(0, 0, width, steps.height);
  write(context, theme, "center");
  const every = Math.max(1, niceStep(TICK_EVERY / perStep(axis)));
  const last = Math.min(axis.last, numSteps - 1);
  for (let tick = Math.max(0, Math.ceil(axis.first / every)); tick * every <= last; tick++)
    context.fillText(thousands(tick * every), stepToX(axis, tick * every), steps.height / 2);
}

/** As much of an episode's number and outcome as there is room for before the mark at its end. */
export function episodeName(context: Context2d, episode: Episode, index: number, room: number): string {
  const free = room - INDENT - 2 * END;
  if (free < 6) return "";
  const texts = [
    `${index + 1} ${outcomeInWords(episode)}`,
    `${index + 1} ${episode.outcome}`,
    `${index + 1}`,
  ];
  return texts.find((text) => context.measureText(text).width < free) ?? "";
}

/** How each episode ended, just before the next one begins; nothing in one that is too short for it. */
function drawEnds(
  context: Context2d,
  episodes: readonly Episode[],
  layout: Layout,
  axis: Axis,
  theme: Theme,
): void {
  const { top, height } = layout.episodes;
  const right = stepToX(axis, axis.last);
  context.lineWidth = 1.5;
  for (const { start, step, kind } of endsOf(episodes)) {
    const stop = stepToX(axis, step + 1);
    if (step < axis.first || step >= axis.last + 1 || stop - stepToX(axis, start) < 2 * END) continue;
    context.strokeStyle = theme.text;
    drawEnd(context, kind, Math.min(stop, right) - END, top + height / 2);
    context.fillStyle = theme.line;
    if (stop < right) context.fillRect(Math.round(stop), top + 2, 1, layout.strip.top - top - 2);
  }
}

/** A tick, a cross, an hourglass or a bar: told apart without colour. */
function drawEnd(context: Context2d, kind: End["kind"], x: number, y: number): void {
  const path = ENDS[kind].map(([dx, dy, move]) => [x + HALF * dx, y + HALF * dy, move] as const);
  context.beginPath();
  for (const [px, py, move] of path) move ? context.moveTo(px, py) : context.lineTo(px, py);
  context.stroke();
}

type Stroke = readonly [dx: number, dy: number, move?: 1];

const ENDS: Record<End["kind"], readonly Stroke[]> = {
  completed: [
    [-1.2, 0, 1],
    [-0.3, 1],
    [1.3, -1.2],
  ],
  failed: [
    [-1, -1, 1],
    [1, 1],
    [-1, 1, 1],
    [1, -1],
  ],
  timeout: [
    [-1, -1.2, 1],
    [1, -1.2],
    [-1, 1.2],
    [1, 1.2],
    [-1, -1.2],
  ],
  ended: [
    [0, -1.2, 1],
    [0, 1.2],
  ],
};

/** Triangles that point up and down, and a dot with a line for a note: told apart without colour. */
function drawMark(context: Context2d, { kind, step, stop = step }: Mark, axis: Axis, y: number): void {
  if (Math.max(step, stop) < axis.first || step > axis.last) return;
  const x = stepToX(axis, step);
  context.beginPath();
  if (kind === "note") {
    context.arc(x, y, 3, 0, 2 * Math.PI);
    // How long it is about what it says.
    context.rect(x, y - 0.5, stepToX(axis, stop - 1) - x, 1);
  } else {
    const up = kind === "high" ? -2.5 : 2.5;
    context.moveTo(x - 3.5, y - up);
    context.lineTo(x + 3.5, y - up);
    context.lineTo(x, y + up);
  }
  context.fill();
}
