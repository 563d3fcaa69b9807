/** The members' squeezed frames, their curves in common lanes, and the differences; drag to move through them. */
import { follow, SHORTEST_SPAN, type Span, xToStep, zoom } from "../core/timeline.ts";
import type { CompareScene } from "../host/compare_scene.ts";
import style from "../styles/compare_curves.css";
import { context2d, h, setAttribute } from "../views/dom.ts";
import { compareCursor } from "./compare_cursor.ts";
import { drawComparison } from "./compare_draw.ts";
import { type Layout, layOut, plans } from "./compare_lanes.ts";
import type { CompareContext, ComparePanel } from "./compare_panel.ts";
import { drawStrip } from "./trajectories.ts";

export interface LazyComparePanel extends ComparePanel {
  close(): void;
}

export function compareCurves(outside: CompareContext): LazyComparePanel {
  const { comparison, theme } = outside;
  const life = new AbortController();
  const signal = AbortSignal.any([outside.signal, life.signal]);
  const base = h("canvas", { class: "rlv-base", role: "img" });
  const cursor = compareCursor();
  const plot = h("div", { class: "rlv-plot" }, base, cursor.element);
  const wider = h("button", { class: "rlv-icon", "aria-label": "Show more steps" }, "−");
  const closer = h(
    "button",
    { class: "rlv-icon", "aria-label": "Show fewer steps", title: "zoom in (Ctrl and wheel)" },
    "+",
  );
  const zooming = h("span", { class: "rlv-zoom", role: "group", "aria-label": "Zoom" }, wider, closer);
  const element = h("div", { class: "rlv-curves" }, h("style", {}, style), zooming, plot);
  const context = context2d(base);

  let layout: Layout | null = null;
  // Observed, not read: reading it while drawing would force a layout of the page at every step.
  let width = 0;
  let hovered: number | null = null;
  let span: Span = { first: 0, last: 0 };
  let numSteps = 0;
  let planned: { of: unknown[]; list: ReturnType<typeof plans> } = { of: [], list: [] };
  let drawn: unknown[] = [];
  const strips = new Map<unknown, HTMLCanvasElement>();

  /** The part of the view that this one is in, which has the slider. */
  const timeline = () => element.closest<HTMLElement>(".rlv-timeline");
  const zoomBy = (factor: number, around: number) => {
    span = zoom(span, factor, around, numSteps);
    comparison.invalidate();
  };
  const stepAt = (event: MouseEvent): number | null =>
    layout && Math.round(xToStep(layout.axis, event.clientX - plot.getBoundingClientRect().left));
  const listen = { signal };
  closer.addEventListener("click", () => zoomBy(0.5, comparison.model.get("step")), listen);
  wider.addEventListener("click", () => zoomBy(2, comparison.model.get("step")), listen);
  plot.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button !== 0) return;
      plot.setPointerCapture(event.pointerId);
      comparison.set("playing", false);
      comparison.goTo(stepAt(event) ?? 0);
      timeline()?.querySelector<HTMLElement>(".rlv-slider")?.focus({ preventScroll: true });
      event.preventDefault();
    },
    listen,
  );
  plot.addEventListener(
    "pointermove",
    (event) => {
      hovered = stepAt(event);
      if (hovered !== null && plot.hasPointerCapture(event.pointerId)) comparison.goTo(hovered);
      comparison.invalidate();
    },
    listen,
  );
  plot.addEventListener(
    "pointerleave",
    () => {
      hovered = null;
      comparison.invalidate();
    },
    listen,
  );
  plot.addEventListener(
    "wheel",
    (event) => {
      // A plain wheel scrolls the notebook; with Ctrl it is what a pinch sends.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoomBy(Math.exp(event.deltaY / 200), stepAt(event) ?? 0);
    },
    { signal, passive: false },
  );
  const resized = new ResizeObserver(([entry]) => {
    width = entry?.contentRect.width ?? 0;
    comparison.invalidate();
  });
  resized.observe(plot);
  signal.addEventListener("abort", () => resized.disconnect(), { once: true });

  const place = (compared: CompareScene) => {
    if (numSteps !== compared.numSteps) span = { first: 0, last: compared.numSteps - 1 };
    numSteps = compared.numSteps;
    span = follow(span, compared.step, numSteps);
    const whole = Math.max(1, numSteps - 1);
    const track = timeline()?.style;
    track?.setProperty("--rlv-from", (span.first / whole).toFixed(4));
    track?.setProperty("--rlv-to", (span.last / whole).toFixed(4));
    wider.disabled = span.last - span.first >= numSteps - 1;
    closer.disabled = span.last - span.first <= SHORTEST_SPAN;
  };

  const stripOf = (strip: CompareScene["members"][number]["scene"]) => {
    const loaded = strip?.strip;
    if (!loaded) return null;
    const known = strips.get(loaded);
    if (known) return known;
    const canvas = document.createElement("canvas");
    drawStrip(canvas, loaded);
    strips.set(loaded, canvas);
    return canvas;
  };

  const arrange = (compared: CompareScene) => {
    place(compared);
    if (width === 0) return;
    const { members, aligned, selected, output } = compared;
    const data = [
      aligned,
      selected,
      output,
      ...members.flatMap(({ scene }) => [scene?.study, scene?.curves]),
    ];
    const isSame = (a: unknown[], b: unknown[]) =>
      a.length === b.length && a.every((one, index) => one === b[index]);
    if (!isSame(data, planned.of)) planned = { of: data, list: plans(compared) };
    const ratio = window.devicePixelRatio || 1;
    const inputs = [width, ratio, theme(), planned, span, ...members.map(({ scene }) => scene?.strip)];
    if (isSame(inputs, drawn)) return;
    drawn = inputs;
    layout = layOut(planned.list, members.length, width, span);
    base.width = Math.round(width * ratio);
    base.height = Math.round(layout.height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    plot.style.height = `${layout.height}px`;
    cursor.arrange(layout);
    drawComparison(
      context,
      compared,
      layout,
      theme(),
      members.map(({ scene }) => stripOf(scene)),
    );
    const lanes = layout.series.map(({ title }) => title).join(", ");
    setAttribute(base, "aria-label", `Of ${members.map(({ label }) => label).join(" and ")}: ${lanes}`);
  };

  return {
    element,
    draw(compared) {
      arrange(compared);
      if (layout && width > 0) cursor.draw(compared, layout, hovered);
    },
    close: () => life.abort(),
  };
}
