/** The feature grid: a view of its own, and (`mount`) a part of the explorer that is fetched on demand. */
import type { AnyModel, AnyWidget } from "@anywidget/types";
import { studyOf } from "../core/study.ts";
import type { FeatureGridTraits as Traits } from "../generated/traits.d.ts";
import type { GridSettings } from "../host/grid_data.ts";
import { Rpc } from "../host/rpc.ts";
import { Saver } from "../host/saver.ts";
import { gridBody } from "../panels/grid_body.ts";
import { listenToEscape } from "../panels/grid_panel.ts";
import style from "../styles/grid.css";
import { h } from "./dom.ts";

export { mount } from "../panels/grid_panel.ts";

/** As a mapped type, because anywidget asks for an index signature, which an interface lacks. */
type FeatureGridTraits = { [Name in keyof Traits]: Traits[Name] };

const SETTINGS = ["layer", "feature", "origin", "density", "zoom", "opaque"] as const;

export default (): Exclude<AnyWidget<FeatureGridTraits>, () => unknown> => {
  let rpc: Rpc | undefined;
  return {
    initialize({ model, signal }) {
      const own = new Rpc(model as unknown as ConstructorParameters<typeof Rpc>[0]);
      rpc = own;
      signal.addEventListener("abort", () => own.close(), { once: true });
    },
    render({ model, el, signal }) {
      if (!rpc) throw new Error("the feature grid is rendered before it is initialised");
      const view = new AbortController();
      signal.addEventListener("abort", () => view.abort(), { once: true, signal: view.signal });
      showGrid(model, rpc, el, view.signal);
      return () => view.abort();
    },
  };
};

function showGrid(model: AnyModel<FeatureGridTraits>, rpc: Rpc, el: HTMLElement, signal: AbortSignal): void {
  const saver = new Saver(model);
  const set = <K extends keyof FeatureGridTraits>(name: K, value: FeatureGridTraits[K]) => {
    model.set(name, value);
    saver.request();
  };
  const body = gridBody({
    signal,
    ask: (method, params, options) => rpc.request(method, params, { ...options, signal }),
    study: () => studyOf(model.get("_study")),
    settings: () =>
      Object.fromEntries(SETTINGS.map((name) => [name, model.get(name)])) as unknown as GridSettings,
    change: (name, value) => set(name, value as FeatureGridTraits[typeof name]),
    canCompute: () => model.get("can_compute"),
    go(trajectory, step) {
      set("trajectory", trajectory);
      set("step", step);
    },
    close: null,
    ready: () => {
      el.dataset.ready = "1";
    },
  });
  const root = h(
    "div",
    { class: "rlv-explorer rlv-grid rlv-grid-alone", role: "region", "aria-label": "Feature grid" },
    h("style", {}, style),
    body.element,
  );
  listenToEscape(root, null, signal);
  el.append(root);
  for (const name of [...SETTINGS, "_study", "can_compute"] as const) {
    model.on(`change:${name}`, body.draw);
    signal.addEventListener("abort", () => model.off(`change:${name}`, body.draw), { once: true });
  }
  signal.addEventListener("abort", () => root.remove(), { once: true });
  body.draw();
}
