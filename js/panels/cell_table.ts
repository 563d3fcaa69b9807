/** Which features act at a cell: one line a feature, one column an output that is explained. */
import { amountsAt, type Place, strongest } from "../core/cell.ts";
import { featureColour } from "../core/colours.ts";
import { decimalsFor, signed } from "../core/numbers.ts";
import { outputUnit } from "../core/units.ts";
import type { Scene } from "../host/scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import type { Context } from "./panel.ts";

/** With more features than these, only the strongest here. */
const MOST = 10;

interface Line {
  element: HTMLTableRowElement;
  name: HTMLElement;
  numbers: HTMLElement[];
  feature: number | "residual" | "sum";
}

export interface CellTable {
  element: HTMLElement;
  draw(scene: Scene, place: Place, chosen: number | null): void;
}

/** `choose` is called with the feature whose line is pressed. */
export function cellTable({ session, signal }: Context, choose: (feature: number) => void): CellTable {
  const head = h("tr", {});
  const body = h("tbody", {});
  const note = h("p", { class: "rlv-hint" });
  const table = h("table", { class: "rlv-cell-table" }, h("thead", {}, head), body);
  let lines: Line[] = [];
  let built = "";

  const line = (feature: Line["feature"], columns: number): Line => {
    const own = typeof feature === "number";
    const name = own ? h("button", { class: "rlv-cell-name" }) : h("span", { class: "rlv-cell-name" });
    const numbers = Array.from({ length: columns }, () => h("td", { class: "rlv-number" }));
    const element = h(
      "tr",
      { class: own ? "" : `rlv-cell-${feature}` },
      h("th", { scope: "row" }, name),
      ...numbers,
    );
    if (own) {
      const hover = (over: boolean) => session.set("hovered", over ? feature : null);
      name.addEventListener("click", () => choose(feature), { signal });
      element.addEventListener("pointerenter", () => hover(true), { signal });
      element.addEventListener("pointerleave", () => hover(false), { signal });
    }
    return { element, name, numbers, feature };
  };
  const build = (scene: Scene, features: number[]) => {
    const key = [scene.layerName, features, scene.rows.map(({ label }) => label)].join("|");
    if (key === built) return;
    built = key;
    const titles = scene.rows.map(({ label, output }) =>
      h("th", { scope: "col", class: "rlv-number", title: outputUnit(output) }, label),
    );
    head.replaceChildren(h("th", { scope: "col" }, "feature"), ...titles);
    lines = [...features, "residual" as const, "sum" as const].map((one) => line(one, scene.rows.length));
    body.replaceChildren(...lines.map(({ element }) => element));
  };

  return {
    element: h("div", { class: "rlv-cell-features" }, table, note),
    draw(scene, place, chosen) {
      const count = scene.numFeatures;
      const amounts = scene.rows.map(({ cells }) => amountsAt(cells, place));
      build(scene, strongest(amounts[scene.row.index] ?? [], count, MOST));
      const decimals = scene.rows.map(({ displayScale }) => decimalsFor(displayScale));
      for (const { element, name, numbers, feature } of lines) {
        if (typeof feature === "number") {
          setText(name, scene.layer?.features[feature]?.name ?? `feature ${feature}`);
          setAttribute(name, "aria-pressed", String(chosen === feature));
          element.style.setProperty("--rlv-colour", featureColour(scene.layer?.features ?? [], feature));
        } else setText(name, feature);
        for (const [column, cell] of numbers.entries()) {
          const value = amountOf(amounts[column], feature, count);
          setText(cell, signed(value, decimals[column] ?? 3));
        }
      }
      setText(note, noteOf(scene, count));
    },
  };
}

function amountOf(
  all: Float64Array | undefined,
  feature: Line["feature"],
  count: number,
): number | undefined {
  if (!all?.length) return undefined;
  if (feature === "sum") return all.reduce((sum, amount) => sum + amount, 0);
  return all[feature === "residual" ? count : feature];
}

function noteOf({ mode, rows }: Scene, count: number): string {
  const units = [...new Set(rows.map(({ output }) => outputUnit(output)))].join(", ");
  const what = mode === "change" ? `${units}, change since the last step` : units;
  const some = count > MOST ? ` · the ${MOST} strongest of ${count}; the sum has all` : "";
  return `${what}${some}`;
}
