/** Playback of all members together. */
import { hasEvent, stepName } from "../host/compare_scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { END, LOOP, PAUSE, PLAY, STEP } from "../views/icons.ts";
import type { CompareContext, ComparePanel } from "./compare_panel.ts";

export function compareTransport({ comparison, signal }: CompareContext): ComparePanel {
  const button = (label: string, keys: string, path: string, rotate: number, act: () => void) => {
    const title = `${label} (${keys})`;
    const element = h("button", { class: "rlv-icon", "aria-label": label, title }, icon(path, rotate));
    element.addEventListener("click", act, { signal });
    return element;
  };
  const far = Number.MAX_SAFE_INTEGER;
  const backwards = button("Play backwards", "Space toggles", PLAY, 180, () => comparison.play(-1));
  const forwards = button("Play", "Space", PLAY, 0, () => comparison.play(1));
  const loop = button("Loop", "L: start over at the end", LOOP, 0, () =>
    comparison.set("loop", !comparison.model.get("loop")),
  );
  const fps = h("input", {
    class: "rlv-fps",
    type: "number",
    min: 1,
    max: 120,
    step: 1,
    "aria-label": "Frames per second",
  });
  fps.addEventListener(
    "change",
    () => comparison.set("fps", Math.max(1, Math.min(120, Number(fps.value) || 12))),
    { signal },
  );
  const steps = h("output", { class: "rlv-steps", "aria-live": "off" });
  const from = h("span", { class: "rlv-label" });
  const buttons = h(
    "span",
    { class: "rlv-buttons", role: "group", "aria-label": "Playback" },
    button("First step", "Home", END, 180, () => comparison.stepBy(-far)),
    button("Step back", "←", STEP, 180, () => comparison.stepBy(-1)),
    backwards,
    forwards,
    button("Step forwards", "→", STEP, 0, () => comparison.stepBy(1)),
    button("Last step", "End", END, 0, () => comparison.stepBy(far)),
  );
  const turn = (target: HTMLElement, playing: boolean, label: string, rotate: number) => {
    if (target.dataset.playing === String(playing)) return;
    target.dataset.playing = String(playing);
    target.replaceChildren(icon(playing ? PAUSE : PLAY, rotate));
    setAttribute(target, "aria-label", playing ? "Pause" : label);
  };
  const speed = h(
    "label",
    { class: "rlv-field", title: "Playback speed ([ and ] change it)" },
    fps,
    h("span", { class: "rlv-label" }, "fps"),
  );
  const keys = h("span", { class: "rlv-hint" }, "PgUp, PgDn: where they part, begin and end · d: pixels");
  const waiting = h(
    "span",
    { class: "rlv-label rlv-waiting", "aria-hidden": "true" },
    "waiting for the kernel…",
  );
  return {
    element: h(
      "div",
      { class: "rlv-transport" },
      ...[buttons, speed, loop, from, steps, waiting],
      h("span", { class: "rlv-spring" }),
      keys,
    ),
    draw(compared) {
      const { playing, direction, step, numSteps, aligned } = compared;
      turn(forwards, playing && direction > 0, "Play", 0);
      turn(backwards, playing && direction < 0, "Play backwards", 180);
      setAttribute(loop, "aria-pressed", String(compared.loop));
      if (fps !== document.activeElement && Number(fps.value) !== compared.fps)
        fps.value = String(compared.fps);
      setText(from, hasEvent(compared) ? `steps from ${aligned?.label}` : "step");
      setText(steps, hasEvent(compared) ? stepName(compared) : `${step} / ${numSteps - 1}`);
    },
  };
}
