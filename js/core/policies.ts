/** Whole trajectories of policies, and how far two are apart at each step. */
import { unionOf } from "./compare.ts";

/** One row a step; columns are the actions, by name. */
export interface PolicyTable {
  names: readonly string[];
  chances: Float32Array;
}

/** Softmax of every step's logits (step, logit); logits beyond the actions that have names are left out. */
export function policyTable(
  names: readonly string[],
  logits: ArrayLike<number>,
  perStep: number,
): PolicyTable {
  const count = Math.min(names.length, perStep);
  const steps = perStep > 0 ? Math.floor(logits.length / perStep) : 0;
  const chances = new Float32Array(steps * names.length);
  for (let step = 0; step < steps; step++) {
    const [from, to] = [step * perStep, step * names.length];
    let peak = Number.NEGATIVE_INFINITY;
    for (let action = 0; action < count; action++) peak = Math.max(peak, logits[from + action] ?? Number.NaN);
    let total = 0;
    for (let action = 0; action < count; action++) {
      const weight = Math.exp((logits[from + action] ?? Number.NaN) - peak);
      chances[to + action] = weight;
      total += weight;
    }
    for (let action = 0; action < count; action++) chances[to + action] = (chances[to + action] ?? 0) / total;
  }
  return { names, chances };
}

/** Total variation distance of step `first` of the one and step `second` of the other, and so on, `count` times. */
export function distances(
  a: PolicyTable,
  b: PolicyTable,
  first: number,
  second: number,
  count: number,
): Float32Array {
  const columns = unionOf([a.names, b.names]).map((name) => [a.names.indexOf(name), b.names.indexOf(name)]);
  const result = new Float32Array(count);
  for (let step = 0; step < count; step++) {
    const [from, to] = [(first + step) * a.names.length, (second + step) * b.names.length];
    let sum = 0;
    for (const [one = -1, other = -1] of columns) {
      const before = one < 0 ? 0 : (a.chances[from + one] ?? Number.NaN);
      sum += Math.abs(before - (other < 0 ? 0 : (b.chances[to + other] ?? Number.NaN)));
    }
    result[step] = sum / 2;
  }
  return result;
}
