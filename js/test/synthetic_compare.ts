/** A comparison of synthetic studies, and a stand-in for the kernel that aligns its members. */
import type { Study } from "../core/study.ts";
import type { Params } from "../core/wants.ts";
import type { AlignmentDescription, PairDescription, TrackDescription } from "../generated/traits.d.ts";
import { StaticModel, type StoredReply } from "../host/static_model.ts";
import { answer } from "./answers.ts";
import { packed, syntheticStudy } from "./synthetic.ts";

interface Place {
  study: number;
  trajectory: number;
}

/** Two studies of one world: trajectory 0 of the second plays the first's levels with other luck. */
export function comparedStudies(numSteps = 384): Study[] {
  const first = syntheticStudy({ numTrajectories: 3, numSteps });
  const second: Study = structuredClone(first);
  second.agent = "coinrun, edited";
  second.layers = second.layers.map((layer) => (layer.name === "3a" ? { ...layer, outputs: [] } : layer));
  return [first, second];
}

/** A model of members, whose kernel answers requests and alignments. */
export function comparisonModel(
  studies: Study[],
  places: Place[],
  changes: Record<string, unknown> = {},
): StaticModel {
  const numSteps = Math.max(...places.map(({ study, trajectory }) => lengthOf(studies, study, trajectory)));
  const state = {
    step: 0,
    members: places.map(({ study, trajectory }) => `${studies[study]?.agent} ${trajectory}`),
    align: "step",
    output: "value",
    layers: places.map(() => "2b"),
    features: places.map(() => null),
    selected: 0,
    playing: false,
    direction: 1,
    fps: 12,
    loop: true,
    overlay: true,
    combine: false,
    show_difference: false,
    num_steps: numSteps,
    _members: places,
    _choices: [
      { name: "step", label: "same step", members: places.length },
      { name: "level:7", label: "level 7", members: places.length },
      { name: "end", label: "end of the first episode", members: places.length },
    ],
    _studies: studies.map(packed),
    ...changes,
  };
  return new StaticModel(state, (key) => reply(studies, places, key));
}

const lengthOf = (studies: Study[], study: number, trajectory: number): number =>
  studies[study]?.trajectories[trajectory]?.num_steps ?? 0;

function reply(studies: Study[], places: Place[], key: string): StoredReply | undefined {
  const brace = key.indexOf("{");
  const params = JSON.parse(key.slice(brace)) as Params;
  if (key.startsWith("alignment")) {
    const result = alignment(studies, places, String(params.at));
    return result && { result: { ...result }, buffers: [] };
  }
  const study = studies[Number(params.study ?? 0)];
  return study && answer(study, key.slice(0, brace), params);
}

/** What Python would say; a level is always the second episode of each member. */
function alignment(studies: Study[], places: Place[], at: string): AlignmentDescription | undefined {
  const episodesOf = ({ study, trajectory }: Place) =>
    studies[study]?.trajectories[trajectory]?.episodes ?? [];
  const index = at === "level:7" ? 1 : 0;
  const anchors = places.map((place) => {
    const episode = episodesOf(place)[index];
    const { start = 0, stop = 0 } = episode ?? {};
    if (at === "step") return { anchor: 0, start: 0, stop: lengthOf(studies, place.study, place.trajectory) };
    return { anchor: at === "end" ? stop - 1 : start, start, stop };
  });
  if (!["step", "level:7", "end"].includes(at)) return undefined;
  const zero = Math.max(...anchors.map(({ anchor, start }) => anchor - start));
  const tracks: TrackDescription[] = anchors.map(({ anchor, start, stop }) => ({
    start,
    stop,
    offset: anchor - zero,
  }));
  const num_steps = Math.max(...tracks.map(({ stop, offset }) => stop - offset));
  const pairs: PairDescription[] = [];
  for (let b = 1; b < places.length; b++)
    for (let a = 0; a < b; a++)
      pairs.push({
        members: [a, b],
        overlap: num_steps,
        comparable: true,
        observation: at === "step" ? 0 : 37,
        action: 35,
      });
  const label = at === "step" ? "same step" : at === "end" ? "end of the first episode" : "level 7";
  return { name: at, label, tracks, num_steps, zero, pairs };
}
