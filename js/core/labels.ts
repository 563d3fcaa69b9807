/** Labels in a picture, where they would stand one on another. */
import { clamp } from "./study.ts";

export interface Label {
  left: number;
  right: number;
  /** Of its middle. */
  y: number;
}

/** Heights of labels from `top` to `bottom`, the first two moved a line apart where they would overlap. */
export function labelsApart(
  labels: readonly Label[],
  line: number,
  [top, bottom]: readonly [number, number],
): number[] {
  const heights = labels.map(({ y }) => clamp(y, top, bottom));
  const [first, second] = labels;
  const [one = 0, two = 0] = heights;
  const meet = first && second && first.left <= second.right && second.left <= first.right;
  if (!meet || Math.abs(one - two) >= line) return heights;
  const middle = clamp((one + two) / 2, top + line / 2, bottom - line / 2);
  const half = (one <= two ? line : -line) / 2;
  return [middle - half, middle + half];
}
