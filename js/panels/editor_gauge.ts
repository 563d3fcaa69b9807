/** The value before and after, in numbers and on a scale; of an agent without one, the output explained. */
import { fixed, share, signed } from "../core/numbers.ts";
import { measureOf } from "../host/measure.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import type { EditorPanel } from "./editor_panel.ts";

export function editorGauge(): EditorPanel {
  const title = h("span", { class: "rlv-title" });
  const before = h("span", { class: "rlv-ed-before" });
  const after = h("span", { class: "rlv-ed-after" });
  const change = h("strong", { class: "rlv-ed-delta" });
  const marks = ["from", "to"].map((name) => h("span", { class: `rlv-ed-mark rlv-ed-${name}` }));
  const span = h("span", { class: "rlv-ed-span" });
  const scale = h("div", { class: "rlv-ed-scale", "aria-hidden": "true" }, span, ...marks);
  const arrow = h("span", { class: "rlv-hint" }, "→");
  const numbers = h("div", { class: "rlv-ed-values" }, title, before, arrow, after, change);
  return {
    element: h("div", { class: "rlv-ed-gauge" }, numbers, scale),
    draw({ edited, study, output, pending }) {
      const { name, scale: top, of } = measureOf(study, output);
      const [from, to] = edited ? [of(edited.before), of(edited.after)] : [Number.NaN, Number.NaN];
      setText(title, name);
      setAttribute(title, "title", !study.has_value && "this agent has a policy and no value head");
      setText(before, `${fixed(from, 2)}${share(from, top)}`);
      setText(after, `${fixed(to, 2)}${share(to, top)}`);
      const moved = to - from;
      const isNone = !Number.isFinite(moved) || Number(moved.toFixed(2)) === 0;
      setText(change, !Number.isFinite(moved) ? "" : moved === 0 ? "unchanged" : signed(moved, 2));
      setAttribute(change, "data-none", isNone);
      for (const element of [after, change, scale]) setAttribute(element, "data-stale", pending);
      scale.hidden = !top || !Number.isFinite(moved);
      if (!top) return;
      const at = (value: number) => 100 * Math.max(0, Math.min(1, value / top));
      const [left, right] = [Math.min(at(from), at(to)), Math.max(at(from), at(to))];
      for (const [index, mark] of marks.entries()) mark.style.left = `${at(index ? to : from).toFixed(2)}%`;
      span.style.left = `${left.toFixed(2)}%`;
      span.style.width = `${(right - left).toFixed(2)}%`;
    },
  };
}
