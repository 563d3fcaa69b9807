/** A stand-in for the kernel that imagines a made-up world. */
import { worldOf } from "../core/counterfactual.ts";
import { BACKGROUND } from "../core/counterfactual_sight.ts";
import type { Params } from "../core/wants.ts";
import { StaticModel, type StoredReply } from "../host/static_model.ts";
import { answer, reply } from "./answers.ts";
import {
  ACROSS,
  apply,
  attribute,
  CELL,
  draw,
  policy,
  press,
  type State,
  start,
  TOOLS,
  value,
  WALL,
  weight,
} from "./counterfactual_world.ts";
import { flat } from "./flat.ts";
import { packed, syntheticStudy } from "./synthetic.ts";
import { ACTIONS, CELLS, FEATURES, noise, SIZE } from "./world.ts";

function worlds(params: Params, isMaze: boolean): [before: State, after: State, said: string[]] {
  const { trajectory, step, edits, actions } = worldOf(params as unknown as Parameters<typeof worldOf>[0]);
  const [before, after] = [start(trajectory, step, isMaze), start(trajectory, step, isMaze)];
  for (const action of actions) {
    press(before, action);
    press(after, action);
  }
  const said = edits.map((edit) => {
    if (edit.kind === "play") press(before, Number(edit.action));
    return apply(after, edit);
  });
  return [before, after, said];
}

function imagine(params: Params, isMaze: boolean): StoredReply {
  const [before, after, said] = worlds(params, isMaze);
  const both = [before, after];
  const drawn = both.map(draw);
  const thought = both.map(attribute);
  const count = isMaze ? 0 : 3;
  const result = {
    computed: true,
    display_scale: 0.2,
    axis: { low: -1.4, high: 1.4 },
    objects: drawn.map(({ objects }) => objects),
    camera: both.map(() => ({ left: 0, top: ACROSS, cell: 1 / CELL })),
    edits: said,
    ended: both.map(({ ended }) => ended),
    reasons: isMaze ? mazeReasons(after) : null,
    tools: isMaze
      ? { agent: ["move"], cheese: ["move", "remove"] }
      : {
          saw: TOOLS,
          enemy: TOOLS,
          crate: TOOLS,
          coin: ["remove", "move", "ghost", "add"],
          agent: ["move", "theme"],
        },
    palette: isMaze
      ? [
          { kind: "fill", what: null, themes: 0 },
          { kind: "carve", what: null, themes: 0 },
          { kind: "decoy", what: "cheese", themes: 0 },
        ]
      : [
          ...["saw", "enemy", "crate", "coin"].map((what) => ({ kind: "add", what, themes: 3 })),
          { kind: "decoy", what: "coin", themes: 0 },
          { kind: "fill", what: null, themes: 0 },
          { kind: "carve", what: null, themes: 0 },
        ],
    themes: isMaze ? {} : { enemy: 3, crate: 4, agent: 5 },
    backgrounds: count,
    background: after.background,
    velocity_box: isMaze ? null : after.velocityBox,
    classes: ["background", "wall", "other"],
    changed: said.length > 0,
  };
  return reply(result, [
    [
      "observation",
      ["version", "height", "width", "rgb"],
      [2, SIZE, SIZE, 3],
      flat(
        (n) => new Uint8Array(n),
        drawn.map(({ pixels }) => pixels),
      ),
    ],
    [
      "instance",
      ["version", "height", "width"],
      [2, SIZE, SIZE],
      flat(
        (n) => new Int32Array(n),
        drawn.map(({ ids }) => ids),
      ),
    ],
    [
      "object_class",
      ["version", "height", "width"],
      [2, SIZE, SIZE],
      Uint8Array.from(
        drawn.flatMap(({ ids }) => [...ids]),
        (id) => (id === WALL ? 1 : id === BACKGROUND ? 0 : 2),
      ),
    ],
    ["value", ["version"], [2], Float32Array.from(both, value)],
    [
      "policy_logits",
      ["version", "logit"],
      [2, ACTIONS.length],
      flat((n) => new Float32Array(n), both.map(policy)),
    ],
    [
      "attribution",
      ["version", "y", "x", "feature"],
      [2, CELLS, CELLS, FEATURES],
      flat(
        (n) => new Int8Array(n),
        thought.map(({ maps }) => maps),
      ),
    ],
    ["residual", ["version", "y", "x"], [2, CELLS, CELLS], new Int8Array(2 * CELLS * CELLS)],
    ["scale", ["version"], [2], Float32Array.from([0.002, 0.002])],
    [
      "total",
      ["version", "feature"],
      [2, FEATURES],
      flat(
        (n) => new Float32Array(n),
        thought.map(({ totals }) => totals),
      ),
    ],
    ["residual_total", ["version"], [2], Float32Array.from([0.03, 0.02])],
    ["completeness_error", ["version"], [2], Float32Array.from([0.004, -0.006])],
  ]);
}

/** A recorded frame's objects: what is known of it without an agent. */
function objectsOf(params: Params, isMaze: boolean): StoredReply {
  const { ids, objects } = draw(start(Number(params.trajectory), Number(params.step), isMaze));
  return reply({ objects, camera: { left: 0, top: ACROSS, cell: 1 / CELL } }, [
    ["instance", ["height", "width"], [SIZE, SIZE], ids],
  ]);
}

function mazeReasons(state: State): string[] {
  const original = start(0, 0, true).walls;
  const same = state.walls.size === original.size && [...original].every((cell) => state.walls.has(cell));
  return same ? [] : ["it has a loop around (4, 5)"];
}

function large(params: Params, isMaze: boolean): StoredReply {
  const drawn = worlds(params, isMaze)
    .slice(0, 2)
    .map((state) => draw(state as State));
  const wide = new Uint8Array(2 * 512 * 512 * 3);
  for (const [version, { pixels }] of drawn.entries())
    for (let y = 0; y < 512; y++)
      for (let x = 0; x < 512; x++) {
        const from = 3 * ((y >> 3) * SIZE + (x >> 3));
        wide.set(pixels.subarray(from, from + 3), 3 * ((version * 512 + y) * 512 + x));
      }
  return reply({}, [["large", ["version", "height", "width", "rgb"], [2, 512, 512, 3], wide]]);
}

function effects(params: Params, isMaze: boolean): StoredReply {
  const [, after] = worlds(params, isMaze);
  const agent = after.things.find(({ what }) => what === "agent") ?? { x: 0, y: 0 };
  const { objects } = draw(after);
  const attributed = after.things.map((one, index) => weight(one, agent) * (0.8 + 0.4 * noise(index, 3)));
  const lost = after.things.map((one) => (one.what === "agent" ? Number.NaN : weight(one, agent)));
  const rows = [
    ...objects.map((object) => ({
      ...object,
      why: object.object_class === "agent" ? "the agent cannot go" : "",
    })),
    { id: null, key: "wall", object_class: "wall", why: "" },
    { id: null, key: "background", object_class: "background", why: "" },
  ];
  return reply({ objects: rows }, [
    ["attributed", ["object"], [rows.length], Float32Array.from([...attributed, 0.2, 0.1])],
    ["lost", ["object"], [rows.length], Float32Array.from([...lost, Number.NaN, Number.NaN])],
  ]);
}

function playOn(params: Params, isMaze: boolean): StoredReply {
  const states = worlds(params, isMaze).slice(0, 2) as State[];
  const steps = Number(params.num_steps);
  const frames: Uint8Array[] = [];
  const [values, actions, rewards] = [[] as number[], [] as number[], [] as number[]];
  const length: number[] = [];
  for (const state of states) {
    let count = 0;
    frames.push(draw(state).pixels);
    for (let step = 0; step < steps; step++) {
      const name =
        state.things.some(({ what, ghost }) => what === "saw" && !ghost) && step === 3 ? "UP" : "RIGHT";
      const action = ACTIONS.indexOf(name);
      const isOver = state.ended !== null;
      values.push(isOver ? Number.NaN : value(state));
      actions.push(isOver ? -1 : action);
      press(state, action);
      rewards.push(isOver ? 0 : (state.ended?.reward ?? 0));
      if (!isOver) count++;
      frames.push(draw(state).pixels);
    }
    length.push(count);
  }
  const result = {
    length,
    cause: states.map(({ ended }) => ended?.cause ?? null),
    completed: states.map(({ ended }) => ended?.completed ?? null),
    total_reward: states.map(({ ended }) => ended?.reward ?? 0),
  };
  return reply(result, [
    [
      "observation",
      ["version", "played", "height", "width", "rgb"],
      [2, steps + 1, SIZE, SIZE, 3],
      flat((n) => new Uint8Array(n), frames),
    ],
    ["value", ["version", "branch_step"], [2, steps], Float32Array.from(values)],
    ["action", ["version", "branch_step"], [2, steps], Int32Array.from(actions)],
    ["reward", ["version", "branch_step"], [2, steps], Float32Array.from(rewards)],
  ]);
}

function branch(params: Params, isMaze: boolean): StoredReply {
  const steps = Number(params.num_steps) + 1;
  const rate = worlds(params, isMaze)
    .slice(0, 2)
    .map((state) => 0.01 + 0.02 * (state as State).things.filter(({ what }) => what === "saw").length);
  const share = rate.flatMap((each) => Array.from({ length: steps }, (_, step) => Math.exp(-each * step)));
  const array = (name: string, by: number): [string, string[], number[], Float32Array] => [
    name,
    ["version", "branch_step"],
    [2, steps],
    Float32Array.from(share, (value) => Math.max(0, Math.min(1, value + by))),
  ];
  const causes = rate.map((each) => ({ saw: Math.round(300 * each), coin: 4 }));
  const result = { num_branches: Number(params.num_branches), causes, mean_return: [4.1, 6.3] };
  return reply(result, [array("survival", 0), array("low", -0.12), array("high", 0.08)]);
}

export interface ImaginedOptions {
  isMaze?: boolean;
  /** Answers only what is kept, as a page without a kernel does. */
  offline?: boolean;
}

const KEPT = [
  { edits: "[]", label: "unedited" },
  { edits: '[{"kind": "remove", "what": "saw", "at": [8.5, 3.5]}]', label: "saw at (8.5, 3.5) removed" },
].map((one) => ({
  ...one,
  trajectory: 0,
  step: 12,
  actions: "",
  layer: "2b",
  output: "value",
  has: ["imagine", "effects"],
}));

/** A model whose kernel imagines worlds. */
export function counterfactualModel(
  changes: Record<string, unknown> = {},
  { isMaze = false, offline = false }: ImaginedOptions = {},
): StaticModel {
  const study = syntheticStudy({ numTrajectories: 3, numSteps: 128 });
  study.environment = isMaze ? "maze" : "coinrun";
  const state = {
    trajectory: 0,
    step: 12,
    layer: "2b",
    output: "value",
    edits: [],
    actions: [],
    selected: "",
    feature: null,
    hovered: null,
    num_branches: 32,
    num_steps: 50,
    seed: -1,
    can_compute: !offline,
    _offline: offline,
    _study: packed(study),
    _stored: offline ? KEPT : [],
    ...changes,
  };
  return new StaticModel(state, (key) => {
    const brace = key.indexOf("{");
    const [method, params] = [key.slice(0, brace), JSON.parse(key.slice(brace)) as Params];
    if (offline && !KEPT.some(({ edits, step }) => edits === params.edits && step === params.step))
      return undefined;
    if (offline && !["imagine", "effects"].includes(method)) return undefined;
    const known = { imagine, large, effects, play_on: playOn, branch, objects: objectsOf }[method];
    if (known && state.can_compute === false && !offline && method !== "objects")
      throw new Error("ValueError: this needs an agent");
    return known ? known(params, isMaze) : answer(study, method, params);
  });
}
