/** A frame and what was changed in it: edits as Python has them, and the way back. */
import type { Camera, WorldObject } from "./counterfactual_sight.ts";

/** One change of the world, as `to_dict` of Python's edits writes it. */
export interface Edit {
  kind: string;
  [name: string]: unknown;
}

/** A recorded frame, what was done to it (edits and buttons pressed by hand), and buttons pressed before all that. */
export interface World {
  trajectory: number;
  step: number;
  edits: readonly Edit[];
  actions: readonly number[];
}

export type Point = readonly [x: number, y: number];

const at = ({ x, y }: WorldObject): number[] => [round(x), round(y)];

/** To hundredths of a cell: finer than a pixel, and short enough to read. */
const round = (value: number): number => Math.round(100 * value) / 100;

/** What can be done to one object. Its place names it: edits mean something without this view. */
export const EDITS = {
  remove: (object: WorldObject): Edit => ({ kind: "remove", what: object.object_class, at: at(object) }),
  hide: (object: WorldObject): Edit => ({ kind: "hide", what: object.object_class, at: at(object) }),
  ghost: (object: WorldObject): Edit => ({ kind: "ghost", what: object.object_class, at: at(object) }),
  theme: (object: WorldObject, theme: number): Edit => ({
    kind: "theme",
    what: object.object_class,
    theme,
    at: at(object),
  }),
  /** The agent is moved by an edit of its own. */
  move: (object: WorldObject, [x, y]: Point): Edit =>
    object.object_class === "agent"
      ? { kind: "teleport", to: [round(x), round(y)] }
      : { kind: "move", what: object.object_class, at: at(object), to: [round(x), round(y)] },
  add: (what: string, [x, y]: Point): Edit => ({ kind: "add", what, at: [round(x), round(y)] }),
  /** Looks like it and does nothing. */
  decoy: (what: string, [x, y]: Point): Edit => ({ kind: "decoy", what, at: [round(x), round(y)] }),
  carve: (cell: Point): Edit => ({ kind: "carve", cell: [...cell] }),
  fill: (cell: Point): Edit => ({ kind: "fill", cell: [...cell] }),
  background: (index: number | null): Edit =>
    index === null ? { kind: "background" } : { kind: "background", index },
  velocity_box: (shown: boolean): Edit => ({ kind: "velocity_box", shown }),
  play: (action: number): Edit => ({ kind: "play", action }),
} as const;

/** Where copies of an object are tried, in cells from it: beside it first. */
const BESIDE: readonly Point[] = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [2, 0],
  [-2, 0],
  [0, -1],
];

/** The places for a copy, those that look free first; which of them can be taken, the world decides. */
export function placesBeside(
  { x, y }: WorldObject,
  isFree: (point: Point) => boolean,
  most = 3,
): readonly Point[] {
  const places = BESIDE.map(([right, up]): Point => [x + right, y + up]);
  return [...places.filter(isFree), ...places.filter((place) => !isFree(place))].slice(0, most);
}

/** Whether an edit says where: then it belongs to the level that it was made in. */
export const isPlaced = (edit: Edit): boolean => Array.isArray(edit.at) || "cell" in edit || "to" in edit;

/** A button that was pressed: what comes after it is done to the world that it led to. */
export const isPlay = (edit: Edit): boolean => edit.kind === "play";

/** Edits that can be replaced rather than added to: the last word about them counts. */
const REPLACED = new Set(["background", "velocity_box"]);

/** `edits` and one more. What a later edit of the same kind makes pointless goes. */
export function withEdit(edits: readonly Edit[], edit: Edit): Edit[] {
  const kept = REPLACED.has(edit.kind) ? edits.filter((one) => one.kind !== edit.kind) : [...edits];
  const last = kept.at(-1);
  // An object that is moved twice in a row was moved once.
  if (last && isSameMove(last, edit)) return [...kept.slice(0, -1), { ...last, to: edit.to }];
  return [...kept, edit];
}

function isSameMove(last: Edit, next: Edit): boolean {
  if (next.kind !== last.kind) return false;
  if (next.kind === "teleport") return true;
  return next.kind === "move" && next.what === last.what && String(next.at) === String(last.to);
}

/** `edits` without `count` of them from number `index` on. */
export const withoutEdits = (edits: readonly Edit[], index: number, count = 1): Edit[] =>
  edits.filter((_, other) => other < index || other >= index + count);

/** Edits as they are listed: buttons that were pressed one after the other are one entry. */
export interface Entry {
  index: number;
  count: number;
  plays: boolean;
}

export function entries(edits: readonly Edit[]): Entry[] {
  const list: Entry[] = [];
  for (const [index, edit] of edits.entries()) {
    const last = list.at(-1);
    if (last?.plays && isPlay(edit)) last.count++;
    else list.push({ index, count: 1, plays: isPlay(edit) });
  }
  return list;
}

/** A world as a request has it. */
export interface Asked {
  trajectory: number;
  step: number;
  edits: string;
  actions: string;
}

/**
 * As requests carry it. What the study keeps is asked for in its own words (Python writes 12.0 where JavaScript
 * writes 12): a page finds it by the text.
 */
export function askedAs(world: World, kept: readonly Asked[] = []): Asked {
  const { trajectory, step } = world;
  const key = keyOf(world);
  const same = kept.find((one) => keyOf(worldOf(one)) === key);
  return {
    trajectory,
    step,
    edits: same?.edits ?? JSON.stringify(world.edits),
    actions: same?.actions ?? world.actions.join(" "),
  };
}

export function worldOf({ trajectory, step, edits, actions }: Asked): World {
  return {
    trajectory,
    step,
    edits: JSON.parse(edits) as Edit[],
    actions: actions.split(" ").filter(Boolean).map(Number),
  };
}

/** One text for all worlds that are the same, in whatever order their edits' names are written. */
export const keyOf = ({ trajectory, step, edits, actions }: World): string =>
  JSON.stringify([trajectory, step, edits.map(ordered), actions]);

const ordered = (edit: Edit) => Object.entries(edit).sort(([a], [b]) => (a < b ? -1 : 1));

export const sameWorld = (a: World, b: World): boolean => keyOf(a) === keyOf(b);

const LONGEST = 100;

/** Worlds that were there before, and those that undoing left. */
export class History {
  #past: World[] = [];
  #future: World[] = [];

  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  /** `world` is left for another one; what was undone is forgotten. */
  leave(world: World): void {
    this.#past = [...this.#past, world].slice(-LONGEST);
    this.#future = [];
  }

  /** The world before, or (1) the one that was undone, if any; `take` when it is shown. */
  peek(direction: -1 | 1): World | undefined {
    return (direction < 0 ? this.#past : this.#future).at(-1);
  }

  /** As `peek`, after forgetting those that are no other world than `here`: somebody else has gone there. */
  pass(direction: -1 | 1, here: World): World | undefined {
    const worlds = direction < 0 ? this.#past : this.#future;
    for (let last = worlds.at(-1); last && sameWorld(last, here); last = worlds.at(-1)) worlds.pop();
    return worlds.at(-1);
  }

  take(direction: -1 | 1, left: World): void {
    const [from, to] = direction < 0 ? [this.#past, this.#future] : [this.#future, this.#past];
    from.pop();
    to.push(left);
  }
}

/** A point of the frame (in its pixels) as a place in the world: cells, y up. */
export const toWorld = ({ left, top, cell }: Camera, [px, py]: Point): Point => [
  left + px * cell,
  top - py * cell,
];

export const toFrame = ({ left, top, cell }: Camera, [x, y]: Point): Point => [
  (x - left) / cell,
  (top - y) / cell,
];

/** The grid's cell that holds a place. */
export const cellAt = ([x, y]: Point): Point => [Math.floor(x), Math.floor(y)];

/** Where the last edit of `after` has taken `object`, if it was about it: null for nowhere. */
export function placeAfter(object: WorldObject, before: World, after: World): Point | null {
  const here: Point = [object.x, object.y];
  const last = after.edits.at(-1);
  if (!last || after.edits.length < before.edits.length) return here;
  if (last.kind === "teleport" && object.object_class === "agent") return last.to as Point;
  const isAbout =
    last.what === object.object_class && Array.isArray(last.at) && isNear(last.at as number[], here);
  if (!isAbout) return here;
  if (last.kind === "remove") return after.edits.length > before.edits.length ? null : here;
  return last.kind === "move" ? (last.to as Point) : here;
}

const isNear = ([x = 0, y = 0]: readonly number[], [u, v]: Point): boolean => Math.hypot(x - u, y - v) < 0.02;
