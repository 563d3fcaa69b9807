/** What happens next: the agent plays on in both worlds side by side, or many times over. */
import { keyOf, worldOf } from "../core/counterfactual.ts";
import { words } from "../core/counterfactual_sight.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { focusedNear } from "../views/focus.ts";
import { counterfactualBranches } from "./counterfactual_branches.ts";
import {
  button,
  type CounterfactualContext,
  type CounterfactualPanel,
  enable,
  isEnabled,
  number,
} from "./counterfactual_panel.ts";
import { counterfactualPath } from "./counterfactual_path.ts";

export function counterfactualFuture(context: CounterfactualContext): CounterfactualPanel {
  const { imagination, signal } = context;
  const steps = number("Steps to play on", [1, 500], (value) => imagination.set("num_steps", value), signal);
  const branches = number("Branches", [2, 256], (value) => imagination.set("num_branches", value), signal);
  const seed = number(
    "Seed; −1 is the recorded luck",
    [-1, 2 ** 31 - 1],
    (value) => imagination.set("seed", value),
    signal,
  );
  const params = () => {
    const { model } = imagination;
    return { ...imagination.params, num_steps: model.get("num_steps"), seed: model.get("seed") };
  };
  const ask = (text: string, title: string, run: () => void) => {
    const one = button(text, { title }, () => isEnabled(one) && run(), signal);
    return one;
  };
  const play = ask("play on from here", "both worlds from this frame on, in lock-step", () =>
    imagination.aside.playOn(imagination.worldKey, params()),
  );
  const branch = ask("branch", "many lives of each world: how many go on, step by step", () =>
    imagination.aside.branch(imagination.worldKey, {
      ...params(),
      num_branches: imagination.model.get("num_branches"),
    }),
  );
  const stop = button("stop", {}, () => imagination.aside.stopFutures(), signal);
  const state = h("span", { class: "rlv-hint", role: "status" });
  const path = counterfactualPath(context);
  const lives = counterfactualBranches(context);
  const field = (text: string, control: HTMLElement) =>
    h("label", { class: "rlv-field" }, control, h("span", { class: "rlv-label" }, text));
  return {
    element: h(
      "section",
      { class: "rlv-future", "aria-label": "What happens next" },
      h(
        "div",
        { class: "rlv-caption rlv-future-line" },
        h("span", { class: "rlv-title" }, "what happens next"),
        play,
        field("steps", steps.element),
        branch,
        field("branches", branches.element),
        field("seed", seed.element),
        stop,
        state,
      ),
      h("div", { class: "rlv-future-body" }, path.element, lives.element),
    ),
    draw(scene) {
      const { future, branches: many, canCompute, pending, offline, imagined } = scene;
      steps.draw(imagination.model.get("num_steps"));
      branches.draw(imagination.model.get("num_branches"));
      seed.draw(imagination.model.get("seed"));
      for (const { element } of [steps, branches, seed]) element.disabled = offline;
      const ended = Boolean(imagined?.after.ended);
      enable(play, (canCompute || keeps(context, scene)) && !pending && !ended);
      enable(branch, canCompute && !pending && !ended);
      const over = !future.running && !many.running;
      // A button that goes takes the focus with it.
      if (over && focusedNear(stop) === stop) play.focus({ preventScroll: true });
      stop.hidden = over;
      setText(state, stateOf(scene));
      path.draw(scene);
      lives.draw(scene);
      setAttribute(state, "data-stale", future.stale || many.stale);
    },
  };
}

/** Whether the study holds how the world shown goes on. */
function keeps(
  { imagination }: CounterfactualContext,
  { world, layerName, output }: CounterfactualScene,
): boolean {
  const key = keyOf(world);
  return (imagination.model.get("_stored") ?? []).some(
    (one) =>
      one.has.includes("play_on") &&
      one.layer === layerName &&
      one.output === output &&
      keyOf(worldOf(one)) === key,
  );
}

function stateOf({ future, branches, imagined }: CounterfactualScene): string {
  const running = [future, branches].find((one) => one.running);
  if (running) {
    const { progress } = running;
    return progress && progress.total > 0
      ? `${progress.stage} ${progress.done} of ${progress.total}`
      : "playing…";
  }
  if (imagined?.after.ended) return `the episode has ended: ${words(imagined.after.ended.cause)}`;
  if (future.stale || branches.stale) return "below: of the world before the last change";
  return "";
}
