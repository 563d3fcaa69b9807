/** Original and edited agent from the same state with the same luck, in lock-step. */
import { fixed } from "../core/numbers.ts";
import type { EditorScene } from "../host/editor_scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { focusedNear } from "../views/focus.ts";
import { PLAY } from "../views/icons.ts";
import { button, enable, isEnabled, number } from "./counterfactual_panel.ts";
import type { EditorContext, EditorPanel } from "./editor_panel.ts";
import { lockstep } from "./lockstep.ts";

const MOST_STEPS = 512;

export function editorRace({ workbench, signal, theme }: EditorContext): EditorPanel {
  const { seat } = workbench;
  const film = lockstep({
    signal,
    theme,
    invalidate: workbench.invalidate,
    sides: ["original", "edited"],
    hint: "Both agents go on from this frame, with the same luck: press play and see where they part.",
    height: (width) => Math.max(120, Math.min(216, 0.36 * width)),
  });
  const play = button(
    h("span", { class: "rlv-ed-play" }, icon(PLAY), "play both"),
    { class: "rlv-button rlv-ed-go", title: "both from this frame on, in lock-step" },
    () => isEnabled(play) && start(),
    signal,
  );
  const start = () => {
    const race = workbench.gather()?.race;
    if (race?.value && !race.stale && !race.running) film.play(true);
    else workbench.race();
  };
  const steps = number(
    "Steps of the race",
    [1, MOST_STEPS],
    (value) => seat.setOption("num_steps", value),
    signal,
  );
  const seed = number(
    "Seed; −1 is the recorded luck",
    [-1, 2 ** 31 - 1],
    (value) => seat.setOption("seed", value),
    signal,
  );
  const stop = button("stop", {}, () => workbench.stop("race"), signal);
  const state = h("span", { class: "rlv-hint", role: "status" });
  const field = (text: string, control: HTMLElement) =>
    h("label", { class: "rlv-field" }, h("span", { class: "rlv-label" }, text), control);
  return {
    element: h(
      "section",
      { class: "rlv-ed-race", "aria-label": "Race" },
      h(
        "div",
        { class: "rlv-caption rlv-ed-line" },
        h("span", { class: "rlv-title" }, "side by side"),
        play,
        field("steps", steps.element),
        field("seed", seed.element),
        stop,
        state,
      ),
      film.element,
    ),
    draw(scene) {
      const { race, canRace, canCompute } = scene;
      steps.draw(seat.option("num_steps"));
      seed.draw(seat.option("seed"));
      for (const { element } of [steps, seed]) element.disabled = !canCompute;
      enable(play, canRace && !race.running);
      if (!race.running && focusedNear(stop) === stop) play.focus({ preventScroll: true });
      stop.hidden = !race.running;
      // How far it has come is not read out: only what came of it.
      setAttribute(state, "aria-live", race.running && "off");
      setText(state, stateOf(scene));
      film.draw(race.value, race.stale || race.running, scene);
    },
  };
}

function stateOf({ race }: EditorScene): string {
  const { value, running, progress, stale } = race;
  if (running)
    return progress && progress.total > 0
      ? `${progress.stage} ${progress.done} of ${progress.total}`
      : "playing…";
  if (!value) return "";
  if (stale) return "below: before the last change; play both again";
  const [original, edited] = value.rewards;
  const earned = `reward ${fixed(original, 0)} | ${fixed(edited, 0)}`;
  return value.diverged === null ? `they never part · ${earned}` : earned;
}
