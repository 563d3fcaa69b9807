/** A made-up world that can be changed, and a stand-in for the kernel that imagines it. */
import { type Edit, type Point, worldOf } from "../core/counterfactual.ts";
import { BACKGROUND, type WorldObject } from "../core/counterfactual_sight.ts";
import type { Params } from "../core/wants.ts";
import { StaticModel, type StoredReply } from "../host/static_model.ts";
import { answer, reply } from "./answers.ts";
import { packed, syntheticStudy } from "./synthetic.ts";
import { ACTIONS, CELLS, FEATURES, noise, SIZE } from "./world.ts";

/** Cells across the frame; a cell has four pixels. */
const ACROSS = 16;
const CELL = SIZE / ACROSS;
const WALL = -1_000_000;

interface Thing {
  entity: number;
  what: string;
  x: number;
  y: number;
  hidden: boolean;
  ghost: boolean;
  theme: number;
}

interface State {
  things: Thing[];
  walls: Set<string>;
  background: number;
  velocityBox: boolean;
  presses: number;
  ended: { cause: string; reward: number; completed: boolean; presses: number } | null;
  isMaze: boolean;
}

const COLOURS: Record<string, string> = {
  agent: "#e69f00",
  saw: "#999999",
  enemy: "#d55e00",
  coin: "#f0e442",
  crate: "#8c5a2b",
  lava: "#cc3311",
  cheese: "#f0e442",
};
/** What each is worth to the agent, and which feature says so. */
const WORTH: Record<string, [worth: number, feature: number]> = {
  saw: [-1.1, 0],
  coin: [1.6, 1],
  enemy: [-0.8, 2],
  agent: [0, 3],
  crate: [0.2, 7],
  lava: [-0.6, 6],
  cheese: [1.6, 1],
};
const TOOLS = ["remove", "move", "hide", "ghost", "theme", "add"];

const thing = (entity: number, what: string, x: number, y: number): Thing => ({
  entity,
  what,
  x,
  y,
  hidden: false,
  ghost: false,
  theme: 0,
});

function start(trajectory: number, step: number, isMaze: boolean): State {
  const drift = (step % 40) / 10;
  const things = isMaze
    ? [thing(0, "agent", 2.5, 2.5), thing(-1 - (11 * ACROSS + 11), "cheese", 11.5, 11.5)]
    : [
        thing(0, "agent", 4.5, 3.5),
        thing(1, "saw", 8.5, 3.5),
        thing(2, "enemy", 11.5 - drift / 4, 3.5),
        thing(3, "crate", 13.5, 3.5),
        thing(4, "saw", 10.5, 8.5),
        thing(-1 - (3 * ACROSS + 14), "coin", 14.5, 7.5),
      ];
  if (trajectory === 2) things.splice(1);
  const walls = new Set<string>();
  for (let x = 0; x < ACROSS; x++)
    for (let y = 0; y < ACROSS; y++) {
      const isWall = isMaze
        ? x === 0 ||
          y === 0 ||
          x === 15 ||
          y === 15 ||
          (x % 2 === 0 && y % 2 === 0) ||
          (x % 4 === 0 && y !== 5 && y !== 9)
        : y < 3 || (y === 6 && x > 12);
      if (isWall) walls.add(`${x},${y}`);
    }
  return { things, walls, background: 0, velocityBox: false, presses: 0, ended: null, isMaze };
}

const keyOf = ({ entity }: Thing): string =>
  entity >= 0 ? `entity ${entity}` : `cell ${(-1 - entity) % ACROSS},${Math.floor((-1 - entity) / ACROSS)}`;

function nearest(state: State, edit: Edit): Thing {
  const [x, y] = (edit.at ?? [0, 0]) as Point;
  const same = state.things.filter(({ what }) => what === edit.what);
  const away = (one: Thing) => Math.hypot(one.x - x, one.y - y);
  const [first] = [...same].sort((a, b) => away(a) - away(b));
  if (!first || away(first) > 1) throw new Error(`NotHere: no ${edit.what} within a cell of (${x}, ${y})`);
  return first;
}

function free(state: State, what: unknown, [x, y]: Point): void {
  if (x < 0 || y < 0 || x >= ACROSS || y >= ACROSS)
    throw new Error(`ValueError: (${x}, ${y}) lies outside of the world`);
  if (state.walls.has(`${Math.floor(x)},${Math.floor(y)}`))
    throw new Error(`ValueError: an object inside a wall: ${what} at (${x}, ${y}); give it a free cell`);
}

function apply(state: State, edit: Edit): string {
  if (state.ended) throw new Error("ValueError: the episode has ended; undo the last press");
  const at = edit.at as Point | undefined;
  const to = edit.to as Point | undefined;
  const where = at ? ` at (${at[0]}, ${at[1]})` : "";
  switch (edit.kind) {
    case "remove":
      if (at) state.things = state.things.filter((one) => one !== nearest(state, edit));
      else state.things = state.things.filter(({ what }) => what !== edit.what);
      return `${edit.what}${where} removed`;
    case "hide":
      nearest(state, edit).hidden = true;
      return `${edit.what}${where} hidden`;
    case "ghost":
      nearest(state, edit).ghost = true;
      return `${edit.what}${where} made a ghost`;
    case "theme":
      for (const one of at ? [nearest(state, edit)] : state.things.filter(({ what }) => what === edit.what))
        one.theme = Number(edit.theme);
      return `look ${edit.theme} of ${edit.what}${where}`;
    case "move":
    case "teleport": {
      const one =
        edit.kind === "move" ? nearest(state, edit) : state.things.find(({ what }) => what === "agent");
      if (!one || !to) throw new Error("ValueError: nothing to move");
      free(state, one.what, to);
      [one.x, one.y] = to;
      return `${one.what} moved to (${to[0]}, ${to[1]})`;
    }
    case "add":
    case "decoy":
      if (!at) throw new Error("ValueError: where?");
      free(state, edit.what, at);
      state.things.push({
        ...thing(20 + state.things.length, String(edit.what), ...at),
        ghost: edit.kind === "decoy",
      });
      return `${edit.what} added${where}`;
    case "fill":
    case "carve": {
      const cell = String(edit.cell);
      if (state.walls.has(cell) === (edit.kind === "fill"))
        throw new Error(
          `ValueError: there is ${edit.kind === "fill" ? "a" : "no"} wall at the cell (${cell})`,
        );
      if (edit.kind === "fill") state.walls.add(cell);
      else state.walls.delete(cell);
      return `wall ${edit.kind === "fill" ? "put into" : "taken from"} cell ${cell}`;
    }
    case "background":
      state.background = Number(edit.index ?? 0);
      return `background ${edit.index ?? "none"}`;
    case "velocity_box":
      state.velocityBox = Boolean(edit.shown);
      return `velocity box ${edit.shown ? "shown" : "hidden"}`;
    case "play":
      press(state, Number(edit.action));
      return `${ACTIONS[Number(edit.action)]} pressed`;
    default:
      throw new Error(`ValueError: no edit "${edit.kind}"`);
  }
}

/** One step: the agent goes where it is told, unless there is a wall; saws and enemies end the episode. */
function press(state: State, action: number): void {
  if (state.ended) return;
  state.presses++;
  const name = ACTIONS[action] ?? "";
  const agent = state.things.find(({ what }) => what === "agent");
  if (!agent) return;
  const right = Number(name.includes("RIGHT")) - Number(name.includes("LEFT"));
  const up = Number(name.includes("UP")) - Number(name.includes("DOWN"));
  const next: Point = [agent.x + right / 2, agent.y + up / 2];
  if (!state.walls.has(`${Math.floor(next[0])},${Math.floor(next[1])}`)) [agent.x, agent.y] = next;
  const hit = state.things.find(
    (one) =>
      one !== agent &&
      !one.ghost &&
      Math.hypot(one.x - agent.x, one.y - agent.y) < 0.8 &&
      one.what !== "crate",
  );
  if (hit) {
    const completed = hit.what === "coin" || hit.what === "cheese";
    state.ended = { cause: hit.what, reward: completed ? 10 : 0, completed, presses: state.presses };
  }
}

interface Drawn {
  pixels: Uint8Array;
  ids: Int32Array;
  objects: WorldObject[];
}

function draw(state: State): Drawn {
  const pixels = new Uint8Array(3 * SIZE * SIZE);
  const ids = new Int32Array(SIZE * SIZE).fill(BACKGROUND);
  const put = (x: number, y: number, id: number, rgb: readonly number[]) => {
    if (x < 0 || y < 0 || x >= SIZE || y >= SIZE) return;
    pixels.set(
      rgb.map((part) => Math.max(0, Math.min(255, part))),
      3 * (y * SIZE + x),
    );
    ids[y * SIZE + x] = id;
  };
  const skies = [
    [118, 168, 214],
    [60, 50, 92],
    [214, 178, 130],
  ];
  for (let y = 0; y < SIZE; y++)
    for (let x = 0; x < SIZE; x++) {
      const cell = `${Math.floor(x / CELL)},${ACROSS - 1 - Math.floor(y / CELL)}`;
      if (state.walls.has(cell)) put(x, y, WALL, [122 + 10 * noise(x, y), 88, 58]);
      else
        put(
          x,
          y,
          BACKGROUND,
          (skies[state.background % 3] ?? []).map((part) => part + y / 3),
        );
    }
  const objects: WorldObject[] = [];
  for (const one of state.things) {
    const [cx, cy, radius] = [one.x * CELL, SIZE - one.y * CELL, CELL / 2];
    const colour = COLOURS[one.what] ?? "#888888";
    const rgb = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) - 25 * one.theme);
    if (!one.hidden)
      for (let y = Math.floor(cy - radius); y <= cy + radius; y++)
        for (let x = Math.floor(cx - radius); x <= cx + radius; x++)
          if (Math.hypot(x + 0.5 - cx, y + 0.5 - cy) <= radius + 0.2) put(x, y, one.entity, rgb);
    objects.push({
      id: one.entity,
      key: keyOf(one),
      object_class: one.what,
      x: one.x,
      y: one.y,
      box: [cx - radius, cy - radius, cx + radius, cy + radius],
      visible_pixels: 0,
      colour,
    });
  }
  for (const object of objects) object.visible_pixels = ids.filter((id) => id === object.id).length;
  if (state.velocityBox)
    for (let x = 0; x < 8; x++) for (let y = 0; y < 8; y++) put(x, y, BACKGROUND, [20, 20, 20]);
  return { pixels, ids, objects };
}

/** What the agent expects: every thing counts by how near it is, and by whether it can be seen. */
function value(state: State): number {
  const agent = state.things.find(({ what }) => what === "agent") ?? { x: 0, y: 0 };
  if (state.ended) return state.ended.completed ? 9.9 : 0.1;
  return state.things.reduce((sum, one) => sum + weight(one, agent), 7.2);
}

const weight = (one: Thing, agent: { x: number; y: number }): number =>
  one.hidden ? 0 : (WORTH[one.what]?.[0] ?? 0) * Math.exp(-Math.hypot(one.x - agent.x, one.y - agent.y) / 6);

function attribute(state: State) {
  const maps = new Int8Array(CELLS * CELLS * FEATURES);
  const totals = new Float32Array(FEATURES);
  const agent = state.things.find(({ what }) => what === "agent") ?? { x: 0, y: 0 };
  for (const one of state.things) {
    const [, feature] = WORTH[one.what] ?? [0, 0];
    const share = weight(one, agent);
    totals[feature] = (totals[feature] ?? 0) + share;
    for (let row = 0; row < CELLS; row++)
      for (let column = 0; column < CELLS; column++) {
        const away = Math.hypot(column + 0.5 - 2 * one.x, row + 0.5 - (CELLS - 2 * one.y));
        if (away > 2.4) continue;
        const at = (row * CELLS + column) * FEATURES + feature;
        maps[at] = Math.max(-127, Math.min(127, (maps[at] ?? 0) + 110 * share * Math.exp(-away)));
      }
  }
  return { maps, totals };
}

function policy(state: State): Float32Array {
  const danger = state.things.some(
    ({ what, hidden, x }) => (what === "saw" || what === "enemy") && !hidden && x > 4 && x < 10,
  );
  return Float32Array.from(ACTIONS, (name) =>
    name === "RIGHT" ? 2 : name === "RIGHT+UP" ? (danger ? 3 : 0.6) : -1,
  );
}

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

const flat = <T extends Uint8Array | Int8Array | Int32Array | Float32Array>(
  make: (length: number) => T,
  parts: T[],
): T => {
  const all = make(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part as never, offset);
    offset += part.length;
  }
  return all;
};

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
