/** A bar from zero to `value` on an axis, cut off where that ends. */
import { setAttribute } from "../views/dom.ts";

export function drawPairedBar(
  bar: HTMLElement,
  value: number,
  { low, high }: { low: number; high: number },
): void {
  const end = Math.max(low, Math.min(high, Number.isFinite(value) ? value : 0));
  const left = (Math.min(0, end) - low) / (high - low);
  bar.style.left = `${(100 * left).toFixed(2)}%`;
  bar.style.width = `${((100 * Math.abs(end)) / (high - low)).toFixed(2)}%`;
  setAttribute(bar, "data-cut", value > high ? "high" : value < low ? "low" : false);
}
