/** What a feature responds to, place by place: the part of the explorer that opens beneath it. */
import type { GridSettings } from "../host/grid_data.ts";
import type { LazyPanel } from "../host/lazy.ts";
import style from "../styles/grid.css";
import { h, setAttribute } from "../views/dom.ts";
import { gridBody } from "./grid_body.ts";
import type { Context } from "./panel.ts";

/** How grids were last shown in this page: the next one opens alike. */
const last: Pick<GridSettings, "origin" | "density" | "zoom" | "opaque"> = {
  origin: "observations",
  density: "1",
  zoom: 4,
  opaque: false,
};

export function mount({ session, signal: outer }: Context): LazyPanel {
  const life = new AbortController();
  const signal = AbortSignal.any([outer, life.signal]);
  let scene: Parameters<LazyPanel["draw"]>[0] | null = null;
  const close = () => session.set("opened", null);
  const body = gridBody({
    signal,
    ask: (method, params, options) => session.request(method, params, { ...options, signal }),
    study: () => scene?.study ?? null,
    settings: () => ({
      ...last,
      layer: session.model.get("layer"),
      feature: session.model.get("opened") ?? 0,
    }),
    change(name, value) {
      if (name === "feature") session.set("opened", value as number);
      else if (name !== "layer") Object.assign(last, { [name]: value });
      body.draw();
    },
    canCompute: () => session.model.get("can_compute"),
    go: (trajectory, step) => {
      session.set("playing", false);
      session.goToTrajectory(trajectory, step);
    },
    close,
  });
  const element = h(
    "section",
    { class: "rlv-grid", role: "dialog", "aria-label": "Feature" },
    h("style", {}, style),
    body.element,
  );
  listenToEscape(element, close, signal);
  let isNew = true;
  return {
    element,
    draw(next) {
      scene = next;
      const feature = next.layer?.features[session.model.get("opened") ?? 0];
      setAttribute(element, "aria-label", `Feature: ${feature?.name ?? ""}`);
      body.draw();
      if (!isNew) return;
      isNew = false;
      element.scrollIntoView({ block: "nearest" });
      element.querySelector<HTMLElement>("select")?.focus({ preventScroll: true });
    },
    close: () => life.abort(),
  };
}

/** Keys that are pressed here are not the explorer's; Esc closes what is open, the innermost first. */
export function listenToEscape(element: HTMLElement, close: (() => void) | null, signal: AbortSignal): void {
  element.addEventListener(
    "keydown",
    (event) => {
      event.stopPropagation();
      if (event.key !== "Escape" || event.defaultPrevented) return;
      const shut = element.querySelector<HTMLElement>(
        ".rlv-grid-frame:not([hidden]) [aria-label='Close the frame']",
      );
      if (shut) shut.click();
      else close?.();
      event.preventDefault();
    },
    { signal },
  );
}
