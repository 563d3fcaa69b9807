/** One fork's branches as lines on the time axis, each ending in a mark: a dot for success, a cross for death. */
import { endOf, type Fork, lineHeight, ordered } from "../core/branches.ts";
import { type Axis, stepToX } from "../core/timeline.ts";
import type { Theme } from "../views/theme.ts";

const TALLEST = 112; // pixels of a fork's lines
const AIR = 5;
const MARK = 3;

/** Where the lines of a fork lie. */
export interface Lines {
  height: number;
  /** Members from top to bottom. */
  order: number[];
  y: (line: number) => number;
}

export function linesOf(fork: Fork): Lines {
  const order = ordered(fork);
  const each = lineHeight(order.length, TALLEST);
  return { height: each * order.length + 2 * AIR, order, y: (line) => AIR + (line + 0.5) * each };
}

/** The member whose line is nearest to `y`, as far as there are lines. */
export function memberAt({ order, y }: Lines, at: number): number {
  const each = y(1) - y(0);
  const line = Math.floor((at - y(0)) / each + 0.5);
  return order[Math.max(0, Math.min(order.length - 1, line))] ?? 0;
}

export interface Emphasis {
  picked: number | null;
  pointed: number | null;
}

export function drawBranches(
  context: CanvasRenderingContext2D,
  fork: Fork,
  lines: Lines,
  axis: Axis,
  theme: Theme,
  { picked, pointed }: Emphasis,
): void {
  const right = axis.left + axis.width;
  context.clearRect(0, 0, right + 2 * AIR, lines.height);
  context.save();
  context.beginPath();
  context.rect(axis.left - MARK - 1, 0, axis.width + 2 * (MARK + 1), lines.height);
  context.clip();
  const start = stepToX(axis, fork.step);
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(Math.round(start) + 0.5, 0);
  context.lineTo(Math.round(start) + 0.5, lines.y(lines.order.length - 1));
  context.stroke();
  for (const [line, member] of lines.order.entries()) {
    const strong = member === picked || member === pointed;
    context.strokeStyle = context.fillStyle =
      member === picked ? theme.accent : strong ? theme.text : theme.muted;
    context.lineWidth = strong ? 2 : 1;
    const y = Math.floor(lines.y(line)) + (strong ? 0 : 0.5);
    const end = stepToX(axis, fork.step + (fork.taken[member] ?? 0));
    context.beginPath();
    context.moveTo(start, y);
    context.lineTo(Math.min(end, right + MARK), y);
    context.stroke();
    if (end <= right + MARK) drawEnd(context, fork, member, end, y, theme);
  }
  context.restore();
}

function drawEnd(
  context: CanvasRenderingContext2D,
  fork: Fork,
  member: number,
  x: number,
  y: number,
  theme: Theme,
): void {
  const end = endOf(fork, member);
  context.beginPath();
  if (end === "completed") {
    context.arc(x, y, MARK, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  if (end === "died") {
    context.strokeStyle = context.strokeStyle === theme.muted ? theme.text : context.strokeStyle;
    context.lineWidth = 1.5;
    context.moveTo(x - MARK, y - MARK);
    context.lineTo(x + MARK, y + MARK);
    context.moveTo(x - MARK, y + MARK);
    context.lineTo(x + MARK, y - MARK);
  } else {
    context.moveTo(x, y - 2);
    context.lineTo(x, y + 2);
  }
  context.stroke();
}
