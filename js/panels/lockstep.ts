/** Two paths from one frame in lock-step: two frames, one time, and the value of each. */
import { glyph } from "../core/actions.ts";
import { take } from "../core/arrays.ts";
import { Clock } from "../core/clock.ts";
import { paint } from "../core/composite.ts";
import { words } from "../core/counterfactual_sight.ts";
import { fixed } from "../core/numbers.ts";
import type { Study } from "../core/study.ts";
import type { Path } from "../host/counterfactual_futures.ts";
import { measureOf } from "../host/measure.ts";
import { along } from "../host/measured_path.ts";
import { context2d, h, icon, setAttribute, setText } from "../views/dom.ts";
import { PAUSE, PLAY, STEP } from "../views/icons.ts";
import type { Theme } from "../views/theme.ts";
import { widthOf } from "./counterfactual_chart.ts";
import { button } from "./counterfactual_panel.ts";
import { drawLockstepCurve, stepUnder } from "./lockstep_curve.ts";
import { watch } from "./plot.ts";

const FPS = 12;

/** What follows from one frame, twice. */
export interface Pair {
  paths: [Path, Path];
  /** Steps of the longer one: the number of its last frame. */
  last: number;
  /** First step in which they act otherwise, if that is known and happens. */
  diverged?: number | null;
}

export interface Stage {
  signal: AbortSignal;
  theme: () => Theme;
  /** Asks for the next drawing. */
  invalidate: () => void;
  sides: readonly [string, string];
  /** What is said while there is nothing to show. */
  hint: string;
  /** Of the curves, in pixels, as wide as they are. */
  height: (width: number) => number;
}

/** Whose they are, and what is drawn of an agent without a value. */
export interface About {
  study: Study;
  output: string;
}

export interface Lockstep {
  element: HTMLElement;
  /** Plays from here, or from the start where it has ended. */
  play(playing: boolean): void;
  draw(pair: Pair | null, stale: boolean, about: About): void;
}

export function lockstep(stage: Stage): Lockstep {
  const { signal, theme, invalidate, sides: names } = stage;
  const clock = new Clock();
  let [step, isPlaying, tick] = [0, false, 0];
  let shown: Pair | null = null;
  const go = (to: number) => {
    step = Math.max(0, Math.min(shown?.last ?? 0, to));
    invalidate();
  };
  const play = (playing: boolean) => {
    if (playing && step === shown?.last) go(0);
    isPlaying = playing;
    cancelAnimationFrame(tick);
    if (playing) tick = requestAnimationFrame(turn);
    invalidate();
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
  const goBy = (to: () => number) => {
    play(false);
    go(to());
  };

  const says = (label: string) => ({ class: "rlv-icon", label, title: label.toLowerCase() });
  const back = button(icon(STEP, 180), says("Step back"), () => goBy(() => step - 1), signal);
  const toggle = button(icon(PLAY), says("Play"), () => play(!isPlaying), signal);
  const forth = button(icon(STEP), says("Step forwards"), () => goBy(() => step + 1), signal);
  const apart = button(
    "",
    { class: "rlv-button rlv-apart", title: "go to where they first act otherwise" },
    () => goBy(() => shown?.diverged ?? 0),
    signal,
  );
  const slider = h("input", {
    class: "rlv-slider",
    type: "range",
    min: 0,
    step: 1,
    "aria-label": "Step played on",
  });
  slider.addEventListener("input", () => goBy(() => Number(slider.value)), { signal });
  const at = h("output", { class: "rlv-steps", "aria-live": "off" });
  const sides = names.map((name, index) => sideOf(name, index as 0 | 1));
  const curve = h("canvas", { class: "rlv-path-curve", role: "img" });
  const width = widthOf(curve, invalidate, signal);
  for (const event of ["pointerdown", "pointermove"] as const)
    curve.addEventListener(
      event,
      ({ buttons, offsetX }) => {
        if (buttons & 1 && shown) goBy(() => stepUnder(offsetX, width(), shown?.last ?? 0));
      },
      { signal },
    );
  const anew = watch();
  let curves: { pair?: Pair; name?: string; lines: Float32Array[] } = { lines: [] };
  const transport = h("span", { class: "rlv-buttons" }, back, toggle, forth);
  const line = h("div", { class: "rlv-path-line" }, transport, slider, at, apart);
  const body = h(
    "div",
    { class: "rlv-path-body" },
    h("div", { class: "rlv-path-frames" }, ...sides.map(({ element }) => element)),
    h("div", { class: "rlv-path-time" }, line, curve),
  );
  const none = h("p", { class: "rlv-hint" }, stage.hint);
  const drawTransport = ({ last, diverged = null }: Pair) => {
    setAttribute(slider, "max", last);
    if (Number(slider.value) !== step) slider.value = String(step);
    setAttribute(slider, "aria-valuetext", `${step} of ${last} steps on`);
    setText(at, `+${step} / ${last}`);
    apart.hidden = diverged === null;
    setText(apart, `apart at +${diverged}`);
    if (toggle.dataset.playing === String(isPlaying)) return;
    toggle.dataset.playing = String(isPlaying);
    toggle.replaceChildren(icon(isPlaying ? PAUSE : PLAY));
    setAttribute(toggle, "aria-label", isPlaying ? "Pause" : "Play");
  };
  return {
    element: h("div", { class: "rlv-path" }, none, body),
    play,
    draw(pair, stale, { study, output }) {
      none.hidden = pair !== null;
      body.hidden = pair === null;
      if (!pair) return;
      if (pair !== shown) {
        shown = pair;
        step = 0;
        // Whoever asked for quiet is not shown a film that starts by itself.
        play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
      }
      setAttribute(body, "data-stale", stale);
      drawTransport(pair);
      const { name, mark } = measureOf(study, output);
      if (curves.pair !== pair || curves.name !== name)
        curves = { pair, name, lines: pair.paths.map((path) => along(path, study, output)) };
      const { lines } = curves;
      for (const [index, side] of sides.entries()) {
        const number = lines[index]?.[Math.min(step, pair.paths[index]?.length ?? 0)];
        side.draw(
          pair,
          step,
          number === undefined ? "" : `${mark} ${fixed(number, 2)}`.trim(),
          study.action_names,
        );
      }
      const wide = width();
      if (wide > 0 && anew(pair, lines, step, wide, theme(), window.devicePixelRatio)) {
        const height = Math.round(stage.height(wide));
        curve.style.height = `${height}px`;
        drawLockstepCurve(curve, [wide, height], pair, lines, step, theme());
      }
      const ends = pair.paths.map((path, index) => endOf(names[index] ?? "", path));
      setAttribute(curve, "aria-label", `${name} over ${pair.last} steps: ${ends.join("; ")}`);
      setAttribute(curve, "title", name);
    },
  };
}

function endOf(name: string, { cause, completed, length }: Path): string {
  const what = cause
    ? `${completed ? "completed" : "ended"}: ${words(cause)}, after ${length} steps`
    : "goes on";
  return `${name} ${what}`;
}

function sideOf(name: string, index: 0 | 1) {
  const canvas = h("canvas", { class: "rlv-frame", role: "img", width: 1, height: 1 });
  const note = h("span", { class: "rlv-hint" });
  const end = h("span", { class: "rlv-end" });
  let drawn: { path?: Path; at?: number } = {};
  return {
    element: h(
      "figure",
      { class: "rlv-figure" },
      h("div", { class: "rlv-film" }, canvas, end),
      h("figcaption", {}, h("span", { class: "rlv-title" }, name), note),
    ),
    draw({ paths }: Pair, step: number, worth: string, actions: readonly string[]) {
      const path = paths[index];
      const at = Math.min(step, path.length);
      const isOver = at === path.length && path.cause !== null;
      const pixels = take(path.frames, path.frames.dims, at) as Uint8Array | null;
      setText(note, isOver ? `after ${path.length} steps` : `${worth}${actOf(path, at, actions)}`);
      end.hidden = !isOver;
      setAttribute(end, "data-completed", path.completed === true);
      setText(end, `${path.completed ? "✓" : "✕"} ${words(path.cause ?? "")}`);
      const ended = isOver ? `, ${endOf(name, path)}` : "";
      setAttribute(canvas, "aria-label", `${name}, ${at} steps on${ended}`);
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

function actOf({ actions }: Path, step: number, names: readonly string[]): string {
  const name = names[actions[step] ?? -1] ?? "";
  const mark = name === "" ? null : glyph(name);
  return mark === null ? "" : ` ${"angle" in mark ? name.toLowerCase() : mark.text}`;
}
