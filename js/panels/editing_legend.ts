/** Switches beside the legend's features: each takes its feature out of the network, a slider says how far. */
import {
  type Edits,
  entryOfFeature,
  isActive,
  type NetworkEdit,
  strengthOf,
  toggledFeature,
  type Where,
  withFeature,
} from "../core/editor.ts";
import type { LazyPanel } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import style from "../styles/editing.css";
import { h, setAttribute } from "../views/dom.ts";
import { strengthControl } from "./editor_strength.ts";
import type { Context } from "./panel.ts";

/** Who holds the list of edits. */
export interface EditingHand {
  /** With what a slider that is held would make of it. */
  readonly edits: Edits;
  /** Where a feature of the layer shown is edited, unless one says it. */
  readonly usualPlace: Where;
  /** Another list, one step for undoing. */
  change(edits: Edits): void;
  /** What it would be as long as a slider is held; null: as it was. */
  preview(edits: NetworkEdit[] | null): void;
}

export function legendSwitches({ session }: Context, hand: EditingHand): LazyPanel {
  const element = h("style", {}, style);
  const switches = new Map<HTMLElement, Switch>();
  const legend = () => element.closest(".rlv-explorer")?.querySelector<HTMLElement>(".rlv-legend");
  const layer = () => session.model.get("layer");

  /** The legend makes its rows anew with another layer: those that are gone lose their switch, new ones get one. */
  const arrange = (rows: readonly HTMLElement[]) => {
    for (const [row, one] of switches)
      if (!rows.includes(row)) {
        one.close();
        switches.delete(row);
      }
    for (const row of rows) if (!switches.has(row)) switches.set(row, switchIn(row, hand, layer));
  };

  return {
    element,
    draw(scene) {
      const place = legend();
      if (!place) return;
      const rows = scene.gradients ? [] : [...place.querySelectorAll<HTMLElement>(".rlv-row[data-feature]")];
      setAttribute(place, "data-switches", rows.length > 0);
      arrange(rows);
      for (const one of switches.values()) one.draw(scene);
    },
    close() {
      const place = legend();
      if (place) setAttribute(place, "data-switches", false);
      for (const one of switches.values()) one.close();
      switches.clear();
    },
  };
}

interface Switch {
  draw(scene: Scene): void;
  close(): void;
}

function switchIn(row: HTMLElement, hand: EditingHand, layer: () => string): Switch {
  const life = new AbortController();
  const feature = Number(row.dataset.feature);
  const at = (strength: number) =>
    withFeature(hand.edits, layer(), feature, { strength, enabled: true }, hand.usualPlace);
  const control = strengthControl({
    toggle: () => hand.change(toggledFeature(hand.edits, layer(), feature, hand.usualPlace)),
    preview: (strength) => hand.preview(strength === null ? null : at(strength)),
    commit: (strength) => hand.change(at(strength)),
    signal: life.signal,
  });
  row.append(control.element);
  return {
    draw({ layerName, layer: shown, canCompute }) {
      const entry = entryOfFeature(hand.edits, layerName, feature);
      const on = entry !== undefined && isActive(entry);
      if (!entry) control.release();
      setAttribute(row, "data-edited", entry ? (on ? "on" : "off") : false);
      const name = shown?.features[feature]?.name ?? `feature ${feature}`;
      control.draw({ on, strength: entry ? strengthOf(entry) : 0, name, disabled: !canCompute });
      // As the row's other buttons: one row at a time is a stop of the Tab key.
      const stop = row.querySelector(".rlv-pin")?.getAttribute("tabindex") ?? "0";
      for (const each of control.element.querySelectorAll("button, input"))
        setAttribute(each, "tabindex", stop);
    },
    close() {
      life.abort();
      setAttribute(row, "data-edited", false);
      control.element.remove();
    },
  };
}
