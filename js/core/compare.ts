/** How unlike two frames and two policies are. */
import { softmax } from "./numbers.ts";

/** One frame's policy: probabilities by the names of the actions. */
export interface Policy {
  names: readonly string[];
  chances: ArrayLike<number>;
}

/** Probabilities of the actions that have names; logits beyond them are no actions. */
export function policyOf(names: readonly string[], logits: ArrayLike<number> | null): Policy | null {
  if (!logits) return null;
  return { names, chances: softmax(Array.from({ length: names.length }, (_, k) => logits[k] ?? Number.NaN)) };
}

/** Total variation distance, 0 to 1: half the sum of absolute differences, over actions matched by name. */
export function totalVariation(a: Policy, b: Policy): number {
  const chance = ({ names, chances }: Policy, name: string) => chances[names.indexOf(name)] ?? 0;
  const names = new Set([...a.names, ...b.names]);
  let sum = 0;
  for (const name of names) sum += Math.abs(chance(a, name) - chance(b, name));
  return sum / 2;
}

/** The names of all actions of several agents, in the order in which they first come. */
export const unionOf = (lists: readonly (readonly string[])[]): string[] => [...new Set(lists.flat())];

/**
 * Draws |a − b| of two frames (height, width, rgb) as grey RGBA in `out`: each pixel the largest difference among
 * its channels. Returns the share of pixels that differ.
 */
export function pixelDifference(a: Uint8Array, b: Uint8Array, out: Uint8ClampedArray): number {
  let differing = 0;
  for (let source = 0, target = 0; target < out.length; source += 3, target += 4) {
    let largest = 0;
    for (let channel = source; channel < source + 3; channel++)
      largest = Math.max(largest, Math.abs((a[channel] ?? 0) - (b[channel] ?? 0)));
    if (largest > 0) differing++;
    out[target] = largest;
    out[target + 1] = largest;
    out[target + 2] = largest;
    out[target + 3] = 255;
  }
  return differing / Math.max(1, out.length / 4);
}
