/** The line above a feature grid: which feature, from where, how dense, how close. */
import { featureColour } from "../core/colours.ts";
import { DENSITIES, type Origin, ZOOMS } from "../core/grid.ts";
import type { Layer } from "../core/study.ts";
import type { GridSettings } from "../host/grid_data.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";

export interface BarActions {
  signal: AbortSignal;
  change: <K extends keyof GridSettings>(name: K, value: GridSettings[K]) => void;
  /** Only where the layer can be picked here. */
  layers: boolean;
  close: (() => void) | null;
}

export interface Bar {
  element: HTMLElement;
  draw(settings: GridSettings, layers: readonly Layer[]): void;
}

const ORIGINS: [Origin, string, string][] = [
  ["observations", "diverse observations", "patches of observations that have little to do with each other"],
  ["rollout", "this rollout", "patches of the trajectories themselves: one can go to their frames"],
];

const field = (select: HTMLSelectElement): HTMLElement =>
  h("span", { class: "rlv-field" }, select, icon(CHEVRON, 90));

export function gridBar({ signal, change, layers: picksLayer, close }: BarActions): Bar {
  const swatch = h("span", { class: "rlv-swatch" });
  const feature = h("select", { class: "rlv-select", "aria-label": "Feature" });
  const layer = h("select", { class: "rlv-select", "aria-label": "Layer" });
  const [previous, next] = [-1, 1].map((by) => {
    const name = by < 0 ? "Previous feature" : "Next feature";
    const button = h(
      "button",
      { class: "rlv-icon", "aria-label": name, title: name },
      icon(CHEVRON, by < 0 ? 180 : 0),
    );
    button.addEventListener("click", () => change("feature", shown + by), { signal });
    return button;
  });
  const where = h("span", { class: "rlv-label" });
  const origins = ORIGINS.map(([origin, label, title]) => {
    const button = h("button", { class: "rlv-choice", title }, label);
    button.addEventListener("click", () => change("origin", origin), { signal });
    return { origin, button };
  });
  const density = slider("patches", ["fewer", "more"], DENSITIES, (value) => change("density", value));
  const zoom = slider("zoom", ["in", "out"], [...ZOOMS], (value) => change("zoom", value));
  const opaque = h(
    "button",
    { class: "rlv-choice", title: "show every patch at full strength (o)" },
    "opaque",
  );
  opaque.addEventListener("click", () => change("opaque", opaque.getAttribute("aria-pressed") !== "true"), {
    signal,
  });
  feature.addEventListener("change", () => change("feature", Number(feature.value)), { signal });
  layer.addEventListener("change", () => change("layer", layer.value), { signal });
  const shut = h(
    "button",
    { class: "rlv-icon", "aria-label": "Close the feature", title: "close (Esc)" },
    "✕",
  );
  if (close) shut.addEventListener("click", close, { signal });
  const element = h(
    "div",
    { class: "rlv-grid-bar" },
    h(
      "div",
      { class: "rlv-grid-title" },
      swatch,
      ...(previous ? [previous] : []),
      field(feature),
      ...(next ? [next] : []),
      picksLayer ? field(layer) : where,
    ),
    h(
      "div",
      { class: "rlv-grid-origins", role: "group", "aria-label": "Patches of" },
      ...origins.map(({ button }) => button),
    ),
    density.element,
    zoom.element,
    opaque,
    h("span", { class: "rlv-spring" }),
    ...(close ? [shut] : []),
  );
  let shown = 0;
  let listed = "";

  function slider<T extends string | number>(
    name: string,
    [low, high]: [string, string],
    values: readonly T[],
    set: (value: T) => void,
  ) {
    const input = h("input", {
      type: "range",
      min: 0,
      max: values.length - 1,
      step: 1,
      class: "rlv-grid-slider",
      "aria-label": name === "zoom" ? "Zoom" : "Density of patches",
    });
    const output = h("span", { class: "rlv-grid-value" });
    input.addEventListener(
      "input",
      () => {
        const value = values[Number(input.value)];
        if (value !== undefined) set(value);
      },
      { signal },
    );
    const words = (value: T) => (name === "zoom" ? `${value} cells` : `${value} a cell`);
    return {
      element: h(
        "label",
        { class: "rlv-grid-field-label", title: `${low} … ${high}` },
        h("span", { class: "rlv-label" }, name),
        input,
        output,
      ),
      draw(value: T) {
        const index = String(values.indexOf(value));
        if (input.value !== index) input.value = index;
        setAttribute(input, "aria-valuetext", words(value));
        setText(output, `${value}×`);
      },
    };
  }

  const list = (select: HTMLSelectElement, names: string[], values: string[]) =>
    select.replaceChildren(...names.map((name, index) => h("option", { value: values[index] ?? "" }, name)));

  return {
    element,
    draw(settings, layers) {
      const own = layers.find(({ name }) => name === settings.layer);
      const names = (own?.features ?? []).map(({ name }, index) => name || `feature ${index}`);
      const usable = layers.filter(({ features }) => features.length > 0).map(({ name }) => name);
      const now = JSON.stringify([names, usable]);
      if (now !== listed) {
        listed = now;
        list(
          feature,
          names,
          names.map((_, index) => String(index)),
        );
        list(layer, usable, usable);
      }
      shown = settings.feature;
      feature.value = String(shown);
      layer.value = settings.layer;
      setText(where, `of ${names.length} in layer ${settings.layer}`);
      if (previous) previous.disabled = shown <= 0;
      if (next) next.disabled = shown >= names.length - 1;
      swatch.style.setProperty("--rlv-colour", featureColour(own?.features ?? [], shown));
      for (const { origin, button } of origins)
        setAttribute(button, "aria-pressed", String(origin === settings.origin));
      density.draw(settings.density);
      zoom.draw(settings.zoom as (typeof ZOOMS)[number]);
      setAttribute(opaque, "aria-pressed", String(settings.opaque));
    },
  };
}
