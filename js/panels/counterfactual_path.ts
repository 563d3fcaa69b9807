/** Both worlds played on in lock-step: two frames, one time, and the value of each. */
import { glyph } from "../core/actions.ts";
import { take } from "../core/arrays.ts";
import { Clock } from "../core/clock.ts";
import { paint } from "../core/composite.ts";
import { words } from "../core/counterfactual_sight.ts";
import { fixed } from "../core/numbers.ts";
import { valueScale, valueToY } from "../core/timeline.ts";
import type { Future, Path } from "../host/counterfactual_futures.ts";
import { context2d, h, icon, setAttribute, setText } from "../views/dom.ts";
import { PAUSE, PLAY, STEP } from "../views/icons.ts";
import { DASH, drawLine, drawScale, fine, widthOf } from "./counterfactual_chart.ts";
import { button, type CounterfactualContext, type CounterfactualPanel } from "./counterfactual_panel.ts";
import { watch } from "./plot.ts";

const SIDES = ["before", "after"] as const;
const HEIGHT = 96;
const LEFT = 34;
const FPS = 12;

export function counterfactualPath(context: CounterfactualContext): CounterfactualPanel {
  const { imagination, signal, theme } = context;
  const clock = new Clock();
  let [step, isPlaying, tick] = [0, false, 0];
  let shown: Future | null = null;
  const go = (to: number) => {
    step = Math.max(0, Math.min(shown?.last ?? 0, to));
    imagination.invalidate();
  };
  const play = (playing: boolean) => {
    if (playing && step === shown?.last) go(0);
    isPlaying = playing;
    cancelAnimationFrame(tick);
    if (playing) tick = requestAnimationFrame(turn);
    imagination.invalidate();
  };
  const turn = (now: number) => {
    if (!shown || !isPlaying) return;
    const playing = { numSteps: shown.last + 1, direction: 1, fps: FPS, loop: false };
    const { step: next, ended } = clock.advance(now, step, playing);
    if (next !== step) go(next);
    if (ended) play(false);
    else tick = requestAnimationFrame(turn);
  };
  signal.addEventListener("abort", () => cancelAnimationFrame(tick), { once: true });

  const says = (label: string) => ({ class: "rlv-icon", label, title: label.toLowerCase() });
  const back = button(icon(STEP, 180), says("Step back"), () => stepBy(-1), signal);
  const toggle = button(icon(PLAY), says("Play"), () => play(!isPlaying), signal);
  const forth = button(icon(STEP), says("Step forwards"), () => stepBy(1), signal);
  const stepBy = (count: number) => {
    play(false);
    go(step + count);
  };
  const slider = h("input", {
    class: "rlv-slider",
    type: "range",
    min: 0,
    step: 1,
    "aria-label": "Step played on",
  });
  slider.addEventListener(
    "input",
    () => {
      play(false);
      go(Number(slider.value));
    },
    { signal },
  );
  const at = h("output", { class: "rlv-steps", "aria-live": "off" });
  const sides = SIDES.map((side, index) => sideOf(side, index as 0 | 1));
  const curve = h("canvas", { class: "rlv-path-curve", role: "img" });
  const width = widthOf(curve, imagination.invalidate, signal);
  const anew = watch();
  const body = h(
    "div",
    { class: "rlv-path-body" },
    h("div", { class: "rlv-path-frames" }, ...sides.map(({ element }) => element)),
    h(
      "div",
      { class: "rlv-path-time" },
      h(
        "div",
        { class: "rlv-path-line" },
        h("span", { class: "rlv-buttons" }, back, toggle, forth),
        slider,
        at,
      ),
      curve,
    ),
  );
  const none = h(
    "p",
    { class: "rlv-hint" },
    "The agent plays on from this frame: as recorded, and as changed.",
  );
  return {
    element: h("div", { class: "rlv-path" }, none, body),
    draw({ future, imagined }) {
      none.hidden = future.value !== null;
      body.hidden = future.value === null;
      if (!future.value || !imagined) return;
      if (future.value !== shown) {
        shown = future.value;
        step = 0;
        // Whoever asked for quiet is not shown a film that starts by itself.
        play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
      }
      setAttribute(body, "data-stale", future.stale || future.running);
      setAttribute(slider, "max", shown.last);
      if (Number(slider.value) !== step) slider.value = String(step);
      setAttribute(slider, "aria-valuetext", `${step} of ${shown.last} steps on`);
      setText(at, `+${step} / ${shown.last}`);
      if (toggle.dataset.playing !== String(isPlaying)) {
        toggle.dataset.playing = String(isPlaying);
        toggle.replaceChildren(icon(isPlaying ? PAUSE : PLAY));
        setAttribute(toggle, "aria-label", isPlaying ? "Pause" : "Play");
      }
      for (const side of sides) side.draw(shown, step, imagination.study?.action_names ?? []);
      if (width() > 0 && anew(shown, step, width(), theme(), window.devicePixelRatio))
        drawCurve(curve, width(), shown, step, theme());
      setAttribute(
        curve,
        "aria-label",
        `value over ${shown.last} steps: ${shown.paths.map(endOf).join("; ")}`,
      );
    },
  };
}

function endOf({ cause, completed, length }: Path, side: number): string {
  const what = cause
    ? `${completed ? "completed" : "ended"}: ${words(cause)}, after ${length} steps`
    : "goes on";
  return `${SIDES[side]} ${what}`;
}

function sideOf(name: (typeof SIDES)[number], index: 0 | 1) {
  const canvas = h("canvas", { class: "rlv-frame", role: "img", width: 1, height: 1 });
  const note = h("span", { class: "rlv-hint" });
  let drawn: { path?: Path; at?: number } = {};
  return {
    element: h(
      "figure",
      { class: "rlv-figure" },
      canvas,
      h("figcaption", {}, h("span", { class: "rlv-title" }, name), note),
    ),
    draw({ paths }: Future, step: number, actions: readonly string[]) {
      const path = paths[index];
      const at = Math.min(step, path.length);
      const pixels = take(path.frames, path.frames.dims, at) as Uint8Array | null;
      setText(note, noteOf(path, at, actions));
      setAttribute(
        canvas,
        "aria-label",
        `${name}, ${at} steps on${at === path.length && path.cause ? `, ${endOf(path, index)}` : ""}`,
      );
      if (!pixels || (drawn.path === path && drawn.at === at)) return;
      drawn = { path, at };
      const [, height = 64, width = 64] = path.frames.shape;
      canvas.width = width;
      canvas.height = height;
      const image = new ImageData(width, height);
      paint(pixels, image.data);
      context2d(canvas).putImageData(image, 0, 0);
    },
  };
}

function noteOf(
  { values, actions, length, cause, completed }: Path,
  step: number,
  names: readonly string[],
): string {
  if (step >= length && cause) return `${completed ? "✓" : "✕"} ${words(cause)}, step +${length}`;
  const name = names[actions[step] ?? -1] ?? "";
  const mark = name === "" ? null : glyph(name);
  const act = mark === null ? "" : ` ${"angle" in mark ? name.toLowerCase() : mark.text}`;
  return `V ${fixed(values[step], 2)}${act}`;
}

function drawCurve(
  canvas: HTMLCanvasElement,
  width: number,
  { paths, last }: Future,
  step: number,
  theme: Parameters<typeof drawScale>[4],
): void {
  const plot = fine(canvas, width, HEIGHT);
  const lane = { top: 6, height: HEIGHT - 12 };
  const values = paths.flatMap(({ values: own, length }) => Array.from(own.subarray(0, length)));
  const scale = valueScale(values);
  const right = width - 6;
  drawScale(plot, lane, [LEFT, right], scale, theme);
  const x = (index: number) => LEFT + (index / Math.max(1, last)) * (right - LEFT);
  const y = (value: number) => valueToY(lane, scale, value);
  for (const [index, path] of paths.entries()) {
    const colour = index === 0 ? theme.muted : theme.text;
    drawLine(plot, path.values, path.length, x, y, { colour, dash: DASH[SIDES[index] ?? "after"] });
    if (!path.cause) continue;
    const end = path.length - 1;
    drawEnd(plot.context, x(end + 1), y(path.values[end] ?? scale.low), colour, path.completed === true);
  }
  plot.context.fillStyle = theme.accent;
  plot.context.fillRect(x(step) - 1, 0, 2, HEIGHT);
}

/** A filled circle where a level was completed, a cross where it ended otherwise. */
function drawEnd(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  colour: string,
  completed: boolean,
): void {
  context.beginPath();
  if (completed) {
    context.arc(x, y, 3.5, 0, 2 * Math.PI);
    context.fillStyle = colour;
    context.fill();
    return;
  }
  for (const sign of [-1, 1]) {
    context.moveTo(x - 4, y - 4 * sign);
    context.lineTo(x + 4, y + 4 * sign);
  }
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.stroke();
}
