/** Time below everything: squeezed frames and curves of the whole trajectory; drag to move through it. */
import { follow, SHORTEST_SPAN, type Span, xToStep, zoom } from "../core/timeline.ts";
import { numbers } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { context2d, h, setAttribute } from "../views/dom.ts";
import { cursor } from "./cursor.ts";
import { GUTTER, type Layout, layOut } from "./lanes.ts";
import type { Context, Panel } from "./panel.ts";
import { drawBase } from "./timeline_draw.ts";
import { drawStrip } from "./trajectories.ts";

export function timeline({ session, signal, theme }: Context): Panel {
  const slider = h("input", { class: "rlv-slider", type: "range", min: 0, step: 1, "aria-label": "Step" });
  const base = h("canvas", { class: "rlv-base", role: "img" });
  const moving = cursor();
  const plot = h("div", { class: "rlv-plot" }, base, moving.element);
  const wider = h("button", { class: "rlv-icon", "aria-label": "Show more steps" }, "−");
  const closer = h(
    "button",
    { class: "rlv-icon", "aria-label": "Show fewer steps", title: "zoom in (Ctrl and wheel)" },
    "+",
  );
  const zooming = h("span", { class: "rlv-zoom", role: "group", "aria-label": "Zoom" }, wider, closer);
  const element = h(
    "div",
    { class: "rlv-timeline" },
    h("div", { class: "rlv-slide" }, slider, zooming),
    plot,
  );
  const context = context2d(base);
  element.style.setProperty("--rlv-gutter-left", `${GUTTER.left}px`);
  element.style.setProperty("--rlv-gutter-right", `${GUTTER.right}px`);

  let layout: Layout | null = null;
  // Observed, not read: reading it while drawing would force a layout of the page at every step.
  let width = 0;
  let hovered: number | null = null;
  let strip: HTMLCanvasElement | null = null;
  let stripOf: unknown;
  let drawn: unknown[] = [];
  let span: Span = { first: 0, last: 0 };
  let spanOf = -1;
  let numSteps = 0;

  const zoomBy = (factor: number, around: number) => {
    span = zoom(span, factor, around, numSteps);
    session.invalidate();
  };
  closer.addEventListener("click", () => zoomBy(0.5, session.model.get("step")), { signal });
  wider.addEventListener("click", () => zoomBy(2, session.model.get("step")), { signal });

  slider.addEventListener("input", () => session.goTo(Number(slider.value)), { signal });
  slider.addEventListener("pointerdown", () => session.set("playing", false), { signal });

  const resized = new ResizeObserver(([entry]) => {
    width = entry?.contentRect.width ?? 0;
    session.invalidate();
  });
  resized.observe(plot);
  signal.addEventListener("abort", () => resized.disconnect(), { once: true });

  const stepAt = (event: MouseEvent): number | null =>
    layout && xToStep(layout.axis, event.clientX - plot.getBoundingClientRect().left);
  plot.addEventListener(
    "pointerdown",
    (event) => {
      if (event.button !== 0) return;
      plot.setPointerCapture(event.pointerId);
      session.set("playing", false);
      session.goTo(stepAt(event) ?? 0);
      slider.focus({ preventScroll: true });
      event.preventDefault();
    },
    { signal },
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
  plot.addEventListener(
    "pointermove",
    (event) => {
      hovered = stepAt(event);
      if (hovered !== null && plot.hasPointerCapture(event.pointerId)) session.goTo(hovered);
      session.invalidate();
    },
    { signal },
  );
  plot.addEventListener(
    "pointerleave",
    () => {
      hovered = null;
      session.invalidate();
    },
    { signal },
  );

  const place = (scene: Scene) => {
    if (spanOf !== scene.trajectory || numSteps !== scene.numSteps)
      span = { first: 0, last: scene.numSteps - 1 };
    spanOf = scene.trajectory;
    numSteps = scene.numSteps;
    span = follow(span, scene.step, numSteps);
    const whole = Math.max(1, numSteps - 1);
    slider.style.setProperty("--rlv-from", (span.first / whole).toFixed(4));
    slider.style.setProperty("--rlv-to", (span.last / whole).toFixed(4));
    wider.disabled = span.last - span.first >= numSteps - 1;
    closer.disabled = span.last - span.first <= SHORTEST_SPAN;
  };

  const arrange = (scene: Scene) => {
    place(scene);
    if (width === 0) return;
    const ratio = window.devicePixelRatio || 1;
    const inputs = [
      width,
      ratio,
      theme(),
      scene.study,
      scene.trajectory,
      scene.curves,
      scene.strip,
      scene.output,
      span,
    ];
    if (inputs.every((input, index) => input === drawn[index])) return;
    drawn = inputs;
    layout = layOut(scene, width, span);
    base.width = Math.round(width * ratio);
    base.height = Math.round(layout.height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    plot.style.height = `${layout.height}px`;
    moving.arrange(layout);
    if (stripOf !== scene.strip) {
      stripOf = scene.strip;
      strip = scene.strip ? document.createElement("canvas") : null;
      if (strip && scene.strip) drawStrip(strip, scene.strip);
    }
    drawBase(context, scene, layout, theme(), strip);
    setAttribute(base, "aria-label", `Value, advantage and reward over ${scene.numSteps} steps`);
  };

  return {
    element,
    draw(scene) {
      arrange(scene);
      if (layout && width > 0) moving.draw(scene, layout, hovered);
      setAttribute(slider, "max", Math.max(0, scene.numSteps - 1));
      if (Number(slider.value) !== scene.step) slider.value = String(scene.step);
      setAttribute(slider, "aria-valuetext", describe(scene));
    },
  };
}

function describe(scene: Scene): string {
  const action = numbers(scene.curves, "action")[scene.step];
  const reward = numbers(scene.curves, "reward")[scene.step];
  const parts = [`step ${scene.step} of ${Math.max(0, scene.numSteps - 1)}`];
  if (reward !== undefined) parts.push(`reward ${reward}`);
  const name = action === undefined ? undefined : scene.study.action_names[action];
  if (name) parts.push(`action ${name}`);
  return parts.join(", ");
}
