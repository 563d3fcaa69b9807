/** Frames and curves over time: a canvas that slides and one that stands still, drawn anew only when they must be. */
import { type Mark, marksOf } from "../core/marks.ts";
import { episodeAt } from "../core/study.ts";
import { type Axis, axisOver, perStep, type Span, stepToX } from "../core/timeline.ts";
import type { Scene } from "../host/scene.ts";
import { context2d, h, setAttribute, setText } from "../views/dom.ts";
import { cursor } from "./cursor.ts";
import { GUTTER, type Layout, layOut, series, seriesInputs } from "./lanes.ts";
import type { Context } from "./panel.ts";
import { drawAxes, drawSteps, episodeName } from "./rail.ts";
import { strips } from "./strips.ts";
import { drawSheet, holds, sheetFor } from "./timeline_draw.ts";

export interface Pointed {
  step: number;
  note: string;
}

export interface Plot {
  element: HTMLElement;
  readonly layout: Layout | null;
  readonly axis: Axis | null;
  readonly marks: readonly Mark[];
  draw(scene: Scene, span: Span, pointed: Pointed | null): void;
}

/** Tells whether any input is another than at the last call. */
export function watch(): (...inputs: unknown[]) => boolean {
  let known: unknown[] = [];
  return (...inputs) => {
    const changed = inputs.length !== known.length || inputs.some((input, index) => input !== known[index]);
    known = inputs;
    return changed;
  };
}

/** Makes a canvas as fine as the screen; it is then drawn on in pixels of the page. */
export function resize(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  const [wide, high] = [Math.ceil(width * ratio), Math.ceil(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  canvas.style.width = `${wide / ratio}px`;
  canvas.style.height = `${high / ratio}px`;
  const context = context2d(canvas);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

export function plot({ session, signal, theme }: Context): Plot {
  const sheet = h("canvas", { "aria-hidden": "true" });
  const base = h("canvas", { role: "img" });
  const ticks = h("canvas", { class: "rlv-ticks", "aria-hidden": "true" });
  const edge = h("span", { class: "rlv-first-episode", "aria-hidden": "true" });
  const moving = cursor();
  const element = h(
    "div",
    { class: "rlv-plot" },
    h("div", { class: "rlv-sheet" }, sheet),
    edge,
    base,
    ticks,
    moving.element,
  );
  // Observed, not read: reading it while drawing would force a layout of the page at every step.
  let width = 0;
  let layout: Layout | null = null;
  let axis: Axis | null = null;
  let drawn: Axis | undefined;
  let marks: Mark[] = [];
  const [newData, newStrips, newLook, newTicks] = [watch(), watch(), watch(), watch()];
  const stripsOf = strips(session);
  let list: ReturnType<typeof series> = [];

  const resized = new ResizeObserver(([entry]) => {
    width = entry?.contentRect.width ?? 0;
    session.invalidate();
  });
  resized.observe(element);
  signal.addEventListener("abort", () => resized.disconnect(), { once: true });

  const arrange = (scene: Scene) => {
    if (newData(...seriesInputs(scene))) {
      list = series(scene);
      marks = marksOf(scene.study, scene.trajectory);
      setAttribute(
        base,
        "aria-label",
        `${list.map(({ name }) => name).join(", ")} over ${scene.numSteps} steps`,
      );
    }
    if (!newLook(list, width, theme(), window.devicePixelRatio)) return;
    drawn = undefined;
    layout = layOut(list, width);
    element.style.height = `${layout.height}px`;
    moving.arrange(layout);
    ticks.style.top = `${layout.steps.top}px`;
    drawAxes(resize(base, width, layout.height), layout, theme());
  };

  const slide = (scene: Scene, { inner }: Layout, now: Axis) => {
    const next = holds(drawn, now, scene.numSteps) ? drawn : sheetFor(now, scene.numSteps);
    const images = stripsOf(scene, next);
    if (layout && (newStrips(...images.map(({ image }) => image)) || next !== drawn)) {
      drawn = next;
      drawSheet(resize(sheet, drawn.width, layout.height), scene, layout, drawn, theme(), images, marks);
    }
    // On whole pixels, or the lines would blur.
    const ratio = window.devicePixelRatio || 1;
    const offset = Math.round(stepToX({ ...now, left: 0, width: inner }, next.first) * ratio) / ratio;
    sheet.style.transform = `translateX(${offset}px)`;
  };

  /** An episode that begins out of sight keeps its name at the left edge. */
  const nameFirst = ({ episodes }: Scene, { left, first, last, width: wide }: Axis) => {
    const index = episodeAt(episodes, Math.max(0, Math.ceil(first)));
    const episode = episodes[index];
    const begun = episode && episode.start < first ? episode : undefined;
    const room = begun
      ? (Math.min(last, begun.stop) - first) * perStep({ left, first, last, width: wide })
      : 0;
    setText(edge, begun ? episodeName(context2d(base), begun, index, room) : "");
  };

  return {
    element,
    get layout() {
      return layout;
    },
    get axis() {
      return axis;
    },
    get marks() {
      return marks;
    },
    draw(scene, span, pointed) {
      if (width === 0) return;
      arrange(scene);
      if (!layout) return;
      axis = axisOver(span, GUTTER.left, layout.inner);
      slide(scene, layout, axis);
      nameFirst(scene, axis);
      if (newTicks(layout, axis.first, axis.last))
        drawSteps(resize(ticks, width, layout.steps.height), layout, axis, scene.numSteps, theme());
      moving.draw(scene, layout, axis, pointed);
    },
  };
}
