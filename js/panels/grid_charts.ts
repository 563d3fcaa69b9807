/** Small charts beside a feature grid, in the page's own colours: how often, of what, from how far. */
import { logHeight, powers, short } from "../core/grid.ts";
import { fixed, niceStep } from "../core/numbers.ts";
import { svg } from "../views/svg.ts";

const WIDTH = 340;

/** Cells by activation, counts on a logarithmic axis; `bounds` are the bands' lower ends. */
export function histogram(counts: ArrayLike<number>, binWidth: number, bounds: number[]): SVGElement {
  const [left, top, height, bottom] = [34, 6, 84, 18];
  const all = Array.from(counts);
  const last = all.findLastIndex((count) => count > 0);
  const bins = all.slice(0, Math.max(1, last + 1));
  const end = bins.length * binWidth;
  const largest = Math.max(...bins, 1);
  const plot = WIDTH - left - 6;
  const x = (value: number) => left + (plot * value) / end;
  const y = (count: number) => top + height * (1 - logHeight(count, largest));
  const base = top + height;
  const bars = bins.map((count, bin) => {
    const title = `${fixed(bin * binWidth, 3)} to ${fixed((bin + 1) * binWidth, 3)}: ${short(count)} cells`;
    return svg(
      "rect",
      {
        x: x(bin * binWidth).toFixed(2),
        y: y(count).toFixed(2),
        width: Math.max(0.5, plot / bins.length - 0.5).toFixed(2),
        height: (base - y(count)).toFixed(2),
        class: "rlv-grid-fill",
      },
      svg("title", {}, title),
    );
  });
  const ticks = powers(largest);
  const every = Math.ceil(ticks.length / 4);
  const step = niceStep(end / 5);
  const decimals = Math.max(0, -Math.floor(Math.log10(step)));
  const across = Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, index) => index * step);
  return chart(base + bottom, "Histogram of activations, counts on a logarithmic axis", [
    ...ticks
      .filter((_, index) => index % every === 0)
      .flatMap((tick) => [
        rule(left, y(tick), left + plot, y(tick), "rlv-grid-rule"),
        label(left - 4, y(tick) + 3.5, short(tick), "end"),
      ]),
    ...bars,
    rule(left, base, left + plot, base, "rlv-grid-axis"),
    ...across.map((value) => label(x(value), base + 13, fixed(value, decimals), "middle")),
    ...bounds.map((value) => rule(x(value), top, x(value), base, "rlv-grid-bound")),
  ]);
}

/** A feature's direction: one bar a channel. */
export function directionChart(direction: ArrayLike<number>): SVGElement {
  const [top, height, bottom] = [4, 44, 16];
  const values = Array.from(direction);
  const largest = Math.max(...values.map(Math.abs), 1e-9);
  const each = WIDTH / Math.max(1, values.length);
  const best = values.reduce((at, value, index) => (value > (values[at] ?? 0) ? index : at), 0);
  const bars = values.map((value, channel) => {
    const tall = (height * Math.max(0, value)) / largest;
    return svg(
      "rect",
      {
        x: (channel * each + each * 0.1).toFixed(2),
        y: (top + height - tall).toFixed(2),
        width: (each * 0.8).toFixed(2),
        height: tall.toFixed(2),
        class: "rlv-grid-fill",
      },
      svg("title", {}, `channel ${channel}: ${fixed(value, 3)}`),
    );
  });
  return chart(top + height + bottom, `Direction over ${values.length} channels`, [
    ...bars,
    rule(0, top + height, WIDTH, top + height, "rlv-grid-axis"),
    label(
      Math.max(30, Math.min(WIDTH - 30, (best + 0.5) * each)),
      top + height + 12,
      `channel ${best}`,
      "middle",
    ),
  ]);
}

/** The receptive field and the disc that holds half the gradient, in the observation's frame. */
export function sightChart(
  frame: { height: number; width: number },
  field: { height: number; width: number } | null,
  radius: number | null,
): SVGElement {
  const scale = 72 / Math.max(frame.height, frame.width);
  const [width, height] = [frame.width * scale, frame.height * scale];
  const parts: SVGElement[] = [box(0, 0, width, height, "rlv-grid-frame-line")];
  if (field) {
    const [wide, high] = [field.width * scale, field.height * scale];
    parts.push(box((width - wide) / 2, (height - high) / 2, wide, high, "rlv-grid-sight"));
  }
  if (radius !== null)
    parts.push(svg("circle", { cx: width / 2, cy: height / 2, r: radius * scale, class: "rlv-grid-fill" }));
  return svg(
    "svg",
    {
      viewBox: `-1 -1 ${width + 2} ${height + 2}`,
      width: width + 2,
      height: height + 2,
      role: "img",
      "aria-label": "The receptive field within the observation",
    },
    ...parts,
  );
}

function chart(height: number, name: string, parts: SVGElement[]): SVGElement {
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, class: "rlv-grid-chart", role: "img", "aria-label": name },
    ...parts,
  );
}

const rule = (x1: number, y1: number, x2: number, y2: number, kind: string): SVGElement =>
  svg("line", { x1, y1, x2, y2, class: kind });

const label = (x: number, y: number, text: string, anchor: string): SVGElement =>
  svg("text", { x, y, "text-anchor": anchor, class: "rlv-grid-tick" }, text);

const box = (x: number, y: number, width: number, height: number, kind: string): SVGElement =>
  svg("rect", { x, y, width, height, class: kind });
