/** Drawing of what stays in a comparison's timeline while the step moves. */
import { sharedStep } from "../core/align.ts";
import { lineSteps } from "../core/decimate.ts";
import { type Episode, outcomeInWords } from "../core/episodes.ts";
import { fixed } from "../core/numbers.ts";
import { type Lane, perStep, stepToX, valueToY } from "../core/timeline.ts";
import { type CompareScene, hasEvent, type MemberScene, startOf, stepName } from "../host/compare_scene.ts";
import type { Theme } from "../views/theme.ts";
import type { Curve, Layout, Series } from "./compare_lanes.ts";
import { dashOf } from "./compare_panel.ts";
import { OUTCOME_MARK } from "./header.ts";

type Context2d = CanvasRenderingContext2D;

const CLOSEST = 8;

const crisp = (x: number): number => Math.round(x) + 0.5;

export function drawComparison(
  context: Context2d,
  compared: CompareScene,
  layout: Layout,
  theme: Theme,
  strips: readonly (HTMLCanvasElement | null)[],
): void {
  context.clearRect(0, 0, layout.width, layout.height);
  context.font = theme.font;
  context.textBaseline = "middle";
  for (const [index, member] of compared.members.entries())
    drawStrip(context, member, layout, layout.strips[index], theme, strips[index] ?? null);
  for (const series of layout.series) {
    drawAxis(context, layout, series, theme);
    for (const curve of series.curves) drawCurve(context, layout, series, curve, theme);
  }
  drawMarks(context, compared, layout, theme);
}

function rule(context: Context2d, x0: number, y0: number, x1: number, y1: number): void {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** The member's squeezed frames where it has steps, what became of it behind them. */
function drawStrip(
  context: Context2d,
  { letter, scene, track, phase }: MemberScene,
  { axis }: Layout,
  lane: Lane | undefined,
  theme: Theme,
  strip: HTMLCanvasElement | null,
): void {
  if (!lane) return;
  const middle = lane.top + lane.height / 2;
  context.fillStyle = theme.text;
  context.textAlign = "left";
  context.fillText(letter, 4, middle);
  if (!scene || !track) {
    context.fillStyle = theme.muted;
    if (phase === "absent" && scene) context.fillText("nothing to align at", axis.left + 4, middle);
    return;
  }
  const half = axis.width / Math.max(1, axis.last - axis.first) / 2;
  const x = (step: number) => stepToX(axis, sharedStep(track, step));
  const [left, right] = [x(track.start) - half, x(track.stop - 1) + half];
  context.save();
  context.beginPath();
  context.rect(axis.left, lane.top, axis.width, lane.height);
  context.clip();
  context.fillStyle = theme.faint;
  context.fillRect(left, lane.top, right - left, lane.height);
  if (strip) {
    const columns = strip.width / scene.numSteps;
    const [from, wide] = [track.start * columns, (track.stop - track.start) * columns];
    context.imageSmoothingEnabled = wide > right - left;
    context.drawImage(strip, from, 0, wide, strip.height, left, lane.top, right - left, lane.height);
  }
  let previous = Number.NEGATIVE_INFINITY;
  for (const episode of scene.episodes) {
    const { start, stop } = episode;
    if (start >= track.stop || stop <= track.start) continue;
    context.strokeStyle = theme.surface;
    context.lineWidth = 2;
    // Where episodes stand closer than this, their boundaries would hide the frames.
    const apart = x(start) - previous >= CLOSEST;
    previous = x(start);
    if (start > track.start && apart)
      rule(context, x(start) - half, lane.top, x(start) - half, lane.top + lane.height);
    context.lineWidth = 1;
    drawOutcome(
      context,
      Math.min(x(stop - 1) + half, axis.left + axis.width),
      middle,
      episode,
      x(start) - half,
      theme,
      stop < track.stop ? 0 : axis.left + axis.width,
    );
  }
  context.restore();
}

/** Behind the end of the episode where there is room up to `limit`, else on its last frames. */
function drawOutcome(
  context: Context2d,
  end: number,
  middle: number,
  episode: Episode,
  start: number,
  theme: Theme,
  limit: number,
): void {
  const mark = OUTCOME_MARK[episode.outcome] ?? "·";
  const texts = [outcomeInWords(episode), episode.outcome].map((words) => `${mark} ${words}`);
  const full = texts.find((text) => end + context.measureText(text).width + 12 < limit);
  context.textAlign = "left";
  if (full) {
    context.fillStyle = theme.muted;
    context.fillText(full, end + 6, middle);
    return;
  }
  const wide = context.measureText(mark).width + 6;
  if (end - start < 2 * wide) return;
  context.fillStyle = theme.surface;
  context.fillRect(end - wide - 2, middle - 7, wide, 14);
  context.fillStyle = theme.text;
  context.fillText(mark, end - wide + 1, middle);
}

function drawAxis(context: Context2d, { axis }: Layout, { lane, scale }: Series, theme: Theme): void {
  context.textAlign = "right";
  context.lineWidth = 1;
  context.setLineDash([]);
  const step = Math.abs((scale.ticks[1] ?? 0) - (scale.ticks[0] ?? 0)) || 1;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  for (const tick of scale.ticks) {
    const y = crisp(valueToY(lane, scale, tick));
    context.strokeStyle = tick === 0 ? theme.line : theme.faint;
    rule(context, axis.left, y, axis.left + axis.width, y);
    context.fillStyle = theme.muted;
    context.fillText(tick === 0 ? "0" : fixed(tick, decimals), axis.left - 8, y);
  }
}

function drawCurve(
  context: Context2d,
  { axis }: Layout,
  { lane, scale }: Series,
  curve: Curve,
  theme: Theme,
): void {
  const { values, member } = curve;
  context.strokeStyle = theme.text;
  context.lineWidth = perStep(axis) < 0.5 ? 1 : 1.5;
  context.setLineDash(dashOf(member));
  context.beginPath();
  let pen = false;
  const [start, stop] = [
    Math.max(0, Math.floor(axis.first)),
    Math.min(values.length, Math.ceil(axis.last) + 1),
  ];
  for (const step of lineSteps(values, start, stop, (at) => Math.floor(stepToX(axis, at)))) {
    const value = values[step] ?? Number.NaN;
    if (!Number.isFinite(value)) pen = false;
    else if (pen) context.lineTo(stepToX(axis, step), valueToY(lane, scale, value));
    else {
      context.moveTo(stepToX(axis, step), valueToY(lane, scale, value));
      pen = true;
    }
  }
  context.stroke();
  context.setLineDash([]);
}

interface Mark {
  step: number;
  text: string;
}

/** What members are aligned at, and where they part from the selected one. */
function marksOf(compared: CompareScene): Mark[] {
  const { aligned, selected, members } = compared;
  if (!aligned) return [];
  const marks: Mark[] = [];
  if (hasEvent(compared)) marks.push({ step: aligned.zero, text: aligned.label });
  for (const { members: pair, observation, action } of aligned.pairs) {
    const other = pair.find((index) => index !== selected);
    if (!pair.includes(selected) || other === undefined) continue;
    // What differs from the very first step on has not diverged: it never was the same.
    const start = startOf(compared, selected, other);
    const parts = [
      { step: action, what: "actions" },
      { step: observation, what: "frames" },
    ].filter(({ step }) => step !== null && step > start) as { step: number; what: string }[];
    const who = members.length > 2 ? `${members[other]?.letter} diverges` : "diverge";
    const text = parts.map(({ step, what }) => `${what} at step ${stepName(compared, step)}`).join(", ");
    for (const [index, { step }] of parts.entries())
      marks.push({ step, text: index === 0 ? `${who}: ${text}` : "" });
  }
  return marks.sort((a, b) => a.step - b.step);
}

function drawMarks(context: Context2d, compared: CompareScene, layout: Layout, theme: Theme): void {
  const { axis, marks: lane, height } = layout;
  const middle = lane.top + lane.height / 2;
  context.textAlign = "left";
  context.lineWidth = 1;
  let free = axis.left;
  for (const { step, text } of marksOf(compared)) {
    if (step < axis.first || step > axis.last) continue;
    const x = stepToX(axis, step);
    context.strokeStyle = theme.muted;
    context.setLineDash([2, 2]);
    rule(context, crisp(x), lane.top + 4, crisp(x), height);
    context.setLineDash([]);
    if (!text) continue;
    context.fillStyle = theme.text;
    const wide = context.measureText(text).width;
    const left = Math.min(x + 5, layout.width - wide);
    if (left < free) continue;
    context.fillText(text, left, middle);
    free = left + wide + 10;
  }
}
