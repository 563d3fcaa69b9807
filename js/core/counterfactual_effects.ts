/** Objects with what the attribution gives them and what is lost when they go: rows of a table, points of a chart. */
import type { WorldObject } from "./counterfactual_sight.ts";

export interface Effect {
  object: WorldObject;
  /** Attribution that lies on the object, in units of the output. */
  attributed: number;
  /** The output with the object less the output without it; NaN where it cannot be taken away. */
  lost: number;
  /** Why it cannot be taken away. */
  why: string;
}

export type Column = "object" | "pixels" | "attributed" | "lost";

export interface Order {
  column: Column;
  descending: boolean;
}

/** The order after a click on a column's head: numbers start with the largest size. */
export function turned(order: Order, column: Column): Order {
  if (order.column === column) return { column, descending: !order.descending };
  return { column, descending: column !== "object" };
}

/** Sorted rows; numbers by their size, unknown ones last in either order. */
export function sorted(effects: readonly Effect[], { column, descending }: Order): Effect[] {
  const sign = descending ? -1 : 1;
  if (column === "object")
    return [...effects].sort(
      (a, b) => sign * a.object.object_class.localeCompare(b.object.object_class) || a.object.x - b.object.x,
    );
  const size = ({ object, attributed, lost }: Effect) =>
    column === "pixels" ? object.visible_pixels : Math.abs(column === "attributed" ? attributed : lost);
  return [...effects].sort((a, b) => {
    const [left, right] = [size(a), size(b)];
    if (Number.isNaN(left) || Number.isNaN(right))
      return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    return sign * (left - right) || a.object.id - b.object.id;
  });
}

/** The largest size of either number: one scale for both axes, so that the diagonal means agreement. */
export function reach(effects: readonly Effect[]): number {
  let most = 0;
  for (const { attributed, lost } of effects)
    for (const value of [attributed, lost]) if (Math.abs(value) > most) most = Math.abs(value);
  return most || 1;
}

/** Pearson's correlation of the two numbers over objects that have both; null below three of them. */
export function correlation(effects: readonly Effect[]): { r: number; n: number } | null {
  const both = effects.filter(({ attributed, lost }) => Number.isFinite(attributed) && Number.isFinite(lost));
  if (both.length < 3) return null;
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const a = both.map(({ attributed }) => attributed);
  const b = both.map(({ lost }) => lost);
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let index = 0; index < both.length; index++) {
    const [da, db] = [(a[index] ?? 0) - ma, (b[index] ?? 0) - mb];
    ab += da * db;
    aa += da * da;
    bb += db * db;
  }
  return aa > 0 && bb > 0 ? { r: ab / Math.sqrt(aa * bb), n: both.length } : null;
}
