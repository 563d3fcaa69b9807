/** Bars of one row's totals, small, beside its panels: for when the legend shows another row's. */
import { decimalsFor, fixed, signed } from "../core/numbers.ts";
import type { RowScene } from "../host/row_scene.ts";
import { colourOf, type Scene } from "../host/scene.ts";
import { context2d, h, setAttribute } from "../views/dom.ts";
import type { Theme } from "../views/theme.ts";
import type { Context, Panel } from "./panel.ts";

const LEFT = 34;
const PAD = 6;
const LINE_HEIGHT = 11;

interface Size {
  width: number;
  height: number;
}

export function totalsChart({ session, signal, theme }: Context, index: number): Panel {
  const canvas = h("canvas", { class: "rlv-totals", role: "img" });
  // Observed, not read: reading it while drawing would force a layout of the page at every step.
  let size: Size = { width: 0, height: 0 };
  let drawn: unknown[] = [];
  const resized = new ResizeObserver(([entry]) => {
    size = entry?.contentRect ?? size;
    session.invalidate();
  });
  resized.observe(canvas);
  signal.addEventListener("abort", () => resized.disconnect(), { once: true });
  const element = h(
    "figure",
    { class: "rlv-figure rlv-charted" },
    h("figcaption", {}, h("span", { class: "rlv-title" }, "totals")),
    h("div", {}, canvas),
  );
  return {
    element,
    draw(scene) {
      const row = scene.rows[index];
      element.hidden = scene.rows.length < 2 || scene.gradients;
      if (!row || size.width === 0 || element.hidden) return;
      const { trajectory, step, mode, isolated, showResidual, article, layer } = scene;
      const inputs = [
        trajectory,
        step,
        mode,
        isolated,
        showResidual,
        article,
        layer,
        row.totals,
        size,
        theme(),
      ];
      if (inputs.every((input, at) => input === drawn[at])) return;
      drawn = inputs;
      const context = fitted(canvas, size);
      if (row.amounts.length > 0) drawChart(context, scene, row, size, theme());
      const { title, label } = describe(scene, row);
      setAttribute(canvas, "title", title);
      setAttribute(canvas, "aria-label", label);
    },
  };
}

/** The canvas, empty and sharp at `size` CSS pixels. */
function fitted(canvas: HTMLCanvasElement, { width, height }: Size): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across) canvas.width = across;
  if (canvas.height !== down) canvas.height = down;
  const context = context2d(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function drawChart(
  context: CanvasRenderingContext2D,
  scene: Scene,
  { amounts, axis }: RowScene,
  { width, height }: Size,
  theme: Theme,
): void {
  const y = (value: number) => PAD + ((axis.high - value) / (axis.high - axis.low)) * (height - 2 * PAD);
  drawAxis(context, axis, y, width, theme);
  const share = (width - LEFT) / amounts.length;
  for (const [k, value] of amounts.entries()) {
    const [x, wide] = [LEFT + (k + 0.15) * share, Math.max(1, 0.7 * share)];
    const end = y(Math.max(axis.low, Math.min(axis.high, Number.isFinite(value) ? value : 0)));
    const [top, tall] = [Math.min(end, y(0)), Math.abs(end - y(0))];
    context.globalAlpha = scene.isolated === null || scene.isolated === k ? 1 : 0.35;
    if (k === amounts.length - 1) {
      context.strokeStyle = theme.text;
      context.setLineDash(scene.showResidual ? [] : [2, 2]);
      context.strokeRect(x + 0.5, top, Math.max(1, wide - 1), tall);
      context.setLineDash([]);
    } else {
      context.fillStyle = colourOf(scene, k);
      context.fillRect(x, top, wide, tall);
    }
    // A bar that leaves the axis is notched at its end.
    if (value > axis.high) context.clearRect(x, top + 2, wide, 2);
    if (value < axis.low) context.clearRect(x, top + tall - 4, wide, 2);
  }
  context.globalAlpha = 1;
}

function drawAxis(
  context: CanvasRenderingContext2D,
  axis: RowScene["axis"],
  y: (value: number) => number,
  width: number,
  { muted, line, font }: Theme,
): void {
  const decimals = Math.max(0, decimalsFor(Math.max(axis.high, -axis.low)) - 1);
  context.font = font;
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillStyle = muted;
  context.strokeStyle = line;
  for (const tick of new Set([axis.low, 0, axis.high])) {
    const at = Math.round(y(tick)) + 0.5;
    context.beginPath();
    context.moveTo(LEFT, at);
    context.lineTo(width, at);
    context.stroke();
    // An end that is close to zero has no room for its number.
    if (tick === 0 || Math.abs(at - y(0)) > LINE_HEIGHT)
      context.fillText(tick ? signed(tick, decimals) : "0", LEFT - 4, at);
  }
}

const MOST_LINES = 24;

function describe(scene: Scene, { amounts, axis, label }: RowScene): { title: string; label: string } {
  const decimals = decimalsFor(Math.max(axis.high, -axis.low));
  const lines = Array.from(amounts.subarray(0, MOST_LINES), (value, k) => {
    const feature = scene.layer?.features[k]?.name ?? `feature ${k}`;
    return `${k === amounts.length - 1 ? "residual" : feature} ${signed(value, decimals)}`;
  });
  const sum = amounts.reduce((total, value) => total + value, 0);
  const together = amounts.length > 0 ? `together ${fixed(sum, decimals)}` : "not computed";
  return { title: lines.join("\n"), label: `Totals of ${label}, ${together}` };
}
