/** Bars of one row's totals, small, beside its panels: for when the legend shows another row's. */
import { decimalsFor, fixed, signed } from "../core/numbers.ts";
import { colourOf } from "../host/scene.ts";
import { context2d, h, setAttribute } from "../views/dom.ts";
import type { Context, Panel } from "./panel.ts";

const LEFT = 34;
const PAD = 6;

export function totalsChart({ session, signal, theme }: Context, index: number): Panel {
  const canvas = h("canvas", { class: "rlv-totals", role: "img" });
  const context = context2d(canvas);
  // Observed, not read: reading it while drawing would force a layout of the page at every step.
  let size = { width: 0, height: 0 };
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
      const { width, height } = size;
      element.hidden = scene.rows.length < 2 || scene.gradients;
      if (!row || width === 0 || element.hidden) return;
      const { amounts, axis } = row;
      const { text, muted, line, font } = theme();
      const ratio = window.devicePixelRatio || 1;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      if (amounts.length === 0) return;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const y = (value: number) => PAD + ((axis.high - value) / (axis.high - axis.low)) * (height - 2 * PAD);
      const decimals = decimalsFor(Math.max(axis.high, -axis.low));
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
        if (tick === 0 || Math.abs(at - y(0)) > 11)
          context.fillText(tick ? signed(tick, Math.max(0, decimals - 1)) : "0", LEFT - 4, at);
      }
      const names = Array.from(amounts, (value, k) => {
        const last = k === amounts.length - 1;
        const share = (width - LEFT) / amounts.length;
        const [x, wide] = [LEFT + (k + 0.15) * share, Math.max(1, 0.7 * share)];
        const end = y(Math.max(axis.low, Math.min(axis.high, Number.isFinite(value) ? value : 0)));
        const [top, tall] = [Math.min(end, y(0)), Math.abs(end - y(0))];
        context.globalAlpha = scene.isolated === null || scene.isolated === k ? 1 : 0.35;
        if (last) {
          context.strokeStyle = text;
          context.setLineDash(scene.showResidual ? [] : [2, 2]);
          context.strokeRect(x + 0.5, top, Math.max(1, wide - 1), tall);
          context.setLineDash([]);
        } else {
          context.fillStyle = colourOf(scene, k);
          context.fillRect(x, top, wide, tall);
        }
        // A bar that leaves the axis is notched at its end.
        if (value > axis.high || value < axis.low)
          context.clearRect(x, value > 0 ? top + 2 : top + tall - 4, wide, 2);
        context.globalAlpha = 1;
        const name = last ? "residual" : (scene.layer?.features[k]?.name ?? `feature ${k}`);
        return `${name} ${signed(value, decimals)}`;
      });
      setAttribute(canvas, "title", names.slice(0, 24).join("\n"));
      const sum = amounts.reduce((total, value) => total + value, 0);
      setAttribute(canvas, "aria-label", `Totals of ${row.label}, together ${fixed(sum, decimals)}`);
    },
  };
}
