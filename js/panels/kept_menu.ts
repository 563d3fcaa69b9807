/** What was computed before and is kept: there at once, and without a kernel too. */
import { h, icon, setAttribute } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import { button, menu } from "./counterfactual_panel.ts";

interface Kept {
  label: string;
  trajectory: number;
  step: number;
}

export function keptMenu(
  label: string,
  show: (index: number) => void,
  signal: AbortSignal,
): { element: HTMLElement; draw(stored: readonly Kept[], index: number): void } {
  let count = 0;
  const choice = menu(label, (index) => show(Number(index)), signal);
  const turn = (by: number) => {
    const now = choice.element.value === "" ? -1 : Number(choice.element.value);
    show(Math.max(0, Math.min(count - 1, now + by)));
  };
  const says = (name: string) => ({ class: "rlv-icon", label: name });
  const before = button(icon(CHEVRON, 180), says("Previous kept one"), () => turn(-1), signal);
  const after = button(icon(CHEVRON), says("Next kept one"), () => turn(1), signal);
  const element = h(
    "div",
    { class: "rlv-kept", role: "group", "aria-label": "Kept" },
    h("span", { class: "rlv-label" }, "kept"),
    h("span", { class: "rlv-picker" }, before, choice.element, after),
  );
  return {
    element,
    draw(stored, index) {
      count = stored.length;
      element.hidden = count === 0;
      if (element.hidden) return;
      const options = stored.map(({ label, trajectory, step }, number): [string, string] => [
        String(number),
        `${label} · trajectory ${trajectory + 1}, step ${step}`,
      ]);
      choice.draw(index < 0 ? [["", "not kept yet"], ...options] : options, index < 0 ? "" : String(index));
      setAttribute(choice.element, "title", options[index]?.[1] ?? false);
      before.disabled = index === 0;
      after.disabled = index === count - 1;
    },
  };
}
