/** The status line: value, policy, reward and how far the attribution can be trusted. */
import { outputFromLogits, outputLabel } from "../core/actions.ts";
import { fixed, signed } from "../core/numbers.ts";
import { numbers, slice } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import type { Context, Panel } from "./panel.ts";
import { policyBar } from "./policy.ts";

interface Reading {
  element: HTMLElement;
  set(label: string, value: string, unit?: string): void;
}

function reading(name: string, title: string): Reading {
  const label = h("span", { class: "rlv-label" });
  const value = h("span", { class: "rlv-value" });
  const unit = h("span", { class: "rlv-unit" });
  return {
    element: h("div", { class: `rlv-reading rlv-reading-${name}`, title }, label, h("span", {}, value, unit)),
    set(text, shown, note = "") {
      setText(label, text);
      setText(value, shown);
      setText(unit, note);
    },
  };
}

const DEFAULT_TOLERANCE = 0.1;

export function status(context: Context): Panel {
  const value = reading("value", "Expected discounted return, in raw reward");
  const chosen = reading("output", "The output that is explained");
  const reward = reading("reward", "What the sampled action earned");
  const error = reading(
    "error",
    "F(a) − F(0) minus everything attributed. As long as it is small, the attribution accounts for the output",
  );
  const policy = policyBar(context);
  const element = h(
    "div",
    { class: "rlv-status" },
    h("div", { class: "rlv-readings" }, value.element, chosen.element, reward.element, error.element),
    policy.element,
  );
  return {
    element,
    draw(scene) {
      const { step, study } = scene;
      const values = numbers(scene.curves, "value");
      const expected = values[step];
      value.element.hidden = scene.curves !== undefined && values.length === 0;
      value.set("value", fixed(expected, 2), percent(expected, study.value_scale));
      const logits = slice(scene.curves, "policy_logits", step);
      const output = logits ? outputFromLogits(scene.output, logits, study.action_names) : null;
      chosen.element.hidden = scene.output === "value";
      chosen.set(outputLabel(study, scene.output), fixed(output, 2));
      const earned = numbers(scene.curves, "reward")[step];
      reward.set("reward", fixed(earned, Number.isInteger(earned) ? 0 : 2));
      setAttribute(reward.element, "data-strong", Boolean(earned));
      drawError(scene);
      policy.draw(scene);
    },
  };

  function drawError(scene: Scene): void {
    const miss = numbers(scene.totals, "completeness_error")[scene.step];
    const stored = scene.layer?.outputs.find(({ name }) => name === scene.output);
    const tolerance = stored?.tolerance ?? DEFAULT_TOLERANCE;
    const large = miss !== undefined && Math.abs(miss) > tolerance;
    error.set("completeness error", signed(miss, 3), large ? `over ${tolerance}` : "");
    setAttribute(error.element, "data-warn", large);
  }
}

/** The value as a share of one success, where the study knows what a success returns. */
function percent(value: number | undefined, scale: number | null): string {
  if (value === undefined || !scale || !Number.isFinite(value)) return "";
  return `${Math.round((100 * value) / scale)} %`;
}
