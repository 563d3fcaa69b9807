/** A small synthetic study and a stand-in for the kernel that answers every request about it. */
import type { WireArray } from "../core/arrays.ts";
import { PALETTE, parseHex } from "../core/colours.ts";
import type { Episode, Study } from "../core/study.ts";
import type { Params } from "../core/wants.ts";
import { StaticModel, type StoredReply } from "../host/static_model.ts";

const ACTIONS = [..."LEFT+DOWN LEFT LEFT+UP DOWN NOOP UP RIGHT+DOWN RIGHT RIGHT+UP D A W S Q E".split(" ")];
const NAMES = [
  "buzzsaw",
  "coin",
  "enemy moving left",
  "agent or enemy moving right",
  "platform edge",
  "step",
  "gap below",
  "crate",
];
export const SIZE = 64;
export const CELLS = 32;
export const FEATURES = NAMES.length;
export const CHUNK = 64;

/** Deterministic noise in 0…1. */
export function noise(...seeds: number[]): number {
  let state = 0x9e3779b9;
  for (const seed of seeds) {
    state = Math.imul(state ^ Math.round(seed * 64), 0x85ebca6b);
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
    state ^= state >>> 16;
  }
  return (state >>> 0) / 4294967296;
}

export interface SyntheticOptions {
  numTrajectories?: number;
  numSteps?: number;
}

export function syntheticStudy({ numTrajectories = 8, numSteps = 512 }: SyntheticOptions = {}): Study {
  const trajectories = Array.from({ length: numTrajectories }, (_, trajectory) => {
    const episodes: Episode[] = [];
    for (let start = 0; start < numSteps; ) {
      const length = Math.floor(60 + 110 * noise(1, trajectory, start));
      const stop = Math.min(numSteps, start + length);
      const won = noise(2, trajectory, start) > 0.3;
      const outcome = stop === numSteps ? "unfinished" : won ? "completed" : "failed";
      const level_seed = Math.floor(1e7 * noise(3, trajectory, start));
      episodes.push({ start, stop, level_seed, return: outcome === "completed" ? 10 : 0, outcome });
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
  const layers = ["1a", "2a", "2b", "3a", "4a"].map((name, index) => ({
    name,
    channels: [16, 32, 32, 32, 32][index] ?? 32,
    height: [64, 32, 32, 16, 8][index] ?? 8,
    width: [64, 32, 32, 16, 8][index] ?? 8,
    features: name === "2b" ? NAMES.map((feature, k) => ({ name: feature, colour: PALETTE[k] ?? null })) : [],
    quality: { residual_share: name === "2b" ? 0.04 : null },
    outputs:
      name === "2b"
        ? [
            { name: "value", complete: true, tolerance: 0.1 },
            { name: "RIGHT", complete: true, tolerance: 0.1 },
          ]
        : [],
  }));
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
    value_scale: 10,
    observation: { height: SIZE, width: SIZE },
    chunk: CHUNK,
    seed: 0,
    trajectories,
    bookmarks: bookmarks.sort((a, b) => a.advantage - b.advantage).slice(0, 32),
    layers,
    outputs,
  };
}

interface Thing {
  feature: number;
  x: number;
  y: number;
  radius: number;
}

/** What is on screen: things on a scrolling level, each with the feature that sees it. */
function things(trajectory: number, step: number): Thing[] {
  const scroll = step * 1.3;
  const list: Thing[] = [{ feature: 3, x: 29, y: 42 - 7 * Math.abs(Math.sin(step / 7)), radius: 4 }];
  for (let slot = Math.floor((scroll - 16) / 16); slot * 16 - scroll < 80; slot++) {
    const kind = Math.floor(9 * noise(7, trajectory, slot));
    if (kind >= 8) continue;
    const x = slot * 16 - scroll + (kind === 2 ? 5 * Math.sin(step / 9) : 0);
    list.push({
      feature: kind,
      x,
      y: [43, 28, 43, 43, 36, 47, 52, 44][kind] ?? 40,
      radius: kind === 1 ? 3 : 4.5,
    });
  }
  return list;
}

function ground(trajectory: number, x: number): number {
  const slot = Math.floor(x / 12);
  return 48 + Math.floor(3 * noise(8, trajectory, slot)) * 2;
}

const HUES = [
  [112, 116, 122],
  [250, 208, 54],
  [196, 64, 72],
  [72, 96, 180],
  [150, 110, 70],
  [110, 80, 52],
  [40, 60, 90],
  [176, 128, 72],
];

function drawFrame(trajectory: number, step: number, out: Uint8Array, offset: number): void {
  const scroll = Math.floor(step * 1.3);
  const put = (x: number, y: number, colour: readonly number[], shade = 1) => {
    const pixel = offset + 3 * (y * SIZE + x);
    for (let channel = 0; channel < 3; channel++)
      out[pixel + channel] = Math.min(255, (colour[channel] ?? 0) * shade);
  };
  for (let x = 0; x < SIZE; x++) {
    const top = ground(trajectory, x + scroll);
    for (let y = 0; y < SIZE; y++)
      if (y < top) put(x, y, [118 + y, 168 + y / 2, 214]);
      else if (y < top + 2) put(x, y, [104, 158, 62]);
      else put(x, y, [122, 88, 58], 1 + 0.1 * noise(x + scroll, y));
  }
  for (const { feature, x: cx, y: cy, radius } of things(trajectory, step))
    for (let y = Math.floor(cy - radius); y <= cy + radius; y++)
      for (let x = Math.max(0, Math.floor(cx - radius)); x <= Math.min(SIZE - 1, cx + radius); x++) {
        const distance = Math.hypot(x - cx, y - cy);
        if (distance <= radius)
          put(x, y, HUES[feature] ?? [], distance > radius - 1 ? 0.6 : 1 + 0.15 * Math.sin(x * 2 + y));
      }
}

const SIGN = [-1, 1, -0.8, 0.25, 0.3, 0.2, -0.6, -0.15];

function attributionAt(trajectory: number, step: number, out: Int8Array, offset: number): void {
  for (const { feature, x, y, radius } of things(trajectory, step))
    for (let row = Math.max(0, Math.floor(y / 2 - radius)); row < Math.min(CELLS, y / 2 + radius); row++)
      for (
        let column = Math.max(0, Math.floor(x / 2 - radius));
        column < Math.min(CELLS, x / 2 + radius);
        column++
      ) {
        const distance = Math.hypot(2 * column + 1 - x, 2 * row + 1 - y) / radius;
        if (distance > 1.6) continue;
        const sign = noise(column, row, step, feature) > 0.86 ? -1 : 1;
        const value = 110 * (SIGN[feature] ?? 0) * Math.exp(-distance * distance) * sign;
        const index = offset + (row * CELLS + column) * FEATURES + feature;
        out[index] = Math.max(-127, Math.min(127, (out[index] ?? 0) + value));
      }
}

const SCALE = 0.002;

type Entry = [
  name: string,
  dims: string[],
  shape: number[],
  data: Uint8Array | Int8Array | Int32Array | Float32Array,
];

function reply(result: Record<string, unknown>, entries: Entry[]): StoredReply {
  const dtype = (data: Entry[3]): WireArray["dtype"] =>
    data instanceof Int8Array
      ? "int8"
      : data instanceof Int32Array
        ? "int32"
        : data instanceof Float32Array
          ? "float32"
          : "uint8";
  const arrays = entries.map(
    ([name, dims, shape, data]): WireArray => ({ name, dims, shape, dtype: dtype(data), encoding: "raw" }),
  );
  return {
    result: { ...result, arrays },
    buffers: entries.map(([, , , data]) => new DataView(data.buffer as ArrayBuffer)),
  };
}

/** Answers a request about `study` as Python would; undefined for what is not stored. */
export function answer(study: Study, method: string, params: Params): StoredReply | undefined {
  const trajectory = Number(params.trajectory ?? 0);
  const { num_steps: numSteps = 0, episodes = [] } = study.trajectories[trajectory] ?? {};
  const start = Number(params.chunk ?? 0) * CHUNK;
  const count = Math.min(numSteps, start + CHUNK) - start;
  const layer = study.layers.find(({ name }) => name === params.layer);
  const isStored = layer?.outputs.some(({ name }) => name === params.output);
  switch (method) {
    case "observations": {
      const data = new Uint8Array(count * SIZE * SIZE * 3);
      for (let index = 0; index < count; index++)
        drawFrame(trajectory, start + index, data, index * SIZE * SIZE * 3);
      return reply({}, [["observation", ["step", "height", "width", "rgb"], [count, SIZE, SIZE, 3], data]]);
    }
    case "attribution": {
      if (!isStored) return reply({ computed: false }, []);
      const data = new Int8Array(count * CELLS * CELLS * FEATURES);
      const residual = new Int8Array(count * CELLS * CELLS);
      for (let index = 0; index < count; index++)
        attributionAt(trajectory, start + index, data, index * CELLS * CELLS * FEATURES);
      for (let index = 0; index < residual.length; index++)
        residual[index] = 12 * noise(index, start) ** 6 - 2;
      return reply({ computed: true }, [
        ["attribution", ["step", "y", "x", "feature"], [count, CELLS, CELLS, FEATURES], data],
        ["residual", ["step", "y", "x"], [count, CELLS, CELLS], residual],
        ["scale", ["step"], [count], new Float32Array(count).fill(SCALE)],
      ]);
    }
    case "totals":
      if (!isStored) return reply({ computed: false }, []);
      return totals(trajectory, numSteps);
    case "curves":
      return curves(numSteps, episodes);
    case "strip": {
      const frame = new Uint8Array(SIZE * SIZE * 3);
      const data = new Uint8Array(SIZE * numSteps * 2 * 3);
      for (let step = 0; step < numSteps; step++) {
        drawFrame(trajectory, step, frame, 0);
        for (let y = 0; y < SIZE; y++)
          data.set(
            frame.subarray(3 * (y * SIZE + 42), 3 * (y * SIZE + 44)),
            3 * (y * numSteps * 2 + step * 2),
          );
      }
      return reply({}, [["strip", ["height", "column", "rgb"], [SIZE, numSteps * 2, 3], data]]);
    }
    case "examples":
      if (!layer?.features.length) return reply({ computed: false }, []);
      return reply({}, [
        ["thumbnail", ["feature", "height", "width", "rgba"], [FEATURES, 32, 32, 4], thumbnails()],
      ]);
    case "preview": {
      const steps = Int32Array.from({ length: Math.min(512, numSteps) }, (_, key) =>
        Math.floor((key * numSteps) / Math.min(512, numSteps)),
      );
      const data = new Uint8Array(steps.length * SIZE * SIZE * 3);
      for (const [key, step] of steps.entries()) drawFrame(trajectory, step, data, key * SIZE * SIZE * 3);
      return reply({}, [
        ["observation", ["keyframe", "height", "width", "rgb"], [steps.length, SIZE, SIZE, 3], data],
        ["keyframe_step", ["keyframe"], [steps.length], steps],
      ]);
    }
    default:
      return undefined;
  }
}

function totals(trajectory: number, numSteps: number): StoredReply {
  const total = new Float32Array(numSteps * FEATURES);
  const residual = new Float32Array(numSteps);
  const error = new Float32Array(numSteps);
  for (let step = 0; step < numSteps; step++) {
    for (const { feature, x } of things(trajectory, step))
      total[step * FEATURES + feature] =
        (total[step * FEATURES + feature] ?? 0) + (SIGN[feature] ?? 0) * Math.exp(-(((x - 32) / 24) ** 2));
    residual[step] = 0.08 * (noise(11, step) - 0.5);
    error[step] = 0.01 * (noise(12, step) - 0.5) + (step % 97 === 96 ? 0.2 : 0);
  }
  return reply({ computed: true, display_scale: 0.16, axis: { low: -1.2, high: 1.2 } }, [
    ["total", ["step", "feature"], [numSteps, FEATURES], total],
    ["residual_total", ["step"], [numSteps], residual],
    ["completeness_error", ["step"], [numSteps], error],
  ]);
}

function curves(numSteps: number, episodes: Episode[]): StoredReply {
  const [value, advantage, reward] = [
    new Float32Array(numSteps),
    new Float32Array(numSteps),
    new Float32Array(numSteps),
  ];
  const action = new Int32Array(numSteps);
  const first = new Uint8Array(numSteps);
  const logits = new Float32Array(numSteps * ACTIONS.length);
  for (const { start, stop, outcome } of episodes)
    for (let step = start; step < stop; step++) {
      const left = stop - step;
      const doomed = outcome === "failed" && left < 14 ? (14 - left) / 2.2 : 0;
      value[step] =
        8.6 +
        1.2 * Math.sin(step / 17) * noise(13, Math.floor(step / 9)) -
        doomed +
        (outcome === "completed" ? 1.2 * Math.exp(-left / 20) : 0);
      advantage[step] =
        0.3 * Math.sin(step / 5 + 9 * noise(14, start)) * noise(14, Math.floor(step / 24)) -
        (doomed > 0 ? 1.6 : 0);
      if (left === 1 && outcome === "completed") reward[step] = 10;
      first[step] = step === start ? 1 : 0;
      let best = 0;
      for (let index = 0; index < ACTIONS.length; index++) {
        const bias = { RIGHT: 2.2, "RIGHT+UP": 1.6, "RIGHT+DOWN": 0.8 }[ACTIONS[index] ?? ""] ?? -0.8;
        const logit = bias + 2 * noise(15, index, Math.floor(step / 4));
        logits[step * ACTIONS.length + index] = logit;
        if (logit > (logits[step * ACTIONS.length + best] ?? 0)) best = index;
      }
      action[step] = best;
    }
  return reply({}, [
    ["value", ["step"], [numSteps], value],
    ["advantage", ["step"], [numSteps], advantage],
    ["reward", ["step"], [numSteps], reward],
    ["policy_logits", ["step", "logit"], [numSteps, ACTIONS.length], logits],
    ["action", ["step"], [numSteps], action],
    ["first", ["step"], [numSteps], first],
  ]);
}

/** 4 × 4 patches of 8 pixels: a coloured disc on a plain ground, fading towards weaker examples. */
function thumbnails(): Uint8Array {
  const data = new Uint8Array(FEATURES * 32 * 32 * 4);
  for (let feature = 0; feature < FEATURES; feature++) {
    const rgb = parseHex(PALETTE[feature] ?? "#999999");
    for (let y = 0; y < 32; y++)
      for (let x = 0; x < 32; x++) {
        const rank = Math.floor(y / 8) * 4 + Math.floor(x / 8);
        const inside = Math.hypot((x % 8) - 3.5, (y % 8) - 3.5) < 2.6 + noise(feature, rank);
        const at = 4 * ((feature * 32 + y) * 32 + x);
        for (let channel = 0; channel < 3; channel++)
          data[at + channel] = inside ? 40 + 0.7 * (rgb[channel] ?? 0) : 110 + 60 * noise(rank, feature);
        data[at + 3] = 255 - 14 * rank;
      }
  }
  return data;
}

/** The traits of an explorer that shows `study`. */
export function traits(study: Study): Record<string, unknown> {
  return {
    trajectory: 0,
    step: 0,
    layer: "2b",
    output: "value",
    feature: null,
    hovered: null,
    playing: false,
    direction: 1,
    fps: 12,
    loop: true,
    overlay: true,
    combine: false,
    show_residual: false,
    num_steps: study.trajectories[0]?.num_steps ?? 0,
    num_trajectories: study.trajectories.length,
    can_compute: false,
    _study: study,
  };
}

/** A model whose kernel is `answer`. */
export function syntheticModel(study: Study, changes: Record<string, unknown> = {}): StaticModel {
  return new StaticModel({ ...traits(study), ...changes }, (key) => {
    const brace = key.indexOf("{");
    return answer(study, key.slice(0, brace), JSON.parse(key.slice(brace)) as Params);
  });
}
