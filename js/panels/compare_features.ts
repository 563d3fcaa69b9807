/** A member's features as chips: their colours and names; hovering isolates, a click keeps it so. */
import type { Comparison } from "../host/comparison.ts";
import { colourOf, type Scene } from "../host/scene.ts";
import { h, setAttribute } from "../views/dom.ts";
import type { Panel } from "./panel.ts";

export function compareFeatures(comparison: Comparison, index: number, signal: AbortSignal): Panel {
  const element = h("div", { class: "rlv-chips", role: "group", "aria-label": "Features" });
  let chips: HTMLButtonElement[] = [];
  let built: unknown[] = [];
  const chip = (scene: Scene, feature: number): HTMLButtonElement => {
    const swatch = h("span", { class: "rlv-swatch" });
    swatch.style.setProperty("--rlv-colour", colourOf(scene, feature));
    const name = scene.layer?.features[feature]?.name ?? `feature ${feature}`;
    const button = h(
      "button",
      { class: "rlv-chip", title: `show ${name} alone` },
      swatch,
      h("span", {}, name),
    );
    for (const [event, shown] of [
      ["pointerenter", feature],
      ["pointerleave", null],
      ["focus", feature],
      ["blur", null],
    ] as const)
      button.addEventListener(event, () => comparison.isolate(index, shown, true), { signal });
    button.addEventListener(
      "click",
      () => {
        const pinned = comparison.model.get("features")[index] === feature;
        comparison.isolate(index, pinned ? null : feature, false);
      },
      { signal },
    );
    return button;
  };
  return {
    element,
    draw(scene) {
      const inputs = [scene.study, scene.layerName, scene.numFeatures];
      if (inputs.some((input, place) => input !== built[place])) {
        built = inputs;
        chips = Array.from({ length: scene.layer?.features.length ?? 0 }, (_, feature) =>
          chip(scene, feature),
        );
        element.replaceChildren(...chips);
      }
      for (const [feature, button] of chips.entries()) {
        setAttribute(button, "aria-pressed", String(scene.pinned === feature));
        setAttribute(button, "data-off", scene.isolated !== null && scene.isolated !== feature);
      }
    },
  };
}
