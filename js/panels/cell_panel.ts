/** The cell inspector: which features act at the cell that is picked, and what makes them. */
import { amountsAt, placeIn, strongest } from "../core/cell.ts";
import type { LazyPanel } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import style from "../styles/cell.css";
import { h, setText } from "../views/dom.ts";
import { cellTable } from "./cell_table.ts";
import { cellTrace } from "./cell_trace.ts";
import type { Context } from "./panel.ts";

export function mount(outer: Context): LazyPanel {
  const { session } = outer;
  const life = new AbortController();
  const { signal } = life;
  const context = { ...outer, signal };
  const title = h("span", { class: "rlv-title" });
  const hint = h("span", { class: "rlv-hint" });
  const examples = h("button", { class: "rlv-button" });
  const close = h(
    "button",
    { class: "rlv-icon", "aria-label": "Close the cell inspector", title: "close" },
    "✕",
  );
  const trace = cellTrace(context);
  let scene: Scene | undefined;
  let strongestHere: number | null = null;
  const place = () => placeIn(scene?.layer, session.model.get("cell") ?? []);
  const table = cellTable(context, (feature) => {
    const at = place();
    if (scene && at) trace.start(scene, feature, at);
  });
  const element = h(
    "section",
    { class: "rlv-cell", "aria-label": "Cell inspector" },
    h("style", {}, style),
    h("div", { class: "rlv-caption" }, title, hint, examples, close),
    h("div", { class: "rlv-cell-body" }, table.element, trace.element),
  );
  close.addEventListener("click", () => session.set("cell", []), { signal });
  examples.addEventListener("click", () => session.set("opened", strongestHere), { signal });
  element.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape") return;
      session.set("cell", []);
      event.stopPropagation();
    },
    { signal },
  );

  return {
    element,
    draw(next) {
      scene = next;
      const at = place();
      if (!at) return;
      const { layer, layerName, row, numFeatures } = next;
      setText(title, `cell of ${layerName}: row ${at[0]}, column ${at[1]}`);
      setText(hint, layer ? `of ${layer.height} × ${layer.width} · Alt and arrows on a picture move it` : "");
      const [best = null] = strongest(amountsAt(row.cells, at), numFeatures, 1);
      strongestHere = numFeatures > 0 ? best : null;
      examples.hidden = strongestHere === null || next.gradients;
      setText(examples, `examples of ${layer?.features[strongestHere ?? 0]?.name ?? ""}`);
      trace.draw(next, at);
      table.draw(next, at, trace.feature);
    },
    close() {
      trace.close();
      life.abort();
    },
  };
}
