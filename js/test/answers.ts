/** What Python would answer about a synthetic study. */
import type { WireArray } from "../core/arrays.ts";
import type { Episode, Study } from "../core/study.ts";
import { type Params, STRIP_PART } from "../core/wants.ts";
import type { StoredReply } from "../host/static_model.ts";
import { answerGrid } from "./grids.ts";
import { answerOpened } from "./opened.ts";
import {
  ACTIONS,
  attributionAt,
  CELLS,
  CHUNK,
  drawFrame,
  FEATURES,
  noise,
  SIGN,
  SIZE,
  things,
  thumbnails,
} from "./world.ts";

const SCALE = 0.002;
const LONGEST_STRIP = 2048; // steps; a canvas has its limits

export type Entry = [
  name: string,
  dims: string[],
  shape: number[],
  data: Uint8Array | Int8Array | Int32Array | Float32Array,
];

export function reply(result: Record<string, unknown>, entries: Entry[]): StoredReply {
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
  const numFeatures = layer?.features.length || FEATURES;
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
      const data = new Int8Array(count * CELLS * CELLS * numFeatures);
      const residual = new Int8Array(count * CELLS * CELLS);
      for (let index = 0; index < count; index++)
        attributionAt(trajectory, start + index, data, index * CELLS * CELLS * numFeatures, numFeatures);
      for (let index = 0; index < residual.length; index++)
        residual[index] = 12 * noise(index, start) ** 6 - 2;
      return reply({ computed: true }, [
        ["attribution", ["step", "y", "x", "feature"], [count, CELLS, CELLS, numFeatures], data],
        ["residual", ["step", "y", "x"], [count, CELLS, CELLS], residual],
        ["scale", ["step"], [count], new Float32Array(count).fill(SCALE)],
      ]);
    }
    case "totals":
      if (!isStored) return reply({ computed: false }, []);
      return totals(trajectory, numSteps, numFeatures);
    case "curves":
      return curves(numSteps, episodes);
    case "strip": {
      const shown = Math.min(numSteps, LONGEST_STRIP);
      return strip(trajectory, shown, (index) => Math.floor((index * numSteps) / shown));
    }
    case "strip_part": {
      const start = STRIP_PART * Number(params.part);
      return strip(trajectory, Math.min(numSteps - start, STRIP_PART), (index) => start + index);
    }
    case "examples":
      if (!layer?.features.length) return reply({ computed: false }, []);
      return reply({}, [
        [
          "thumbnail",
          ["feature", "height", "width", "rgba"],
          [numFeatures, 32, 32, 4],
          thumbnails(numFeatures),
        ],
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
      return answerOpened(study, method, params) ?? answerGrid(study, method, params);
  }
}

/** Two columns each of `shown` frames. */
function strip(trajectory: number, shown: number, stepOf: (index: number) => number): StoredReply {
  const frame = new Uint8Array(SIZE * SIZE * 3);
  const data = new Uint8Array(SIZE * shown * 2 * 3);
  for (let index = 0; index < shown; index++) {
    drawFrame(trajectory, stepOf(index), frame, 0);
    for (let y = 0; y < SIZE; y++)
      data.set(frame.subarray(3 * (y * SIZE + 42), 3 * (y * SIZE + 44)), 3 * (y * shown * 2 + index * 2));
  }
  return reply({}, [["strip", ["height", "column", "rgb"], [SIZE, shown * 2, 3], data]]);
}

function totals(trajectory: number, numSteps: number, numFeatures: number): StoredReply {
  const total = new Float32Array(numSteps * numFeatures);
  const residual = new Float32Array(numSteps);
  const error = new Float32Array(numSteps);
  const share = new Float32Array(numSteps);
  for (let step = 0; step < numSteps; step++) {
    for (const { feature, x } of things(trajectory, step)) {
      const at = step * numFeatures + (feature % numFeatures);
      total[at] = (total[at] ?? 0) + (SIGN[feature] ?? 0) * Math.exp(-(((x - 32) / 24) ** 2));
    }
    for (let feature = FEATURES; feature < numFeatures; feature++)
      total[step * numFeatures + feature] = 0.4 * (noise(16, feature, Math.floor(step / 8)) - 0.5) ** 3;
    residual[step] = 0.08 * (noise(11, step) - 0.5);
    error[step] = 0.01 * (noise(12, step) - 0.5) + (step % 97 === 96 ? 0.2 : 0);
    const parts = total.subarray(step * numFeatures, (step + 1) * numFeatures).map(Math.abs);
    const rest = Math.abs(residual[step] ?? 0);
    share[step] = rest / (parts.reduce((sum, part) => sum + part, rest) || 1);
  }
  const limits = { completeness_error: 0.1, residual_share: 0.4 };
  const scales = { display_scale: 0.16, trajectory_scale: 0.08, axis: { low: -1.2, high: 1.2 }, limits };
  return reply({ computed: true, ...scales }, [
    ["total", ["step", "feature"], [numSteps, numFeatures], total],
    ["residual_total", ["step"], [numSteps], residual],
    ["completeness_error", ["step"], [numSteps], error],
    ["residual_share", ["step"], [numSteps], share],
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
