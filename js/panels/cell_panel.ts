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
  const reach = reachOf(session);
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
      const seen = reach(layerName);
      const sees = seen ? ` · sees ${seen.cut ? "at least " : ""}${seen.height} × ${seen.width} pixels` : "";
      setText(hint, `of ${layer?.height} × ${layer?.width}${sees} · Alt and arrows on a picture move it`);
      markReach(element, next, seen);
      const [best = null] = strongest(amountsAt(row.cells, at), numFeatures, 1);
      strongestHere = numFeatures > 0 ? best : null;
      examples.hidden = strongestHere === null || next.gradients;
      setText(examples, `examples of ${layer?.features[strongestHere ?? 0]?.name ?? ""}`);
      trace.draw(next, at);
      table.draw(next, at, trace.feature);
    },
    close() {
      if (scene) markReach(element, scene, null);
      trace.close();
      life.abort();
    },
  };
}

/** Pixels of the observation that one cell depends on. */
interface Reach {
  height: number;
  width: number;
  /** The observation is too small to show all of it. */
  cut: boolean;
}

/** Asks for a layer's receptive field once; null until it has come, and where the study does not hold it. */
function reachOf(session: Context["session"]): (layer: string) => Reach | null {
  const known = new Map<string, Reach | null>();
  return (layer) => {
    const found = known.get(layer);
    if (found !== undefined) return found;
    known.set(layer, null);
    session.request("feature", { layer, feature: 0 }).then(
      ([{ receptive_height: height, receptive_width: width, receptive_cut: cut }]) => {
        if (typeof height !== "number" || typeof width !== "number") return;
        known.set(layer, { height, width, cut: cut === true });
        session.invalidate();
      },
      () => {}, // it is not stored: the cell is shown without
    );
    return null;
  };
}

/** Tells the marker on the observation, in cells, how far beyond its own the cell sees. */
function markReach(element: HTMLElement, { study, layer }: Scene, seen: Reach | null): void {
  const root = element.closest<HTMLElement>(".rlv-explorer");
  const beyond = (pixels: number, cells: number, size: number) =>
    Math.max(0, ((pixels * cells) / size - 1) / 2);
  const { height, width } = study.observation;
  const [y, x] =
    seen && layer
      ? [beyond(seen.height, layer.height, height), beyond(seen.width, layer.width, width)]
      : [0, 0];
  root?.style.setProperty("--rlv-reach-y", y.toFixed(3));
  root?.style.setProperty("--rlv-reach-x", x.toFixed(3));
}
