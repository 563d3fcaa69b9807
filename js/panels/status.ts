/** The status line: value, policy, reward and how far the attribution can be trusted. */
import { outputFromLogits } from "../core/actions.ts";
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
const HIGH = "high: above 99 % of this study's steps";

export function status(context: Context): Panel {
  const value = reading("value", "Expected discounted return, in raw reward");
  const chosen = reading("output", "The output that the row with the focus explains");
  const last = reading("last", "What the action of the step before earned");
  const next = reading("reward", "The action sampled at this step, and what it earned");
  const error = reading("error", "");
  const rest = reading("rest", "");
  const policy = policyBar(context);
  const readings = [value, chosen, last, next, error, rest].map(({ element }) => element);
  return {
    element: h(
      "div",
      { class: "rlv-status" },
      h("div", { class: "rlv-readings" }, ...readings),
      policy.element,
    ),
    draw(scene) {
      const { step, study, row } = scene;
      const values = numbers(scene.curves, "value");
      const expected = values[step];
      if (study.has_value) value.set("value", fixed(expected, 2), percent(expected, study.value_scale));
      else value.set("no value head", "policy alone");
      if (!study.has_value)
        setAttribute(value.element, "title", "This agent has a policy alone: an action's logit is explained");
      else if (study.value_scale)
        setAttribute(
          value.element,
          "title",
          `Expected discounted return, in raw reward; of ${study.value_scale} for one success: the estimated discounted success probability`,
        );
      const logits = slice(scene.curves, "policy_logits", step);
      const output = logits ? outputFromLogits(row.output, logits, study.action_names) : null;
      chosen.element.hidden = row.output === "value";
      chosen.set(row.label, fixed(output, 2));
      drawRewards(scene);
      error.element.hidden = scene.gradients;
      rest.element.hidden = scene.gradients;
      drawError(scene);
      drawRest(scene);
      policy.draw(scene);
    },
  };

  function drawRewards({ curves, step, study, episodes, episode }: Scene): void {
    const rewards = numbers(curves, "reward");
    const isFirst = step === (episodes[episode]?.start ?? 0);
    last.set("last reward", isFirst ? "–" : whole(rewards[step - 1]), isFirst ? "new episode" : "");
    setAttribute(last.element, "data-strong", !isFirst && Boolean(rewards[step - 1]));
    const earned = rewards[step];
    const action = numbers(curves, "action")[step];
    const name = action === undefined ? "–" : (study.action_names[action] ?? String(action));
    next.set("next action", name, earned ? `earns ${whole(earned)}` : "");
    setAttribute(next.element, "data-strong", Boolean(earned));
  }

  /** Beyond its tolerance or beyond what is usual in this study, each in words. */
  function drawError({ row, layer, step }: Scene): void {
    const miss = numbers(row.totals, "completeness_error")[step];
    const tolerance = layer?.outputs.find(({ name }) => name === row.output)?.tolerance ?? DEFAULT_TOLERANCE;
    const large = miss !== undefined && Math.abs(miss) > tolerance;
    const high = beyond(row.totals?.result.limits, "completeness_error", miss);
    error.set("completeness error", signed(miss, 3), large ? `over ${tolerance}` : high ? "▲ high" : "");
    setAttribute(error.element, "data-warn", large);
    const what =
      "F(a) − F(0) minus everything attributed: as long as it is small, the attribution accounts for the output";
    setAttribute(error.element, "title", high ? `${what}\n${HIGH}` : what);
  }

  /** What the features leave over: of this step, and how well they fit the layer altogether. */
  function drawRest({ row, layer, step }: Scene): void {
    const share = numbers(row.totals, "residual_share")[step];
    const { r_squared: fit, seed_stability: stable, residual_share: overall } = layer?.quality ?? {};
    const high = beyond(row.totals?.result.limits, "residual_share", share);
    const note = high ? "▲ high" : fit ? `R² ${fixed(fit, 2)}` : "";
    rest.set("residual", share === undefined ? "–" : percent(share, 1) || "–", note);
    const lines = ["Share of this step's totals that no feature explains"];
    if (high) lines.push(HIGH);
    if (overall) lines.push(`${percent(overall, 1)} of the absolute attribution of the layer's cells`);
    if (fit)
      lines.push(`R² ${fixed(fit, 3)}: part of the cells' squared attribution that the features explain`);
    if (stable) lines.push(`seed stability ${fixed(stable, 2)}: mean cosine to what other random seeds find`);
    setAttribute(rest.element, "title", lines.join("\n"));
  }
}

function beyond(limits: unknown, name: string, value: number | undefined): boolean {
  const limit = (limits as Record<string, number | null> | undefined)?.[name];
  return typeof limit === "number" && value !== undefined && Math.abs(value) > limit;
}

const whole = (value: number | undefined): string => fixed(value, Number.isInteger(value) ? 0 : 2);

/** `value` as a share of `scale`, where that is known. */
function percent(value: number | undefined, scale: number | null): string {
  if (value === undefined || !scale || !Number.isFinite(value)) return "";
  return `${Math.round((100 * value) / scale)} %`;
}
