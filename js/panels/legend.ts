/** The features: what each looks for, and how much it raises or lowers the output at this step. */
import { decimalsFor, fixed } from "../core/numbers.ts";
import { numbers } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { legendRow, type Row } from "./legend_row.ts";
import type { Context, Panel } from "./panel.ts";
import { toggles } from "./toggles.ts";

/** The axis shared by all bars of the legend: from Python, robust over all trajectories. */
export function barAxis(scene: Scene): { low: number; high: number } {
  const axis = scene.totals?.result.axis as { low: number; high: number } | undefined;
  const low = Math.min(0, axis?.low ?? 0);
  const high = Math.max(0, axis?.high ?? 0);
  return low === high ? { low: -1, high: 1 } : { low, high };
}

export function legend(context: Context): Panel {
  const rows = h("div", { class: "rlv-rows", role: "group", "aria-label": "Features" });
  const hint = h("span", { class: "rlv-hint" }, "hover isolates · click pins");
  const axisLow = h("span");
  const axisHigh = h("span");
  const zero = h("span", { class: "rlv-zero" }, "0");
  const scale = h("span", { class: "rlv-scale" }, axisLow, zero, axisHigh);
  const axis = h("div", { class: "rlv-axis", "aria-hidden": "true" }, scale);
  const none = h("p", { class: "rlv-hint rlv-none" }, "They appear with the layer's first computed output.");
  const switches = toggles(context);
  const element = h(
    "section",
    { class: "rlv-legend", "aria-label": "Features" },
    h("div", { class: "rlv-caption" }, h("span", { class: "rlv-title" }, "features"), hint),
    none,
    rows,
    axis,
    switches.element,
  );
  let list: Row[] = [];
  const arrange = (count: number) => {
    if (list.length === count) return;
    // One row more than features: the last is what they leave unexplained.
    list = Array.from({ length: count }, (_, index) => legendRow(context, index));
    rows.replaceChildren(...list.map((row) => row.element));
  };
  return {
    element,
    draw(scene) {
      arrange(scene.numFeatures > 0 ? scene.numFeatures + 1 : 0);
      setAttribute(element, "data-empty", list.length === 0);
      none.hidden = list.length > 0;
      setAttribute(rows, "data-isolated", scene.isolated !== null);
      const range = barAxis(scene);
      const decimals = decimalsFor(Math.max(range.high, -range.low));
      setText(axisLow, range.low < 0 ? fixed(range.low, Math.max(0, decimals - 1)) : "");
      setText(axisHigh, range.high > 0 ? `+${fixed(range.high, Math.max(0, decimals - 1))}` : "");
      const origin = -range.low / (range.high - range.low);
      element.style.setProperty("--rlv-zero", origin.toFixed(4));
      // Near an end the zero would run into that end's label; the line says where it is.
      zero.hidden = origin < 0.4 || origin > 0.6;
      const total = numbers(scene.totals, "total");
      const residual = numbers(scene.totals, "residual_total");
      for (const [index, row] of list.entries()) {
        const last = index === scene.numFeatures;
        const value = last ? residual[scene.step] : total[scene.step * scene.numFeatures + index];
        row.draw(scene, value, range, decimals);
      }
      switches.draw(scene);
    },
  };
}
