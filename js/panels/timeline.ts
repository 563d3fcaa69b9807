/** Time below everything: the step's slider, and the curves beneath it, which are fetched as soon as the view is shown. */

import { outcomeInWords } from "../core/episodes.ts";
import { fixed, signed } from "../core/numbers.ts";
import { numbers } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { h, setAttribute } from "../views/dom.ts";
import { onDemand } from "../views/on_demand.ts";
import type { Context, Panel } from "./panel.ts";

export function timeline(context: Context): Panel {
  const { session, signal } = context;
  const slider = h("input", { class: "rlv-slider", type: "range", min: 0, step: 1, "aria-label": "Step" });
  slider.addEventListener("input", () => session.goTo(Number(slider.value)), { signal });
  slider.addEventListener("pointerdown", () => session.set("playing", false), { signal });
  const below = onDemand(context, "time", { label: "the timeline", wanted: () => true });
  const element = h("div", { class: "rlv-timeline" }, slider, below.element);
  return {
    element,
    draw(scene) {
      setAttribute(element, "data-policy", !scene.study.has_value);
      setAttribute(slider, "max", Math.max(0, scene.numSteps - 1));
      if (Number(slider.value) !== scene.step) slider.value = String(scene.step);
      setAttribute(slider, "aria-valuetext", inWords(scene));
      below.draw(scene);
    },
  };
}

/** What a screen reader says of the step. */
function inWords({ step, numSteps, episode, episodes, curves, study }: Scene): string {
  const at = (name: string) => numbers(curves, name)[step];
  const parts = [`step ${step} of ${Math.max(0, numSteps - 1)}`];
  if (episodes.length > 1) parts.push(`episode ${episode + 1} of ${episodes.length}`);
  const here = episodes[episode];
  if (here && step === here.stop - 1) parts.push(outcomeInWords(here));
  const [value, advantage, reward] = [at("value"), at("advantage"), at("reward")];
  if (value !== undefined) parts.push(`value ${fixed(value, 2)}`);
  if (advantage !== undefined) parts.push(`advantage ${signed(advantage, 2)}`);
  if (reward !== undefined) parts.push(`reward ${fixed(reward, Number.isInteger(reward) ? 0 : 2)}`);
  const action = study.action_names[at("action") ?? -1];
  if (action) parts.push(`action ${action}`);
  return parts.join(", ");
}
