/** By how much one policy is more, or less, likely than another to take each action. */
import { glyph } from "../core/actions.ts";
import { type Policy, unionOf } from "../core/compare.ts";
import { signed } from "../core/numbers.ts";
import { h, icon, setAttribute } from "../views/dom.ts";
import { ARROW } from "../views/icons.ts";

interface Column {
  element: HTMLElement;
  fill: HTMLElement;
}

function column(action: string): Column {
  const mark = glyph(action);
  const fill = h("span", { class: "rlv-fill" });
  const symbol = h("span", { class: "rlv-glyph" }, "angle" in mark ? icon(ARROW, mark.angle) : mark.text);
  return { element: h("div", { class: "rlv-action" }, h("span", { class: "rlv-well" }, fill), symbol), fill };
}

export function policyDifference() {
  const columns = h("div", { class: "rlv-policy" });
  const label = h("span", { class: "rlv-label" });
  const element = h("div", { class: "rlv-policy-difference", role: "img" }, label, columns);
  let bars: Column[] = [];
  let names: string[] = [];
  return {
    element,
    /** `actions` are both agents', whether or not they have a policy here. */
    draw(actions: readonly (readonly string[])[], a: Policy | null, b: Policy | null, minus: string) {
      const wanted = unionOf(actions);
      if (wanted.join() !== names.join()) {
        names = wanted;
        bars = names.map(column);
        columns.replaceChildren(...bars.map((bar) => bar.element));
      }
      label.textContent = `policy, ${minus}`;
      let told = label.textContent;
      for (const [index, { element: item, fill }] of bars.entries()) {
        const name = names[index] ?? "";
        const change = a && b ? chance(b, name) - chance(a, name) : 0;
        fill.style.transform = `scaleY(${(change / 2).toFixed(3)})`;
        setAttribute(item, "title", `${name}: ${signed(change, 3)}`);
        if (Math.abs(change) >= 0.05) told += `, ${name} ${signed(change, 2)}`;
      }
      setAttribute(element, "aria-label", told);
    },
  };
}

const chance = ({ names, chances }: Policy, name: string): number => chances[names.indexOf(name)] ?? 0;
