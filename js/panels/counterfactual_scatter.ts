/** Attributed against lost: where attribution tells the truth, objects lie on the diagonal. */
import { correlation, type Effect, reach } from "../core/counterfactual_effects.ts";
import { called } from "../core/counterfactual_sight.ts";
import { signed } from "../core/numbers.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { fine, widthOf } from "./counterfactual_chart.ts";
import type { CounterfactualContext, CounterfactualPanel } from "./counterfactual_panel.ts";
import { watch } from "./plot.ts";

const HEIGHT = 168;
const MARGIN = { left: 46, right: 8, top: 6, bottom: 20 };
const NEAR = 10;

export function scatter({ imagination, signal, theme }: CounterfactualContext): CounterfactualPanel {
  const canvas = h("canvas", { class: "rlv-scatter", role: "img" });
  const width = widthOf(canvas, imagination.invalidate, signal);
  const anew = watch();
  let points: { effect: Effect; x: number; y: number }[] = [];
  const nearest = ({ offsetX, offsetY }: PointerEvent) => {
    const away = ({ x, y }: { x: number; y: number }) => Math.hypot(x - offsetX, y - offsetY);
    const [first] = [...points].sort((a, b) => away(a) - away(b));
    return first && away(first) <= NEAR ? first.effect.object.key : null;
  };
  canvas.addEventListener("pointermove", (event) => imagination.point(nearest(event)), { signal });
  canvas.addEventListener("pointerleave", () => imagination.point(null), { signal });
  canvas.addEventListener(
    "pointerdown",
    (event) => {
      const key = nearest(event);
      if (key) imagination.set("selected", key);
    },
    { signal },
  );
  const summary = h("span", { class: "rlv-hint" });
  return {
    element: h(
      "section",
      { class: "rlv-agreement", "aria-label": "Attributed against lost" },
      h("div", { class: "rlv-caption" }, h("span", { class: "rlv-title" }, "attributed and lost"), summary),
      canvas,
    ),
    draw({ effects, pointed, selected, effectsState }) {
      setAttribute(canvas, "data-stale", effectsState === "coming");
      if (!anew(effects, pointed, selected, width(), theme(), window.devicePixelRatio)) return;
      const fit = correlation(effects);
      setText(summary, fit ? `r = ${signed(fit.r, 2)}, n = ${fit.n}` : "");
      if (width() === 0) return;
      const known = effects.filter(
        ({ attributed, lost }) => Number.isFinite(attributed) && Number.isFinite(lost),
      );
      const plot = fine(canvas, width(), HEIGHT);
      const { context } = plot;
      const [text, muted, line] = [theme().text, theme().muted, theme().line];
      const most = 1.1 * reach(known);
      const [w, high] = [width() - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
      const x = (value: number) => MARGIN.left + ((value + most) / (2 * most)) * w;
      const y = (value: number) => MARGIN.top + ((most - value) / (2 * most)) * high;
      context.strokeStyle = line;
      context.lineWidth = 1;
      const rule = (x1: number, y1: number, x2: number, y2: number, dash: number[] = []) => {
        context.setLineDash(dash);
        context.beginPath();
        context.moveTo(x1, y1);
        context.lineTo(x2, y2);
        context.stroke();
        context.setLineDash([]);
      };
      rule(x(-most), y(0), x(most), y(0));
      rule(x(0), y(-most), x(0), y(most));
      rule(x(-most), y(-most), x(most), y(most), [3, 3]);
      context.font = theme().font;
      context.fillStyle = muted;
      context.textAlign = "right";
      context.textBaseline = "alphabetic";
      context.fillText("attributed", width() - MARGIN.right, HEIGHT - 5);
      const top = signed(most / 1.1, 2);
      context.fillText(known.length > 0 ? top : "", MARGIN.left - 4, y(most / 1.1) + 4);
      context.save();
      context.translate(8, MARGIN.top + high / 2);
      context.rotate(-Math.PI / 2);
      context.textAlign = "center";
      context.fillText("lost when it goes", 0, 0);
      context.restore();
      points = known.map((effect) => ({ effect, x: x(effect.attributed), y: y(effect.lost) }));
      for (const { effect, x: px, y: py } of points) {
        const strong = effect.object.key === pointed?.key || effect.object.key === selected?.key;
        context.beginPath();
        context.arc(px, py, strong ? 6 : 4, 0, 2 * Math.PI);
        context.fillStyle = effect.object.colour;
        context.fill();
        context.strokeStyle = strong ? text : theme().surface;
        context.lineWidth = strong ? 2 : 1;
        context.stroke();
      }
      const list = known.map(
        ({ object, attributed, lost }) => `${called(object)}: ${signed(attributed, 2)}, ${signed(lost, 2)}`,
      );
      setAttribute(
        canvas,
        "aria-label",
        `attributed against lost; ${list.join("; ") || "nothing computed yet"}`,
      );
    },
  };
}
