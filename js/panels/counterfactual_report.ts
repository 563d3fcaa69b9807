/** Says what a change did, for those who do not see it. */

import { words } from "../core/counterfactual_sight.ts";
import { signed } from "../core/numbers.ts";
import type { Imagined } from "../host/counterfactual_reply.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import type { CounterfactualContext } from "./counterfactual_panel.ts";

export function counterfactualReport({ say }: CounterfactualContext): (scene: CounterfactualScene) => void {
  let last: Imagined | null = null;
  return ({ imagined, pending, world }) => {
    if (pending || !imagined || imagined === last) return;
    const isFirst = last === null;
    last = imagined;
    if (isFirst) return;
    const change = imagined.after.value - imagined.before.value;
    const what =
      imagined.said.at(-1) ?? `As recorded: trajectory ${world.trajectory + 1}, step ${world.step}`;
    const ended = imagined.after.ended ? ` The episode ended: ${words(imagined.after.ended.cause)}.` : "";
    // Without an agent a frame has no value.
    if (!Number.isFinite(change)) return say(`${what}.${ended}`);
    say(`${what}. Value ${imagined.after.value.toFixed(2)}, ${signed(change, 2)} against before.${ended}`);
  };
}
