/** Actions: how a button combination looks, and what an output computes from the policy's logits. */
import { softmax } from "./numbers.ts";
import type { Study } from "./study.ts";

/** Compass angle (degrees clockwise from up) of a combination of directions. */
const ANGLES: Record<string, number> = {
  UP: 0,
  "RIGHT+UP": 45,
  RIGHT: 90,
  "RIGHT+DOWN": 135,
  DOWN: 180,
  "LEFT+DOWN": 225,
  LEFT: 270,
  "LEFT+UP": 315,
};

export type Glyph = { angle: number } | { text: string };

const ARROWS = "↑↗→↘↓↙←↖";

/** Atari writes buttons together: "UPRIGHTFIRE". */
const ATARI = /^(UP|DOWN)?(LEFT|RIGHT)?(FIRE)?$/;

/** An arrow for directions, with a point where a shot goes with them; a dot for doing nothing, else the shortened name. */
export function glyph(action: string): Glyph {
  const [, upright, sideways, fires] = ATARI.exec(action) ?? [];
  const held = [sideways, upright].filter(Boolean).join("+");
  const angle = ANGLES[held || action];
  if (angle !== undefined) return fires ? { text: `${ARROWS[angle / 45]}•` } : { angle };
  return { text: action === "NOOP" ? "·" : action.length > 4 ? action.slice(0, 3) : action };
}

/** The action as one character where a direction allows it: for menus, which hold only text. */
export function arrow(action: string): string {
  const angle = ANGLES[action];
  return angle === undefined ? "" : (ARROWS[angle / 45] ?? "");
}

export const OUTPUT_GROUPS = [
  "value",
  "logits",
  "centred logits",
  "log-probabilities",
  "differences",
  "sums",
];

/** The group that an output is listed under. */
export function outputGroup(output: string): string {
  if (output === "value") return "value";
  const kind = output.includes(":") ? output.slice(0, output.indexOf(":")) : "logit";
  const groups: Record<string, string> = {
    logit: "logits",
    centred: "centred logits",
    log_prob: "log-probabilities",
    difference: "differences",
    sum: "sums",
  };
  return groups[kind] ?? "logits";
}

const PHRASES: Record<string, (actions: string[]) => string> = {
  centred: ([action]) => `centred logit of ${action}`,
  log_prob: ([action]) => `log-probability of ${action}`,
  difference: ([first, second]) => `${first} minus ${second}`,
  sum: (actions) => `sum of logits of ${actions.join(", ")}`,
};

/** What a panel that shows `output` says is raised or lowered: as Python says, or the same for what it does not list. */
export function outputLabel(study: Study, output: string): string {
  const colon = output.indexOf(":");
  const phrase = PHRASES[output.slice(0, Math.max(0, colon))];
  return (
    study.outputs.find(({ name }) => name === output)?.label ??
    phrase?.(output.slice(colon + 1).split(",")) ??
    (output === "value" ? output : `logit of ${output}`)
  );
}

/** `output` computed from one frame's logits; null for "value" and for actions that the agent lacks. */
export function outputFromLogits(
  output: string,
  logits: ArrayLike<number>,
  actions: readonly string[],
): number | null {
  if (output === "value") return null;
  const colon = output.indexOf(":");
  const kind = colon < 0 ? "logit" : output.slice(0, colon);
  const indices = (colon < 0 ? output : output.slice(colon + 1))
    .split(",")
    .map((name) => actions.indexOf(name));
  const picked = indices.map((index) => (index < 0 ? Number.NaN : (logits[index] ?? Number.NaN)));
  const [first = Number.NaN, second = Number.NaN] = picked;
  let result: number;
  if (kind === "centred") result = first - mean(logits);
  else if (kind === "log_prob") result = Math.log(softmax(logits)[indices[0] ?? -1] ?? Number.NaN);
  else if (kind === "difference") result = first - second;
  else if (kind === "sum") result = picked.reduce((sum, value) => sum + value, 0);
  else result = first;
  return Number.isFinite(result) ? result : null;
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
