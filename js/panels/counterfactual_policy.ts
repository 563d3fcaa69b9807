/** The policy of both worlds: two bars an action, and by how much the second is longer. */
import { glyph } from "../core/actions.ts";
import { probability } from "../core/numbers.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { ARROW } from "../views/icons.ts";
import type { CounterfactualPanel } from "./counterfactual_panel.ts";

/** Differences smaller than this are not written. */
const SMALL = 0.015;

interface Column {
  name: string;
  element: HTMLElement;
  bars: [before: HTMLElement, after: HTMLElement];
  change: HTMLElement;
}

function column(name: string): Column {
  const mark = glyph(name);
  const bars: Column["bars"] = [h("span", { class: "rlv-fill" }), h("span", { class: "rlv-fill" })];
  const change = h("span", { class: "rlv-probability" });
  const symbol = h("span", { class: "rlv-glyph" }, "angle" in mark ? icon(ARROW, mark.angle) : mark.text);
  const wells = bars.map((bar) => h("span", { class: "rlv-well" }, bar));
  const element = h(
    "div",
    { class: "rlv-action" },
    change,
    h("span", { class: "rlv-two" }, ...wells),
    symbol,
  );
  return { name, element, bars, change };
}

export function counterfactualPolicy(): CounterfactualPanel {
  const bars = h("div", { class: "rlv-policy", role: "img" });
  const caption = h("span", { class: "rlv-hint" }, "left before, right after; above: the change");
  let columns: Column[] = [];
  return {
    element: h(
      "section",
      { class: "rlv-policies", "aria-label": "Policy" },
      h("div", { class: "rlv-caption" }, h("span", { class: "rlv-title" }, "policy"), caption),
      bars,
    ),
    draw({ imagined, study, pending }) {
      const [before, after] = [imagined?.before.chances, imagined?.after.chances];
      const names = study.action_names;
      if (columns.length !== names.length || columns.some(({ name }, index) => name !== names[index])) {
        columns = names.map(column);
        bars.replaceChildren(...columns.map(({ element }) => element));
      }
      setAttribute(bars, "data-stale", pending);
      let told = "policy before and after";
      for (const [
        index,
        {
          element,
          bars: [one, two],
          change,
          name,
        },
      ] of columns.entries()) {
        const [p, q] = [before?.[index] ?? 0, after?.[index] ?? 0];
        one.style.transform = `scaleY(${p.toFixed(3)})`;
        two.style.transform = `scaleY(${q.toFixed(3)})`;
        setText(change, difference(q - p));
        setAttribute(element, "title", `${name}: ${p.toFixed(3)} before, ${q.toFixed(3)} after`);
        if (p >= 0.05 || q >= 0.05) told += `, ${name} ${p.toFixed(2)} ${q.toFixed(2)}`;
      }
      setAttribute(bars, "aria-label", told);
    },
  };
}

function difference(change: number): string {
  if (Math.abs(change) < SMALL) return "";
  return `${change > 0 ? "+" : "−"}${probability(Math.abs(change))}`;
}
