/** Drawing of what stays in the timeline while the step moves. */
import { minMax } from "../core/decimate.ts";
import { fixed } from "../core/numbers.ts";
import type { Episode } from "../core/study.ts";
import { type Axis, stepToX, valueToY } from "../core/timeline.ts";
import type { Scene } from "../host/scene.ts";
import type { Theme } from "../views/theme.ts";
import { OUTCOME_MARK } from "./header.ts";
import type { Layout, Series } from "./lanes.ts";

type Context2d = CanvasRenderingContext2D;

const CLOSEST = 8;

const round = (x: number): number => Math.round(x) + 0.5;

function rule(context: Context2d, x0: number, y0: number, x1: number, y1: number): void {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** Everything that does not move with the playhead. */
export function drawBase(
  context: Context2d,
  scene: Scene,
  layout: Layout,
  theme: Theme,
  strip: HTMLCanvasElement | null,
): void {
  context.clearRect(0, 0, layout.width, layout.height);
  context.font = theme.font;
  context.lineWidth = 1;
  drawStripLane(context, scene, layout, theme, strip);
  for (const series of layout.series) {
    drawAxis(context, layout, series, theme);
    drawSeries(context, scene, layout, series, theme);
  }
  drawEpisodes(context, scene, layout, theme);
}

function drawStripLane(
  context: Context2d,
  scene: Scene,
  layout: Layout,
  theme: Theme,
  strip: HTMLCanvasElement | null,
): void {
  const { axis } = layout;
  const { top, height } = layout.strip;
  context.fillStyle = theme.faint;
  context.fillRect(axis.left, top, axis.width, height);
  if (!strip) return;
  // A step's columns are centred on its pixel, so the first and last stand half over the edge: cut them there.
  const half = axis.width / Math.max(1, axis.last - axis.first) / 2;
  const columns = strip.width / scene.numSteps;
  const [from, wide] = [axis.first * columns, (axis.last - axis.first + 1) * columns];
  context.save();
  context.beginPath();
  context.rect(axis.left, top, axis.width, height);
  context.clip();
  context.imageSmoothingEnabled = wide > axis.width;
  context.drawImage(strip, from, 0, wide, strip.height, axis.left - half, top, axis.width + 2 * half, height);
  context.restore();
}

function drawAxis(context: Context2d, layout: Layout, series: Series, theme: Theme): void {
  const { axis } = layout;
  const { lane, scale } = series;
  context.textBaseline = "middle";
  context.fillStyle = theme.muted;
  context.textAlign = "right";
  context.strokeStyle = theme.faint;
  for (const tick of scale.ticks) {
    const y = round(valueToY(lane, scale, tick));
    if (y < lane.top - 1 || y > lane.top + lane.height + 1) continue;
    rule(context, axis.left, y, axis.left + axis.width, y);
    const low = y > lane.top + lane.height - 4;
    if (low && (series.kind === "sticks" || series.scale.ticks.length > 1)) continue;
    context.fillText(tickText(tick, scale.ticks), axis.left - 8, y);
  }
}

function tickText(tick: number, ticks: readonly number[]): string {
  if (tick === 0) return "0";
  const step = Math.abs((ticks[1] ?? 0) - (ticks[0] ?? 0)) || Math.abs(tick) || 1;
  return fixed(tick, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

function drawSeries(context: Context2d, scene: Scene, layout: Layout, series: Series, theme: Theme): void {
  const { axis } = layout;
  const { lane, scale, values, kind } = series;
  context.strokeStyle = theme.text;
  context.fillStyle = theme.line;
  const y = (value: number) => valueToY(lane, scale, value);
  if (kind === "sticks") {
    context.lineWidth = 1.5;
    for (let step = axis.first; step <= axis.last; step++) {
      const value = values[step] ?? 0;
      if (value) rule(context, round(stepToX(axis, step)), y(0), round(stepToX(axis, step)), y(value));
    }
    context.lineWidth = 1;
    return;
  }
  // One path an episode: what follows a reset does not continue what came before it.
  for (const { start, stop } of visible(scene.episodes, axis)) {
    if (kind === "area") {
      trace(context, layout, series, start, stop, y);
      context.lineTo(stepToX(axis, stop - 1), y(0));
      context.lineTo(stepToX(axis, start), y(0));
      context.fill();
    }
    trace(context, layout, series, start, stop, y);
    context.lineWidth = 1.25;
    context.stroke();
    context.lineWidth = 1;
  }
}

/** The part of each episode that the axis shows; `index` counts all of them. */
function visible(episodes: readonly Episode[], { first, last }: Axis): (Episode & { index: number })[] {
  return episodes
    .map((episode, index) => ({
      ...episode,
      index,
      start: Math.max(episode.start, first),
      stop: Math.min(episode.stop, last + 1),
    }))
    .filter(({ start, stop }) => start < stop);
}

/** A path through the series; above two steps a pixel, through each pixel's lowest and highest value. */
function trace(
  context: Context2d,
  { axis }: Layout,
  { values }: Series,
  start: number,
  stop: number,
  y: (value: number) => number,
): void {
  context.beginPath();
  const from = stepToX(axis, start);
  const bins = Math.max(1, Math.ceil(stepToX(axis, stop - 1) - from));
  if (stop - start > 2 * bins) {
    const parts = minMax(values, start, stop, bins);
    for (let bin = 0; bin < bins; bin++) {
      const low = parts[bin] ?? Number.NaN;
      if (Number.isNaN(low)) continue;
      context.lineTo(from + bin, y(low));
      context.lineTo(from + bin, y(parts[bins + bin] ?? low));
    }
    return;
  }
  for (let step = start; step < stop; step++) {
    const value = values[step] ?? Number.NaN;
    if (Number.isFinite(value)) context.lineTo(stepToX(axis, step), y(value));
  }
}

function drawEpisodes(context: Context2d, scene: Scene, layout: Layout, theme: Theme): void {
  const { axis, episodes: lane, height } = layout;
  const middle = lane.top + lane.height / 2;
  context.textBaseline = "middle";
  let previous = Number.NEGATIVE_INFINITY;
  for (const episode of visible(scene.episodes, axis)) {
    const left = stepToX(axis, episode.start);
    const right = stepToX(axis, Math.min(episode.stop, axis.last));
    context.strokeStyle = theme.line;
    // Where episodes stand closer than this, their boundaries would hide the curves.
    if (left > axis.left && left - previous >= CLOSEST)
      rule(context, round(left), lane.top, round(left), height);
    previous = left;
    context.fillStyle = theme.muted;
    context.textAlign = "left";
    const mark = OUTCOME_MARK[episode.outcome] ?? "·";
    const full = `${episode.index + 1} ${mark}`;
    for (const text of [`${full} ${episode.outcome}`, full, mark])
      if (context.measureText(text).width + 8 < right - left) {
        context.fillText(text, left + 5, middle);
        break;
      }
  }
  context.fillStyle = theme.text;
  for (const mark of scene.study.bookmarks)
    if (mark.trajectory === scene.trajectory && mark.step >= axis.first && mark.step <= axis.last)
      triangle(context, stepToX(axis, mark.step), lane.top + lane.height + 4, mark.kind === "high" ? -1 : 1);
}

function triangle(context: Context2d, x: number, y: number, direction: number): void {
  context.beginPath();
  context.moveTo(x - 3.5, y - 2.5 * direction);
  context.lineTo(x + 3.5, y - 2.5 * direction);
  context.lineTo(x, y + 2.5 * direction);
  context.fill();
}
