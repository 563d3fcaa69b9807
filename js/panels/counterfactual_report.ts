/** Says what a change did, for those who do not see it. */

import { words } from "../core/counterfactual_sight.ts";
import { capital, fixed, signed } from "../core/numbers.ts";
import type { Imagined } from "../host/counterfactual_reply.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { measureOf } from "../host/measure.ts";
import type { CounterfactualContext } from "./counterfactual_panel.ts";

export function counterfactualReport({ say }: CounterfactualContext): (scene: CounterfactualScene) => void {
  let last: Imagined | null = null;
  return ({ imagined, pending, world, study, output }) => {
    if (pending || !imagined || imagined === last) return;
    const isFirst = last === null;
    last = imagined;
    if (isFirst) return;
    const { name, of } = measureOf(study, output);
    const change = of(imagined.after) - of(imagined.before);
    const what =
      imagined.said.at(-1) ?? `As recorded: trajectory ${world.trajectory + 1}, step ${world.step}`;
    const ended = imagined.after.ended ? ` The episode ended: ${words(imagined.after.ended.cause)}.` : "";
    // Without an agent a frame is worth nothing.
    if (!Number.isFinite(change)) return say(`${what}.${ended}`);
    const told = `${capital(name)} ${fixed(of(imagined.after), 2)}, ${signed(change, 2)} against before`;
    say(`${what}. ${told}.${ended}`);
  };
}
