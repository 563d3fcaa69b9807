/** What each object is worth: by the attribution that lies on it, and by what is lost when it goes. */
import { type Column, type Effect, type Order, sorted, turned } from "../core/counterfactual_effects.ts";
import { place, words } from "../core/counterfactual_sight.ts";
import { decimalsFor, fixed, signed } from "../core/numbers.ts";
import { outputUnit } from "../core/units.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { button, type CounterfactualContext, type CounterfactualPanel } from "./counterfactual_panel.ts";

const HEADS: readonly { column: Column; text: string; title: string }[] = [
  { column: "object", text: "object", title: "class and place, in cells" },
  { column: "pixels", text: "px", title: "pixels that can be seen" },
  { column: "attributed", text: "attributed", title: "attribution that lies on the object's pixels" },
  {
    column: "lost",
    text: "lost",
    title: "the output with the object less the output without it, rendered anew",
  },
];

interface Row {
  element: HTMLTableRowElement;
  draw(effect: Effect, scene: CounterfactualScene, decimals: number): void;
}

export function counterfactualObjects(context: CounterfactualContext): CounterfactualPanel {
  const { imagination, signal } = context;
  let order: Order = { column: "lost", descending: true };
  const heads = HEADS.map(({ column, text, title }) => {
    const turn = button(
      text,
      { class: "rlv-sort", title: `${title}; click to sort` },
      () => {
        order = turned(order, column);
        imagination.invalidate();
      },
      signal,
    );
    return { column, element: h("th", { scope: "col" }, turn) };
  });
  const body = h("tbody", {});
  const table = h(
    "table",
    { class: "rlv-objects" },
    h("thead", {}, h("tr", {}, ...heads.map(({ element }) => element))),
    body,
  );
  const state = h("span", { class: "rlv-hint", role: "status" });
  const rows = new Map<string, Row>();
  let shown = "";
  const arrange = (effects: readonly Effect[]) => {
    const keys = effects.map(({ object }) => object.key);
    const key = keys.join("\n");
    if (key === shown) return;
    shown = key;
    for (const known of [...rows.keys()]) if (!keys.includes(known)) rows.delete(known);
    for (const one of keys) if (!rows.has(one)) rows.set(one, rowOf(context, one));
    // In order, and without touching those that stay where they are: the one with the focus keeps it.
    for (const [index, one] of keys.entries()) {
      const element = rows.get(one)?.element;
      if (element && body.children[index] !== element)
        body.insertBefore(element, body.children[index] ?? null);
    }
    while (body.children.length > keys.length) body.lastElementChild?.remove();
  };
  return {
    element: h(
      "section",
      { class: "rlv-worth", "aria-label": "Objects" },
      h("div", { class: "rlv-caption" }, h("span", { class: "rlv-title" }, "objects"), state),
      h(
        "div",
        { class: "rlv-objects-list", tabindex: 0, role: "group", "aria-label": "Table of objects" },
        table,
      ),
    ),
    draw(scene) {
      const effects = sorted(scene.effects, order);
      arrange(effects);
      const sizes = effects.flatMap(({ attributed, lost }) => [
        Math.abs(attributed) || 0,
        Math.abs(lost) || 0,
      ]);
      const decimals = Math.min(3, decimalsFor(Math.max(0.001, ...sizes)));
      for (const effect of effects) rows.get(effect.object.key)?.draw(effect, scene, decimals);
      for (const { column, element } of heads)
        setAttribute(
          element,
          "aria-sort",
          column === order.column ? (order.descending ? "descending" : "ascending") : false,
        );
      setText(state, stateOf(scene));
      setAttribute(table, "data-stale", scene.pending || scene.effectsState === "coming");
    },
  };
}

function stateOf({ effectsState, effects, output, playing, canCompute }: CounterfactualScene): string {
  if (effectsState === "coming") return "taking each object away in turn…";
  if (effectsState === "failed") return "could not be computed";
  if (playing) return "computed when playing ends";
  if (effectsState === "none") return canCompute ? "" : "not kept for this frame";
  return effects.length === 0 ? "no object is in sight" : `in ${outputUnit(output)}`;
}

function rowOf({ imagination, signal }: CounterfactualContext, key: string): Row {
  const dot = h("span", { class: "rlv-dot-of" });
  const name = h("span", {});
  const select = button(
    h("span", { class: "rlv-object-name" }, dot, name),
    { class: "rlv-object" },
    () => imagination.set("selected", imagination.model.get("selected") === key ? "" : key),
    signal,
  );
  const [pixels, attributed, lost] = [h("td", {}), h("td", {}), h("td", {})];
  const element = h("tr", {}, h("th", { scope: "row" }, select), pixels, attributed, lost);
  for (const [event, over] of [
    ["pointerenter", true],
    ["pointerleave", false],
    ["focusin", true],
    ["focusout", false],
  ] as const)
    element.addEventListener(
      event,
      () => {
        if (over) imagination.point(key);
        else if (imagination.pointed === key) imagination.point(null);
      },
      { signal },
    );
  return {
    element,
    draw({ object, why, ...worth }, { selected, pointed }, decimals) {
      const isObject = Number.isFinite(object.x);
      setText(name, `${words(object.object_class)}${isObject ? ` ${place(object)}` : ""}`);
      select.disabled = !isObject;
      dot.style.setProperty("--rlv-colour", object.colour);
      setText(pixels, fixed(object.visible_pixels, 0));
      setText(attributed, signed(worth.attributed, decimals));
      setText(lost, signed(worth.lost, decimals));
      setAttribute(lost, "title", why || false);
      setAttribute(select, "aria-pressed", String(selected?.key === key));
      setAttribute(element, "data-pointed", pointed?.key === key);
    },
  };
}
