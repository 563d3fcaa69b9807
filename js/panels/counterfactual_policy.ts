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

export interface PolicyPair {
  before: Float64Array | null;
  after: Float64Array | null;
  names: readonly string[];
  pending: boolean;
}

export function policyPair(caption: HTMLElement): { element: HTMLElement; draw(pair: PolicyPair): void } {
  const bars = h("div", { class: "rlv-policy", role: "img" });
  let columns: Column[] = [];
  return {
    element: h(
      "section",
      { class: "rlv-policies", "aria-label": "Policy" },
      h("div", { class: "rlv-caption" }, h("span", { class: "rlv-title" }, "policy"), caption),
      bars,
    ),
    draw({ before, after, names, pending }) {
      if (columns.length !== names.length || columns.some(({ name }, index) => name !== names[index])) {
        columns = names.map(column);
        bars.replaceChildren(...columns.map(({ element }) => element));
      }
      setAttribute(bars, "data-stale", pending);
      let told = "policy before and after";
      for (const [index, { element, bars: wells, change, name }] of columns.entries()) {
        const [p, q] = [before?.[index] ?? 0, after?.[index] ?? 0];
        wells[0].style.transform = `scaleY(${p.toFixed(3)})`;
        wells[1].style.transform = `scaleY(${q.toFixed(3)})`;
        setText(change, difference(q - p));
        setAttribute(element, "title", `${name}: ${p.toFixed(3)} before, ${q.toFixed(3)} after`);
        if (p >= 0.05 || q >= 0.05) told += `, ${name} ${p.toFixed(2)} ${q.toFixed(2)}`;
      }
      setAttribute(bars, "aria-label", told);
    },
  };
}

export function counterfactualPolicy(): CounterfactualPanel {
  const caption = h("span", { class: "rlv-hint" }, "left before, right after; above: the change");
  const pair = policyPair(caption);
  return {
    element: pair.element,
    draw({ imagined, study, pending }) {
      const [before, after] = [imagined?.before.chances ?? null, imagined?.after.chances ?? null];
      pair.draw({ before, after, names: study.action_names, pending });
    },
  };
}

function difference(change: number): string {
  if (Math.abs(change) < SMALL) return "";
  return `${change > 0 ? "+" : "−"}${probability(Math.abs(change))}`;
}
