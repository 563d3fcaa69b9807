/** One fork's branches as lines on the time axis, each ending in a mark: a dot for success, a cross for death. */
import { endOf, type Fork, lineHeight } from "../core/branches.ts";
import { type Axis, stepToX } from "../core/timeline.ts";
import type { Theme } from "../views/theme.ts";

const TALLEST = 112; // pixels of a fork's lines
const AIR = 5;
const MARK = 3;

/** Where the lines of a fork lie. */
export interface Lines {
  height: number;
  count: number;
  /** The middle of a member's line; the first is on top. */
  y: (member: number) => number;
}

export function linesOf(fork: Fork): Lines {
  const count = fork.taken.length;
  const each = lineHeight(count, TALLEST);
  return { height: each * count + 2 * AIR, count, y: (member) => AIR + (member + 0.5) * each };
}

/** The member whose line is nearest to `y`, as far as there are lines. */
export function memberAt({ count, y }: Lines, at: number): number {
  const line = Math.floor((at - y(0)) / (y(1) - y(0)) + 0.5);
  return Math.max(0, Math.min(count - 1, line));
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
  context.lineTo(Math.round(start) + 0.5, lines.y(lines.count - 1));
  context.stroke();
  for (const member of fork.taken.keys()) {
    const strong = member === picked || member === pointed;
    context.strokeStyle = context.fillStyle =
      member === picked ? theme.accent : strong ? theme.text : theme.muted;
    context.lineWidth = strong ? 2 : 1;
    const y = Math.floor(lines.y(member)) + (strong ? 0 : 0.5);
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
