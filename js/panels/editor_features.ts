/** The features of the layer: a switch and a strength each, and what each says of this frame before and after. */
import { featureColour } from "../core/colours.ts";
import { entryOfFeature, isOn, strengthOf, toggledFeature, withFeature } from "../core/editor.ts";
import { decimalsFor, signed } from "../core/numbers.ts";
import type { EditorScene } from "../host/editor_scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { focusedNear } from "../views/focus.ts";
import type { EditorContext, EditorPanel } from "./editor_panel.ts";
import { strengthControl } from "./editor_strength.ts";
import { drawPairedBar } from "./paired_bar.ts";

export function editorFeatures(context: EditorContext): EditorPanel {
  const rows = h("div", { class: "rlv-ed-rows", role: "group", "aria-label": "Features" });
  const none = h("p", { class: "rlv-hint" });
  const title = h("span", { class: "rlv-title" });
  let list: ReturnType<typeof rowOf>[] = [];
  let life = new AbortController();
  let layer = "";
  context.signal.addEventListener("abort", () => life.abort(), { once: true });
  return {
    element: h(
      "section",
      { class: "rlv-ed-features", "aria-label": "Features to edit" },
      h(
        "div",
        { class: "rlv-caption" },
        title,
        h("span", { class: "rlv-spring" }),
        h("span", { class: "rlv-hint" }, "above original, below edited"),
      ),
      none,
      rows,
    ),
    draw(scene) {
      const count = scene.layer?.features.length ?? 0;
      if (list.length !== count || layer !== scene.layerName) {
        const had = rows.contains(focusedNear(rows));
        // A row that goes hears no pointer leave.
        if (list.length > 0) context.workbench.set("hovered", null);
        life.abort();
        life = new AbortController();
        layer = scene.layerName;
        list = Array.from({ length: count }, (_, index) => rowOf(context, index, life.signal));
        rows.replaceChildren(...list.map(({ element }) => element));
        if (had) rows.querySelector<HTMLElement>(".rlv-ed-pin")?.focus({ preventScroll: true });
      }
      setText(title, `features of ${scene.layerName}`);
      none.hidden = count > 0;
      setText(none, emptiness(scene));
      setAttribute(rows, "data-isolated", scene.isolated !== null);
      for (const [index, row] of list.entries()) row.draw(scene, index);
    },
  };
}

function emptiness({ pending, canCompute }: EditorScene): string {
  if (!canCompute) return "This layer has no features.";
  return pending ? "Its features are being found…" : "This layer has no features yet.";
}

function rowOf({ workbench }: EditorContext, feature: number, signal: AbortSignal) {
  const name = h("span", { class: "rlv-ed-name" });
  const bars = [h("span", { class: "rlv-ed-bar" }), h("span", { class: "rlv-ed-bar" })] as const;
  const change = h("span", { class: "rlv-ed-change" });
  const track = h("span", { class: "rlv-ed-track", "aria-hidden": "true" }, ...bars);
  const pin = h("button", { class: "rlv-ed-pin" }, h("span", { class: "rlv-ed-dot" }), name, track, change);
  const layer = () => workbench.seat.get("layer");
  const at = (strength: number) =>
    withFeature(workbench.edits, layer(), feature, { strength, enabled: true }, workbench.usualPlace);
  const control = strengthControl({
    toggle: () => workbench.change(toggledFeature(workbench.edits, layer(), feature, workbench.usualPlace)),
    preview: (strength) => workbench.preview(strength === null ? null : at(strength)),
    commit: (strength) => workbench.change(at(strength)),
    signal,
  });
  const element = h("div", { class: "rlv-ed-row" }, pin, control.element);
  const hover = (over: boolean) => {
    if (over) workbench.set("hovered", feature);
    else if (workbench.seat.get("hovered") === feature) workbench.set("hovered", null);
  };
  for (const [event, over] of [
    ["pointerenter", true],
    ["pointerleave", false],
    ["focus", true],
    ["blur", false],
  ] as const)
    pin.addEventListener(event, () => hover(over), { signal });
  pin.addEventListener(
    "click",
    () => workbench.set("feature", workbench.seat.get("feature") === feature ? null : feature),
    { signal },
  );
  return {
    element,
    draw(scene: EditorScene, index: number) {
      const { layer, edits, edited, canCompute, isolated, pinned, layerName } = scene;
      const called = layer?.features[index]?.name ?? `feature ${index}`;
      const entry = entryOfFeature(edits, layerName, index);
      const on = entry !== undefined && isOn(entry) && strengthOf(entry) !== 0;
      control.draw({ on, strength: entry ? strengthOf(entry) : 0, name: called, disabled: !canCompute });
      setText(name, called);
      setAttribute(element, "data-on", on && (strengthOf(entry) > 0 ? "less" : "more"));
      setAttribute(element, "data-isolated", isolated === index);
      setAttribute(pin, "aria-pressed", String(pinned === index));
      setAttribute(track, "data-stale", scene.pending);
      element.style.setProperty("--rlv-colour", featureColour(layer?.features ?? [], index));
      const axis = edited?.axis ?? { low: -1, high: 1 };
      const totals = [edited?.before.totals[index], edited?.after.totals[index]] as const;
      for (const [side, bar] of bars.entries()) drawPairedBar(bar, totals[side] ?? 0, axis);
      track.style.setProperty("--rlv-zero", (-axis.low / (axis.high - axis.low)).toFixed(4));
      const [before = Number.NaN, after = Number.NaN] = totals;
      const decimals = decimalsFor(Math.max(axis.high, -axis.low));
      setText(change, Number.isFinite(after) ? signed(after, decimals) : "");
      setAttribute(
        pin,
        "title",
        `${called}: ${signed(before, decimals + 1)} original, ${signed(after, decimals + 1)} edited; click to show it alone`,
      );
    },
  };
}
