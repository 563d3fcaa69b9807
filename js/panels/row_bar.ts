/** The line above a row of panels: which output it explains, its place among the rows, and its colour scale. */
import { arrow, OUTPUT_GROUPS, outputGroup, outputLabel } from "../core/actions.ts";
import { decimalsFor, fixed } from "../core/numbers.ts";
import { stored } from "../core/study.ts";
import { outputUnit } from "../core/units.ts";
import type { Scene } from "../host/scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import { lazyPopover } from "../views/lazy_popover.ts";
import type { Context, Panel } from "./panel.ts";

/** The bar, with a place for what comes later: `tools`. */
export function rowBar(context: Context, index: number): Panel & { tools: HTMLElement } {
  const choice = outputChoice(context, index);
  const compose = lazyPopover(context, "composer", {
    name: "Compose another output",
    text: "…",
    title: "centred logits, contrasts of two actions, sums of several",
    options: index,
  });
  const scale = scaleLegend(index);
  const tools = h("span", { class: "rlv-tools" });
  return {
    element: h("div", { class: "rlv-row-bar" }, choice.element, compose.element, tools, scale.element),
    tools,
    draw(scene) {
      compose.element.hidden = !scene.canCompute;
      for (const panel of [choice, compose, scale]) panel.draw(scene);
    },
  };
}

function outputChoice({ session, signal }: Context, index: number): Panel {
  const name = index === 0 ? "Output" : `Output of row ${index + 1}`;
  const select = h("select", { class: "rlv-select", "aria-label": name });
  select.addEventListener("change", () => session.rows.choose(index, select.value), { signal });
  const build = ({ study, layerName, canCompute }: Scene, output: string) => {
    const is = (name: string) => stored(study, layerName, name) !== "none";
    const names = new Set([...study.outputs.map(({ name }) => name), output]);
    const offered = [...names].filter((name) => canCompute || is(name) || name === output);
    select.replaceChildren();
    for (const group of OUTPUT_GROUPS) {
      const children = offered
        .filter((name) => outputGroup(name) === group)
        .map((name) => {
          const text = `${arrow(name)} ${outputLabel(study, name)}${is(name) ? "" : "  ○"}`;
          return h("option", { value: name }, text.trim());
        });
      if (group === "value") select.append(...children);
      else if (children.length > 0)
        select.append(
          h(
            "optgroup",
            { label: group === "centred logits" ? `${group} (recommended)` : group },
            ...children,
          ),
        );
    }
  };
  let built: unknown[] = [];
  return {
    element: h(
      "label",
      { class: "rlv-field", title: "What is explained; ○ is not computed yet" },
      h("span", { class: "rlv-label" }, "explains"),
      select,
      icon(CHEVRON, 90),
    ),
    draw(scene) {
      const output = scene.rows[index]?.output;
      if (output === undefined) return;
      const inputs = [scene.study, scene.layerName, output, scene.canCompute];
      if (inputs.some((input, at) => input !== built[at])) build(scene, output);
      built = inputs;
      if (select.value !== output) select.value = output;
    },
  };
}

/** How colour grows with attribution, as a gradient; opacity is 0.9·√ of the share of full strength, or linear. */
const ramp = (power: number): string =>
  `linear-gradient(to right, ${[0, 0.04, 0.16, 0.36, 0.64, 1]
    .map((share) => `color-mix(in srgb, currentColor ${90 * share ** power}%, transparent) ${100 * share}%`)
    .join()})`;

function scaleLegend(index: number): Panel {
  const shade = h("span", { class: "rlv-ramp" });
  const full = h("span", {});
  const note = h("span", { class: "rlv-hint" });
  const element = h("span", { class: "rlv-colour-scale" }, h("span", {}, "0"), shade, full, note);
  let drawn = "";
  return {
    element,
    draw(scene) {
      const row = scene.rows[index];
      if (!row) return;
      const unit = outputUnit(row.output) + (scene.gradients ? " per full brightness" : "");
      const amount = `${fixed(row.displayScale, decimalsFor(row.displayScale))} ${unit}`;
      const key = `${amount} ${scene.scale} ${scene.article !== null}`;
      element.hidden = row.attribution === "absent" || !row.totals;
      if (key === drawn) return;
      drawn = key;
      setText(full, amount);
      setText(note, scene.scale === "study" ? "of the whole study" : "of this trajectory");
      shade.style.background = ramp(scene.article ? 1 : 0.5);
      setAttribute(
        element,
        "title",
        `Colour scale: a cell whose features together reach ${amount} is drawn at full strength${
          scene.article ? ", before smoothing" : "; opacity grows with the square root"
        }. Change it under Settings.`,
      );
    },
  };
}
