/** Labels in a picture, where they would stand one on another. */

export interface Label {
  left: number;
  right: number;
  /** Of its middle. */
  y: number;
}

/** Heights of two labels, moved apart to a line's height where they would overlap, from `top` to `bottom`. */
export function labelsApart(
  labels: readonly Label[],
  line: number,
  [top, bottom]: readonly [number, number],
): number[] {
  const inside = (y: number) => Math.max(top, Math.min(bottom, y));
  const heights = labels.map(({ y }) => inside(y));
  const [first, second] = labels;
  const [a, b] = heights;
  if (!first || !second || a === undefined || b === undefined) return heights;
  if (first.right < second.left || second.right < first.left || Math.abs(a - b) >= line) return heights;
  const middle = Math.max(top + line / 2, Math.min(bottom - line / 2, (a + b) / 2));
  const side = a <= b ? -1 : 1;
  return [middle + (side * line) / 2, middle - (side * line) / 2];
}
