/** A small synthetic study and a stand-in for the kernel that answers every request about it. */
import { PALETTE } from "../core/colours.ts";
import { packEpisodes } from "../core/episodes.ts";
import type { Episode, Layer, Study } from "../core/study.ts";
import type { Params } from "../core/wants.ts";
import type { StudyDescription } from "../generated/traits.d.ts";
import { StaticModel } from "../host/static_model.ts";
import { answer } from "./answers.ts";
import { syntheticForks, WORLD } from "./opened.ts";
import { syntheticStories } from "./stories.ts";
import { ACTIONS, CHUNK, NAMES, noise, SIZE } from "./world.ts";

export interface SyntheticOptions {
  numTrajectories?: number;
  numSteps?: number;
  stories?: boolean;
  numFeatures?: number;
  /** With the observation as a layer: plain gradients. */
  input?: boolean;
  /** With the last frame of each episode. */
  endings?: boolean;
  /** With masks and objects. */
  world?: boolean;
  forks?: boolean;
}

const DEATHS = ["saw", "enemy moving left", "timeout", "lava", "saw and enemy moving right"];

export function syntheticStudy({
  numTrajectories = 8,
  numSteps = 512,
  stories = false,
  numFeatures = NAMES.length,
  input = false,
  endings = true,
  world = false,
  forks = false,
}: SyntheticOptions = {}): Study {
  const trajectories = Array.from({ length: numTrajectories }, (_, trajectory) => {
    const episodes: Episode[] = [];
    for (let start = 0; start < numSteps; ) {
      const length = Math.floor(60 + 110 * noise(1, trajectory, start));
      const stop = Math.min(numSteps, start + length);
      const won = noise(2, trajectory, start) > 0.3;
      const outcome = stop === numSteps ? "unfinished" : won ? "completed" : "failed";
      const level_seed = Math.floor(1e7 * noise(3, trajectory, start));
      const cause =
        outcome === "unfinished" ? undefined : won ? "coin" : DEATHS[episodes.length % DEATHS.length];
      const earned = outcome === "completed" ? 10 : 0;
      episodes.push({ start, stop, level_seed, return: earned, outcome, ...(cause && { cause }) });
      start = stop;
    }
    return { num_steps: numSteps, episodes };
  });
  const bookmarks = trajectories.flatMap(({ episodes }, trajectory) =>
    episodes
      .filter(({ outcome }) => outcome !== "unfinished")
      .map(({ stop, outcome }) => {
        const kind = outcome === "failed" ? ("low" as const) : ("high" as const);
        return {
          trajectory,
          step: stop - 3,
          advantage: kind === "low" ? -4 - 4 * noise(4, stop) : noise(5, stop),
          kind,
        };
      }),
  );
  const layers: Layer[] = ["1a", "2a", "2b", "3a", "4a"].map((name, index) => ({
    name,
    channels: [16, 32, 32, 32, 32][index] ?? 32,
    height: [64, 32, 32, 16, 8][index] ?? 8,
    width: [64, 32, 32, 16, 8][index] ?? 8,
    features: name === "2b" ? features(numFeatures) : [],
    quality: { residual_share: name === "2b" ? 0.04 : null },
    outputs:
      name === "2b"
        ? [
            { name: "value", complete: true, tolerance: 0.1 },
            { name: "RIGHT", complete: true, tolerance: 0.1 },
          ]
        : [],
  }));
  if (input) layers.unshift(INPUT_LAYER);
  const outputs = [
    { name: "value", label: "value" },
    ...ACTIONS.slice(0, 9).map((name) => ({ name, label: `${name} logit` })),
    ...ACTIONS.slice(0, 9).map((name) => ({ name: `log_prob:${name}`, label: `log p(${name})` })),
    { name: "difference:RIGHT,LEFT", label: "RIGHT − LEFT" },
  ];
  return {
    schema: 1,
    agent: "coinrun",
    environment: "coinrun",
    action_names: ACTIONS,
    has_value: true,
    value_scale: 10,
    observation: { height: SIZE, width: SIZE },
    chunk: CHUNK,
    seed: 0,
    trajectories,
    bookmarks: bookmarks.sort((a, b) => a.advantage - b.advantage).slice(0, 32),
    layers,
    outputs,
    stories: stories ? syntheticStories({ trajectories }) : [],
    ...(endings && { endings: "" }),
    ...(world && { world: WORLD }),
    ...(forks && { branches: syntheticForks(numSteps) }),
  };
}

const INPUT_LAYER = {
  name: "input",
  channels: 3,
  height: 64,
  width: 64,
  features: [
    { name: "red", colour: "#ff0000" },
    { name: "green", colour: "#00ff00" },
    { name: "blue", colour: "#0000ff" },
  ],
  quality: { residual_share: 0 },
  outputs: [{ name: "value", complete: true, tolerance: 0.1 }],
};

const features = (count: number): Layer["features"] =>
  Array.from({ length: count }, (_, k) => ({
    name: NAMES[k] ?? `feature ${k}`,
    colour: PALETTE[k % PALETTE.length] ?? null,
  }));

/** The traits of an explorer that shows `study`. */
export function traits(study: Study): Record<string, unknown> {
  return {
    trajectory: 0,
    step: 0,
    layer: "2b",
    output: "value",
    more_outputs: [],
    feature: null,
    hovered: null,
    playing: false,
    direction: 1,
    fps: 12,
    loop: true,
    overlay: true,
    combine: false,
    show_residual: false,
    mode: "attribution",
    scale: "study",
    look: "standard",
    centred: false,
    view_range: [],
    selected_range: [],
    opened: null,
    objects: "off",
    branch: "",
    branch_member: 0,
    editing: false,
    edits: [],
    history: [],
    undone: [],
    _presets: [],
    _edited: [],
    num_steps: study.trajectories[0]?.num_steps ?? 0,
    num_trajectories: study.trajectories.length,
    can_compute: false,
    _study: packed(study),
  };
}

/** The study as Python describes it. */
export function packed(study: Study): StudyDescription {
  const trajectories = study.trajectories.map(({ num_steps, episodes }) => ({
    num_steps,
    episodes: packEpisodes(episodes),
  }));
  return { ...study, trajectories };
}

/** A model whose kernel is `answer`. */
export function syntheticModel(study: Study, changes: Record<string, unknown> = {}): StaticModel {
  return new StaticModel({ ...traits(study), ...changes }, (key) => {
    const brace = key.indexOf("{");
    return answer(study, key.slice(0, brace), JSON.parse(key.slice(brace)) as Params);
  });
}
