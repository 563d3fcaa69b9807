/** Playback controls, the step slider's numbers, and the bookmarks. */
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { END, LOOP, PAUSE, PLAY, STEP } from "../views/icons.ts";
import { activity } from "./activity.ts";
import { bookmarks } from "./bookmarks.ts";
import type { Context, Panel } from "./panel.ts";
import { storyMenu } from "./story_menu.ts";

const SPEEDS = [1, 2, 4, 8, 12, 15, 24, 30, 60, 120];

/** The next slower (-1) or faster (1) of the usual speeds. */
export function otherSpeed(fps: number, direction: number): number {
  if (direction > 0) return SPEEDS.find((speed) => speed > fps) ?? 120;
  return SPEEDS.findLast((speed) => speed < fps) ?? 1;
}

export function transport(context: Context): Panel {
  const { session, signal } = context;
  const button = (label: string, keys: string, path: string, rotate: number, act: () => void) => {
    const element = h(
      "button",
      { class: "rlv-icon", "aria-label": label, title: `${label} (${keys})` },
      icon(path, rotate),
    );
    element.addEventListener("click", act, { signal });
    return element;
  };
  const count = () => Number.MAX_SAFE_INTEGER;
  const backwards = button("Play backwards", "Space toggles", PLAY, 180, () => session.play(-1));
  const forwards = button("Play", "Space", PLAY, 0, () => session.play(1));
  const loop = button("Loop", "start over at the end", LOOP, 0, () =>
    session.set("loop", !session.model.get("loop")),
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
    () => session.set("fps", Math.max(1, Math.min(120, Number(fps.value) || 12))),
    { signal },
  );
  const steps = h("output", { class: "rlv-steps", "aria-live": "off" });
  const running = activity(context);
  const marks = bookmarks(context);
  const stories = storyMenu(context);
  const element = h(
    "div",
    { class: "rlv-transport" },
    h(
      "span",
      { class: "rlv-buttons", role: "group", "aria-label": "Playback" },
      button("First step", "Home", END, 180, () => session.stepBy(-count())),
      button("Step back", "←", STEP, 180, () => session.stepBy(-1)),
      backwards,
      forwards,
      button("Step forwards", "→", STEP, 0, () => session.stepBy(1)),
      button("Last step", "End", END, 0, () => session.stepBy(count())),
    ),
    h(
      "label",
      { class: "rlv-field", title: "Playback speed ([ and ] change it)" },
      fps,
      h("span", { class: "rlv-label" }, "fps"),
    ),
    loop,
    h("span", { class: "rlv-label rlv-step-label" }, "step"),
    steps,
    h("span", { class: "rlv-label rlv-waiting", "aria-hidden": "true" }, "waiting for the kernel…"),
    h("span", { class: "rlv-spring" }),
    running.element,
    marks.element,
    stories.element,
  );
  const turn = (target: HTMLElement, playing: boolean, label: string, rotate: number) => {
    if (target.dataset.playing === String(playing)) return;
    target.dataset.playing = String(playing);
    target.replaceChildren(icon(playing ? PAUSE : PLAY, rotate));
    setAttribute(target, "aria-label", playing ? "Pause" : label);
  };
  return {
    element,
    draw(scene) {
      turn(forwards, scene.playing && scene.direction > 0, "Play", 0);
      turn(backwards, scene.playing && scene.direction < 0, "Play backwards", 180);
      setAttribute(loop, "aria-pressed", String(scene.loop));
      if (fps !== document.activeElement && Number(fps.value) !== scene.fps) fps.value = String(scene.fps);
      setText(steps, `${scene.step} / ${Math.max(0, scene.numSteps - 1)}`);
      running.draw(scene);
      marks.draw(scene);
      stories.draw(scene);
    },
  };
}
