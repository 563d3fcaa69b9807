/** Time below everything: squeezed frames and curves of the whole trajectory; drag to move through it. */
import { xToStep } from "../core/timeline.ts";
import { numbers } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { context2d, h, setAttribute } from "../views/dom.ts";
import { GUTTER, type Layout, layOut } from "./lanes.ts";
import type { Context, Panel } from "./panel.ts";
import { drawBase, drawCursor } from "./timeline_draw.ts";
import { drawStrip } from "./trajectories.ts";

export function timeline({ session, signal, theme }: Context): Panel {
  const slider = h("input", { class: "rlv-slider", type: "range", min: 0, step: 1, "aria-label": "Step" });
  const base = h("canvas", { class: "rlv-base", role: "img" });
  const cursor = h("canvas", { class: "rlv-cursor", "aria-hidden": "true" });
  const plot = h("div", { class: "rlv-plot" }, base, cursor);
  const element = h("div", { class: "rlv-timeline" }, slider, plot);
  const [baseContext, cursorContext] = [context2d(base), context2d(cursor)];
  element.style.setProperty("--rlv-gutter-left", `${GUTTER.left}px`);
  element.style.setProperty("--rlv-gutter-right", `${GUTTER.right}px`);

  let layout: Layout | null = null;
  let hovered: number | null = null;
  let strip: HTMLCanvasElement | null = null;
  let stripOf: unknown;
  let drawn: unknown[] = [];

  slider.addEventListener("input", () => session.goTo(Number(slider.value)), { signal });
  slider.addEventListener("pointerdown", () => session.set("playing", false), { signal });

  const stepAt = (event: PointerEvent): number | null =>
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

  const arrange = (scene: Scene) => {
    const width = plot.clientWidth;
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
    ];
    if (inputs.every((input, index) => input === drawn[index])) return;
    drawn = inputs;
    layout = layOut(scene, width);
    for (const canvas of [base, cursor]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(layout.height * ratio);
    }
    plot.style.height = `${layout.height}px`;
    for (const context of [baseContext, cursorContext]) context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (stripOf !== scene.strip) {
      stripOf = scene.strip;
      strip = scene.strip ? document.createElement("canvas") : null;
      if (strip && scene.strip) drawStrip(strip, scene.strip);
    }
    drawBase(baseContext, scene, layout, theme(), strip);
    setAttribute(base, "aria-label", `Value, advantage and reward over ${scene.numSteps} steps`);
  };

  return {
    element,
    draw(scene) {
      arrange(scene);
      if (layout) drawCursor(cursorContext, scene, layout, theme(), hovered);
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
