/** A made-up world that can be changed: what is in it, how it looks, and what its agent makes of it. */
import type { Edit, Point } from "../core/counterfactual.ts";
import { BACKGROUND, type WorldObject } from "../core/counterfactual_sight.ts";
import { ACTIONS, CELLS, FEATURES, noise, SIZE } from "./world.ts";

/** Cells across the frame; a cell has four pixels. */
export const ACROSS = 16;
export const CELL = SIZE / ACROSS;
export const WALL = -1_000_000;

export interface Thing {
  entity: number;
  what: string;
  x: number;
  y: number;
  hidden: boolean;
  ghost: boolean;
  theme: number;
}

export interface State {
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
export const TOOLS = ["remove", "move", "hide", "ghost", "theme", "add"];

const thing = (entity: number, what: string, x: number, y: number): Thing => ({
  entity,
  what,
  x,
  y,
  hidden: false,
  ghost: false,
  theme: 0,
});

export function start(trajectory: number, step: number, isMaze: boolean): State {
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

export function apply(state: State, edit: Edit): string {
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
export function press(state: State, action: number): void {
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

export function draw(state: State): Drawn {
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
export function value(state: State): number {
  const agent = state.things.find(({ what }) => what === "agent") ?? { x: 0, y: 0 };
  if (state.ended) return state.ended.completed ? 9.9 : 0.1;
  return state.things.reduce((sum, one) => sum + weight(one, agent), 7.2);
}

export const weight = (one: Thing, agent: { x: number; y: number }): number =>
  one.hidden ? 0 : (WORTH[one.what]?.[0] ?? 0) * Math.exp(-Math.hypot(one.x - agent.x, one.y - agent.y) / 6);

export function attribute(state: State) {
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

export function policy(state: State): Float32Array {
  const danger = state.things.some(
    ({ what, hidden, x }) => (what === "saw" || what === "enemy") && !hidden && x > 4 && x < 10,
  );
  return Float32Array.from(ACTIONS, (name) =>
    name === "RIGHT" ? 2 : name === "RIGHT+UP" ? (danger ? 3 : 0.6) : -1,
  );
}
