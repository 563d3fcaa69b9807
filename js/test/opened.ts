/** The synthetic study with its world opened: each pixel's class, the objects, how episodes end, forks that were tried. */

import type { Study } from "../core/study.ts";
import type { Params } from "../core/wants.ts";
import type { BranchesDescription, WorldDescription } from "../generated/traits.d.ts";
import type { StoredReply } from "../host/static_model.ts";
import { type Entry, reply } from "./answers.ts";
import { ACTIONS, CHUNK, drawFrame, ground, noise, SIZE, things } from "./world.ts";

export const WORLD: WorldDescription = {
  classes: "background wall lava coin cheese crate saw enemy agent trail velocity other".split(" "),
  colours: [
    ..."#FFFFFF #999999 #D55E00 #F0E442 #E69F00 #C9A66B #CC79A7 #0072B2 #56B4E9".split(" "),
    ..."#009E73 #882255 #44AA99".split(" "),
  ],
  note: "",
};

/** Class of what each feature sees. */
const CLASS = [6, 3, 7, 7, 1, 1, 2, 5];
const AGENT = 8;

/** The classes of a frame's pixels, row by row. */
export function maskAt(trajectory: number, step: number): Uint8Array {
  const codes = new Uint8Array(SIZE * SIZE);
  const scroll = Math.floor(step * 1.3);
  for (let x = 0; x < SIZE; x++)
    for (let y = ground(trajectory, x + scroll); y < SIZE; y++) codes[y * SIZE + x] = 1;
  for (const [index, { feature, x: cx, y: cy, radius }] of things(trajectory, step).entries())
    for (let y = Math.floor(cy - radius); y <= cy + radius; y++)
      for (let x = Math.max(0, Math.floor(cx - radius)); x <= Math.min(SIZE - 1, cx + radius); x++)
        if (Math.hypot(x - cx, y - cy) <= radius)
          codes[y * SIZE + x] = index === 0 ? AGENT : (CLASS[feature] ?? 11);
  return codes;
}

/** The frame that the last action of an episode led to: the next one, the agent gone up in a flash. */
function ending(study: Study, trajectory: number, index: number): StoredReply {
  const episode = study.trajectories[trajectory]?.episodes[index];
  if (study.endings !== "" || !episode?.cause) return reply({ found: false }, []);
  const at_step = episode.stop - 1;
  const frame = new Uint8Array(SIZE * SIZE * 3);
  drawFrame(trajectory, episode.stop, frame, 0);
  for (const { x: cx, y: cy } of things(trajectory, episode.stop).slice(0, 1))
    for (let y = 0; y < SIZE; y++)
      for (let x = 0; x < SIZE; x++)
        if (Math.abs(Math.hypot(x - cx, y - cy) - 6) < 1) frame.set([255, 255, 255], 3 * (y * SIZE + x));
  const names = episode.cause === "timeout" ? [] : episode.cause.split(" and ");
  const objects = names.map((name, at) => ({
    key: `entity ${at + 1}`,
    object_class: name.split(" ")[0] ?? "",
    x: 12.5 + at,
    y: 3.5,
  }));
  const told = { found: true, at_step, cause: episode.cause, objects, sufficient: true, necessary: true };
  return reply(told, [["frame", ["height", "width", "rgb"], [SIZE, SIZE, 3], frame]]);
}

const COLUMNS = ["at_step", "instance", "class_code", "visible_pixels", "left", "top", "right", "bottom"];
const PLACES = ["centre_x", "centre_y", "vx", "vy"];

function masks(trajectory: number, start: number, count: number): StoredReply {
  const codes = new Uint8Array(count * SIZE * SIZE);
  const rows: number[][] = [];
  for (let index = 0; index < count; index++) {
    const step = start + index;
    const mask = maskAt(trajectory, step);
    codes.set(mask, index * SIZE * SIZE);
    for (const [number, { feature, x, y, radius }] of things(trajectory, step).entries()) {
      const code = number === 0 ? AGENT : (CLASS[feature] ?? 11);
      if (code === 1 || x < -radius || x > SIZE + radius) continue;
      const [left, top] = [Math.floor(x - radius), Math.floor(y - radius)];
      const side = Math.ceil(2 * radius) + 1;
      let visible = 0;
      for (let row = top; row < top + side; row++)
        for (let column = Math.max(0, left); column < Math.min(SIZE, left + side); column++)
          if (mask[row * SIZE + column] === code) visible++;
      const place = [(x + step * 1.3) / 5, (SIZE - y) / 5, feature === 2 ? -0.1 : 0, 0];
      rows.push([step, number, code, visible, left, top, left + side, top + side, ...place]);
    }
  }
  const column = (index: number) => Int32Array.from(rows, (row) => row[index] ?? 0);
  const whole = COLUMNS.map((name, index): Entry => [name, ["object"], [rows.length], column(index)]);
  const places = PLACES.map((name, index): Entry => {
    const data = Float32Array.from(rows, (row) => row[COLUMNS.length + index] ?? 0);
    return [name, ["object"], [rows.length], data];
  });
  return reply({ computed: true }, [
    ["object_class", ["step", "height", "width"], [count, SIZE, SIZE], codes],
    ...whole,
    ...places,
  ]);
}

/** A fork whose first branch repeats what happened; of the others some die, some complete the level. */
export function syntheticFork(
  name: string,
  trajectory: number,
  step: number,
  { numBranches = 8, numSteps = 50, seed = 0, actions = "", edits = [] as string[] } = {},
): BranchesDescription {
  const members = Array.from({ length: numBranches }, (_, member) => {
    const fate = member === 0 ? 0 : noise(31, trajectory, step, member, seed);
    const taken = fate > 0.45 ? Math.max(2, Math.floor(numSteps * noise(32, step, member, seed))) : numSteps;
    return { taken, completed: fate > 0.8, died: fate > 0.45 && fate <= 0.8 };
  });
  return {
    name,
    trajectory,
    step,
    num_steps: numSteps,
    seed,
    agent: "coinrun",
    actions,
    edits,
    taken: members.map(({ taken }) => taken),
    causes: members.map(({ completed, died }, member) =>
      completed ? "coin" : died ? (member % 2 ? "saw" : "enemy moving left") : "",
    ),
    completed: members.map(({ completed }) => completed),
    note: "",
  };
}

export const syntheticForks = (numSteps: number): BranchesDescription[] => [
  syntheticFork("a second try", 0, Math.floor(numSteps * 0.16)),
  syntheticFork("no saw", 0, Math.floor(numSteps * 0.6), { numBranches: 16, edits: ["every saw removed"] }),
  syntheticFork("elsewhere", 1, Math.floor(numSteps * 0.3), { actions: "LEFT, LEFT" }),
];

/** A branch's frame: the trajectory's own, with a shadow of the agent that goes its own way. */
export function branchFrame(fork: BranchesDescription, member: number, index: number): Uint8Array {
  const frame = new Uint8Array(SIZE * SIZE * 3);
  drawFrame(fork.trajectory, fork.step + index, frame, 0);
  if (member === 0) return frame;
  const [cx, cy] = [29 + Math.min(index, 8) * (1 + (member % 3)), 36 - Math.min(index, 10) * 2];
  for (let y = cy - 4; y <= cy + 4; y++)
    for (let x = cx - 4; x <= cx + 4; x++)
      if (index > 0 && y >= 0 && x < SIZE && Math.hypot(x - cx, y - cy) <= 4)
        frame.set([240, 240, 240], 3 * (y * SIZE + x));
  return frame;
}

function branchFrames(fork: BranchesDescription, member: number): StoredReply {
  const taken = fork.taken[member] ?? 0;
  const count = Math.min(fork.num_steps, taken + 1);
  const frames = new Uint8Array(count * SIZE * SIZE * 3);
  for (let index = 0; index < count; index++)
    frames.set(branchFrame(fork, member, index), index * SIZE * SIZE * 3);
  const steps = { length: count };
  const within = (index: number, number: number) => (index < taken ? number : Number.NaN);
  const value = Float32Array.from(steps, (_, k) => within(k, 8.5 - (member % 4) * 0.02 * k));
  const action = Int32Array.from(steps, (_, k) => (k < taken ? (member + (k >> 3)) % ACTIONS.length : -1));
  const reward = Float32Array.from(steps, (_, k) =>
    within(k, fork.completed[member] && k === taken - 1 ? 10 : 0),
  );
  return reply({ taken }, [
    ["observation", ["step", "height", "width", "rgb"], [count, SIZE, SIZE, 3], frames],
    ["action", ["step"], [count], action],
    ["reward", ["step"], [count], reward],
    ["value", ["step"], [count], value],
  ]);
}

function survival({ taken, causes, completed, num_steps: numSteps }: BranchesDescription): StoredReply {
  const share = Float32Array.from({ length: numSteps + 1 }, (_, after) => {
    const dead = taken.filter((steps, member) => causes[member] && !completed[member] && steps <= after);
    return 1 - dead.length / taken.length;
  });
  const half = 0.9 / Math.sqrt(taken.length);
  const shifted = (by: number) => share.map((one) => Math.max(0, Math.min(1, one + by)));
  const entry = (name: string, data: Float32Array): Entry => [name, ["branch_time"], [numSteps + 1], data];
  return reply({}, [
    entry("survival", share),
    entry("survival_low", shifted(-half)),
    entry("survival_high", shifted(half / 3)),
  ]);
}

/** Answers what concerns masks, endings and forks; undefined for other requests. */
export function answerOpened(study: Study, method: string, params: Params): StoredReply | undefined {
  if (method === "masks") {
    if (!study.world?.classes.length) return reply({ computed: false }, []);
    const trajectory = Number(params.trajectory);
    const start = Number(params.chunk) * CHUNK;
    const numSteps = study.trajectories[trajectory]?.num_steps ?? 0;
    return masks(trajectory, start, Math.min(numSteps, start + CHUNK) - start);
  }
  if (method === "ending") return ending(study, Number(params.trajectory), Number(params.episode));
  const fork = study.branches?.find(({ name }) => name === params.name);
  if (!fork) return undefined;
  if (method === "branch_frames") return branchFrames(fork, Number(params.branch));
  return method === "survival" ? survival(fork) : undefined;
}
