/** The features: how much each raises or lowers the output before and after, on one axis. */
import { featureColour } from "../core/colours.ts";
import { decimalsFor, signed } from "../core/numbers.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import type { CounterfactualContext, CounterfactualPanel } from "./counterfactual_panel.ts";
import { drawPairedBar } from "./paired_bar.ts";

interface Row {
  element: HTMLButtonElement;
  name: HTMLElement;
  bars: [before: HTMLElement, after: HTMLElement];
  change: HTMLElement;
}

export function counterfactualLegend({ imagination, signal }: CounterfactualContext): CounterfactualPanel {
  const rows = h("div", { class: "rlv-both-rows", role: "group", "aria-label": "Features" });
  const none = h("p", { class: "rlv-hint" }, "This layer has no features yet.");
  let list: Row[] = [];
  const row = (index: number): Row => {
    const name = h("span", { class: "rlv-name" });
    const bars: Row["bars"] = [h("span", { class: "rlv-bar" }), h("span", { class: "rlv-bar" })];
    const change = h("span", { class: "rlv-number" });
    const track = h("span", { class: "rlv-track", "aria-hidden": "true" }, ...bars);
    const element = h(
      "button",
      { class: "rlv-both-row" },
      h("span", { class: "rlv-swatch" }),
      name,
      track,
      change,
    );
    const hover = (over: boolean) => {
      if (over) imagination.set("hovered", index);
      else if (imagination.model.get("hovered") === index) imagination.set("hovered", null);
    };
    for (const [event, over] of [
      ["pointerenter", true],
      ["pointerleave", false],
      ["focus", true],
      ["blur", false],
    ] as const)
      element.addEventListener(event, () => hover(over), { signal });
    element.addEventListener(
      "click",
      () => imagination.set("feature", imagination.model.get("feature") === index ? null : index),
      { signal },
    );
    return { element, name, bars, change };
  };
  return {
    element: h(
      "section",
      { class: "rlv-both-legend", "aria-label": "Legend" },
      h(
        "div",
        { class: "rlv-caption" },
        h("span", { class: "rlv-title" }, "features"),
        h("span", { class: "rlv-hint" }, "above before, below after"),
      ),
      none,
      rows,
    ),
    draw(scene) {
      const { imagined } = scene;
      if (!imagined) return;
      const count = imagined.numFeatures > 0 ? imagined.numFeatures + 1 : 0;
      if (list.length !== count) {
        list = Array.from({ length: count }, (_, index) => row(index));
        rows.replaceChildren(...list.map(({ element }) => element));
      }
      none.hidden = count > 0;
      setAttribute(rows, "data-isolated", scene.isolated !== null);
      setAttribute(rows, "data-stale", scene.pending);
      for (const [index, one] of list.entries()) drawRow(one, index, scene);
    },
  };
}

function drawRow({ element, name, bars, change }: Row, index: number, scene: CounterfactualScene): void {
  const { imagined, layer, isolated, pinned } = scene;
  if (!imagined) return;
  const { axis, numFeatures } = imagined;
  const isResidual = index === numFeatures;
  const called = isResidual ? "residual" : (layer?.features[index]?.name ?? `feature ${index}`);
  const values = [
    imagined.before.totals[index] ?? Number.NaN,
    imagined.after.totals[index] ?? Number.NaN,
  ] as const;
  const decimals = decimalsFor(Math.max(axis.high, -axis.low));
  setText(name, called);
  setText(change, signed(values[1] - values[0], decimals));
  const [before, after] = values.map((value) => signed(value, decimals + 1));
  setAttribute(element, "title", `${called}: ${before} before, ${after} after`);
  setAttribute(element, "aria-pressed", String(pinned === index));
  setAttribute(element, "data-isolated", isolated === index);
  setAttribute(element, "data-residual", isResidual);
  element.style.setProperty(
    "--rlv-colour",
    isResidual ? "#fff" : featureColour(layer?.features ?? [], index),
  );
  element.style.setProperty("--rlv-zero", (-axis.low / (axis.high - axis.low)).toFixed(4));
  for (const [side, bar] of bars.entries()) drawPairedBar(bar, values[side] ?? 0, axis);
}
