/** Playback controls, the step's number, the bookmarks, and what the keys do. */
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON, END, LOOP, PAUSE, PLAY, STEP } from "../views/icons.ts";
import { lazyPopover } from "../views/lazy_popover.ts";
import { activity } from "./activity.ts";
import type { Context, Panel } from "./panel.ts";

const SPEEDS = [1, 2, 4, 8, 12, 15, 24, 30, 60, 120];
/** Steps a second that count as 1×, and the multiples that the menu offers. */
const NORMAL = 12;
const MULTIPLES = [0.25, 0.5, 1, 2, 5, 10];

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
  const loop = button("Loop", "start over at the end: l", LOOP, 0, () =>
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
  const speed = h(
    "select",
    { class: "rlv-speed", "aria-label": "Speed", title: `1× is ${NORMAL} steps a second` },
    ...MULTIPLES.map((multiple) => h("option", { value: multiple * NORMAL }, `${multiple}×`)),
  );
  for (const field of [fps, speed])
    field.addEventListener(
      "change",
      () => session.set("fps", Math.max(1, Math.min(120, Number(field.value) || NORMAL))),
      { signal },
    );
  const steps = h("output", { class: "rlv-steps", "aria-live": "off" });
  const running = activity(context);
  const marks = lazyPopover(context, "bookmarks", {
    name: "Bookmarks",
    text: h("span", {}, "bookmarks"),
    title: "the most surprising steps (n and p go from one to the next)",
    plain: true,
  });
  marks.element.querySelector("button")?.append(icon(CHEVRON, 90));
  const stories = lazyPopover(context, "stories", {
    name: "Stories",
    text: h("span", {}, "stories"),
    title: "notes tied to steps: read them, write them",
    plain: true,
  });
  stories.element.querySelector("button")?.append(icon(CHEVRON, 90));
  const forks = lazyPopover(context, "forks", {
    name: "Forks",
    text: h("span", {}, "forks"),
    title: "try again from this step: what else could have happened",
    plain: true,
  });
  forks.element.querySelector("button")?.append(icon(CHEVRON, 90));
  const keys = lazyPopover(context, "keys", { name: "Keys", text: "⌨", title: "what the keys do" });
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
    speed,
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
    forks.element,
    keys.element,
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
      for (const field of [fps, speed])
        if (field !== document.activeElement && Number(field.value) !== scene.fps)
          field.value = String(scene.fps);
      setText(steps, `${scene.step} / ${Math.max(0, scene.numSteps - 1)}`);
      marks.element.hidden = scene.study.bookmarks.length === 0;
      forks.element.hidden = !scene.canCompute && !scene.study.branches;
      for (const part of [running, marks, stories, forks, keys]) part.draw(scene);
    },
  };
}
