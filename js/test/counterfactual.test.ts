import { describe, expect, test } from "vitest";
import {
  askedAs,
  cellAt,
  EDITS,
  type Edit,
  entries,
  History,
  isPlaced,
  keyOf,
  placeAfter,
  placesBeside,
  sameWorld,
  toFrame,
  toWorld,
  type World,
  withEdit,
  withoutEdits,
  worldOf,
} from "../core/counterfactual.ts";
import { correlation, type Effect, reach, sorted, turned } from "../core/counterfactual_effects.ts";
import { actionOf, runs } from "../core/counterfactual_hand.ts";
import {
  BACKGROUND,
  called,
  carried,
  cellsBetween,
  type Instances,
  neighbour,
  objectAt,
  outline,
  readingOrder,
  type WorldObject,
} from "../core/counterfactual_sight.ts";
import { ACTIONS } from "./world.ts";

function thing(id: number, name: string, x: number, y: number, top = 0): WorldObject {
  return {
    id,
    key: `entity ${id}`,
    object_class: name,
    x,
    y,
    box: [4 * x, top, 4 * x + 4, top + 4],
    visible_pixels: 7,
    colour: "#999999",
  };
}

const SAW = thing(5, "saw", 12.5, 3.5);
const world = (edits: Edit[], actions: number[] = []): World => ({ trajectory: 1, step: 40, edits, actions });

describe("edits", () => {
  test("name an object by its class and place, as Python has them", () => {
    expect(EDITS.remove(SAW)).toEqual({ kind: "remove", what: "saw", at: [12.5, 3.5] });
    expect(EDITS.move(SAW, [4.123456, 2])).toEqual({
      kind: "move",
      what: "saw",
      at: [12.5, 3.5],
      to: [4.12, 2],
    });
    expect(EDITS.move(thing(0, "agent", 2, 3), [4, 5])).toEqual({ kind: "teleport", to: [4, 5] });
    expect(EDITS.background(null)).toEqual({ kind: "background" });
  });

  test("an object that is moved twice in a row was moved once; another one's moves stay apart", () => {
    const first = withEdit([], EDITS.move(SAW, [10, 4]));
    const again = withEdit(first, EDITS.move({ ...SAW, x: 10, y: 4 }, [8, 4]));
    expect(again).toEqual([{ kind: "move", what: "saw", at: [12.5, 3.5], to: [8, 4] }]);
    expect(withEdit(first, EDITS.move(thing(6, "saw", 2, 2), [8, 4]))).toHaveLength(2);
    expect(withEdit([EDITS.play(7), ...first], EDITS.play(7))).toHaveLength(3);
  });

  test("of backgrounds only the last one counts; pressed buttons all do", () => {
    const edits = [EDITS.background(1), EDITS.remove(SAW), EDITS.background(2)].reduce(
      withEdit,
      [] as Edit[],
    );
    expect(edits.map(({ kind }) => kind)).toEqual(["remove", "background"]);
    expect([EDITS.play(7), EDITS.play(7)].reduce(withEdit, [] as Edit[])).toHaveLength(2);
  });

  test("buttons that follow each other are one entry, which goes as a whole", () => {
    const edits = [EDITS.play(7), EDITS.play(8), EDITS.remove(SAW), EDITS.play(7)];
    expect(entries(edits)).toEqual([
      { index: 0, count: 2, plays: true },
      { index: 2, count: 1, plays: false },
      { index: 3, count: 1, plays: true },
    ]);
    expect(withoutEdits(edits, 0, 2)).toEqual(edits.slice(2));
  });

  test("only those that name a place belong to their level", () => {
    expect([EDITS.remove(SAW), EDITS.carve([1, 2]), EDITS.move(SAW, [1, 1])].every(isPlaced)).toBe(true);
    expect([{ kind: "remove", what: "saw" }, EDITS.background(3)].some(isPlaced)).toBe(false);
  });

  test("a world that is kept is asked for in the words that it is kept in", () => {
    const text = '[{"at":[12.0,3.5],"kind":"remove","what":"saw"}]';
    const kept = { trajectory: 1, step: 40, edits: text, actions: "7 8" };
    const same = world([{ kind: "remove", what: "saw", at: [12, 3.5] }], [7, 8]);
    expect(askedAs(same, [kept])).toEqual(kept);
    expect(askedAs(same).edits).not.toBe(text);
    expect(keyOf(worldOf(kept))).toBe(keyOf(same));
    expect(sameWorld(same, world([], [7, 8]))).toBe(false);
  });

  test("copies are tried beside the object, where nothing is drawn first", () => {
    const free = ([x]: readonly [number, number]) => x < SAW.x;
    expect(placesBeside(SAW, free)[0]).toEqual([11.5, 3.5]);
    expect(placesBeside(SAW, () => false)).toHaveLength(3);
  });

  test("what is selected stays selected where the edit has taken it, and not when it is gone", () => {
    const before = world([]);
    expect(placeAfter(SAW, before, world([EDITS.remove(SAW)]))).toBeNull();
    expect(placeAfter(SAW, before, world([EDITS.move(SAW, [4, 4])]))).toEqual([4, 4]);
    expect(placeAfter(SAW, before, world([EDITS.remove(thing(6, "saw", 2, 2))]))).toEqual([12.5, 3.5]);
    const agent = thing(0, "agent", 2, 2);
    expect(placeAfter(agent, before, world([EDITS.move(agent, [9, 9])]))).toEqual([9, 9]);
  });
});

describe("History", () => {
  const [a, b, c] = [world([]), world([EDITS.remove(SAW)]), world([EDITS.hide(SAW)])];

  test("goes back and forth through everything that was left", () => {
    const history = new History();
    expect([history.canUndo, history.canRedo]).toEqual([false, false]);
    history.leave(a);
    history.leave(b);
    expect(history.peek(-1)).toBe(b);
    history.take(-1, c);
    expect(history.peek(-1)).toBe(a);
    history.take(-1, b);
    expect(history.canUndo).toBe(false);
    expect(history.peek(1)).toBe(b);
    history.take(1, a);
    expect(history.peek(1)).toBe(c);
  });

  test("something new forgets what was undone", () => {
    const history = new History();
    history.leave(a);
    history.take(-1, b);
    history.leave(a);
    expect(history.canRedo).toBe(false);
  });
});

describe("sight", () => {
  const ids = new Int32Array(64).fill(BACKGROUND);
  for (const at of [9, 10, 17, 18]) ids[at] = 5; // two by two pixels from column 1, row 1
  ids[63] = 8;
  const instances: Instances = { width: 8, height: 8, ids };
  const objects = [SAW, thing(8, "coin", 1, 1)];

  test("an object is hit on its pixels and a little beside them", () => {
    expect(objectAt(instances, objects, [1.9, 2.1])).toBe(SAW);
    expect(objectAt(instances, objects, [3.5, 1.5])).toBe(SAW);
    expect(objectAt(instances, objects, [5, 5])).toBeNull();
    expect(objectAt(instances, [], [1.5, 1.5])).toBeNull();
    expect(objectAt(instances, objects, [-40, 900])).toBeNull();
  });

  test("the outline of two by two pixels is eight edges, and closed", () => {
    const segments = outline(instances, 5);
    expect(segments).toHaveLength(8);
    const ends = new Map<string, number>();
    for (const [x1, y1, x2, y2] of segments)
      for (const corner of [`${x1},${y1}`, `${x2},${y2}`]) ends.set(corner, (ends.get(corner) ?? 0) + 1);
    expect([...ends.values()].every((count) => count === 2)).toBe(true);
  });

  test("objects are read line by line, and the ends hold", () => {
    const list = [thing(1, "a", 9, 1, 20), thing(2, "b", 2, 1, 21), thing(3, "c", 5, 1, 0)];
    expect(readingOrder(list).map(({ id }) => id)).toEqual([3, 2, 1]);
    expect(neighbour(list, null, 1)?.id).toBe(3);
    expect(neighbour(list, null, -1)?.id).toBe(1);
    expect(neighbour(list, "entity 3", 1)?.id).toBe(2);
    expect(neighbour(list, "entity 1", 1)?.id).toBe(1);
    expect(neighbour(list, null, Number.NEGATIVE_INFINITY)?.id).toBe(3);
    expect(neighbour(list, "entity 3", Number.POSITIVE_INFINITY)?.id).toBe(1);
    expect(neighbour([], null, 1)).toBeUndefined();
  });

  test("a pixel and its place are the same point, there and back", () => {
    const camera = { left: 1.1, top: 14.4, cell: 0.203 };
    for (const pixel of [
      [0, 0],
      [31.5, 12],
      [64, 64],
    ] as const) {
      const [x, y] = toFrame(camera, toWorld(camera, pixel));
      expect(x).toBeCloseTo(pixel[0], 9);
      expect(y).toBeCloseTo(pixel[1], 9);
    }
    expect(toWorld(camera, [0, 0])).toEqual([1.1, 14.4]);
    expect(cellAt([2.99, 3])).toEqual([2, 3]);
  });

  test("the same object is found again near where it was, and no other class", () => {
    expect(carried(SAW, [thing(4, "saw", 12, 3.5), thing(5, "crate", 12.5, 3.5)])?.id).toBe(4);
    expect(carried(SAW, [thing(4, "saw", 2, 3.5)])).toBeNull();
    expect(carried(SAW, [thing(4, "saw", 2, 3.5)], [2, 3])?.id).toBe(4);
  });

  test("a quick stroke leaves no gap between cells", () => {
    const cells = cellsBetween([2, 3], [9, -1]);
    expect(cells[0]).toEqual([2, 3]);
    expect(cells.at(-1)).toEqual([9, -1]);
    for (let index = 1; index < cells.length; index++) {
      const [x = 0, y = 0] = cells[index] ?? [];
      const [u = 0, v = 0] = cells[index - 1] ?? [];
      expect(Math.max(Math.abs(x - u), Math.abs(y - v))).toBe(1);
    }
    expect(cellsBetween([4, 4], [4, 4])).toEqual([[4, 4]]);
  });

  test("is put in words", () => {
    expect(called(SAW)).toBe("saw at (12.5, 3.5) · 7 px");
    expect(called({ ...SAW, object_class: "boss_bullet", x: -0.5, visible_pixels: 0 })).toBe(
      "boss bullet at (−0.5, 3.5) · not drawn",
    );
  });
});

describe("playing by hand", () => {
  const press = (...keys: string[]) => ACTIONS[actionOf(new Set(keys), ACTIONS) ?? -1];

  test("keys together are one action, opposite ones are none", () => {
    expect(press("ArrowRight")).toBe("RIGHT");
    expect(press("ArrowRight", "ArrowUp")).toBe("RIGHT+UP");
    expect(press("ArrowDown", "ArrowLeft")).toBe("LEFT+DOWN");
    expect(press("ArrowLeft", "ArrowRight")).toBe("NOOP");
    expect(press(" ")).toBe("NOOP");
    expect(press("d")).toBe("D");
    expect(press("ArrowLeft", "ArrowRight", "ArrowUp")).toBe("UP");
  });

  test("an agent that lacks a combination goes sideways; one that lacks the action does nothing", () => {
    expect(actionOf(new Set(["ArrowRight", "ArrowUp"]), ["LEFT", "RIGHT"])).toBe(1);
    expect(actionOf(new Set(["ArrowUp"]), ["LEFT", "RIGHT"])).toBeNull();
  });

  test("repetitions are counted", () => {
    expect(runs([7, 7, 8, 7])).toEqual([
      { action: 7, count: 2 },
      { action: 8, count: 1 },
      { action: 7, count: 1 },
    ]);
  });
});

describe("effects", () => {
  const effect = (id: number, attributed: number, lost: number): Effect => ({
    object: thing(id, id % 2 ? "saw" : "coin", id, 1),
    attributed,
    lost,
    why: "",
  });
  const list = [effect(1, 0.2, -0.9), effect(2, -0.5, 0.1), effect(3, 0.1, Number.NaN), effect(4, 0.3, 0.4)];
  const ids = (effects: Effect[]) => effects.map(({ object }) => object.id);

  test("numbers are sorted by size, unknown ones last either way", () => {
    expect(ids(sorted(list, { column: "lost", descending: true }))).toEqual([1, 4, 2, 3]);
    expect(ids(sorted(list, { column: "lost", descending: false }))).toEqual([2, 4, 1, 3]);
    expect(ids(sorted(list, { column: "object", descending: false }))).toEqual([2, 4, 1, 3]);
    expect(turned({ column: "lost", descending: true }, "lost").descending).toBe(false);
    expect(turned({ column: "lost", descending: true }, "object").descending).toBe(false);
  });

  test("the scale holds every number; correlation needs three objects with both", () => {
    expect(reach(list)).toBe(0.9);
    expect(reach([])).toBe(1);
    expect(correlation(list.slice(0, 2))).toBeNull();
    expect(correlation(list)?.n).toBe(3);
    const line = [1, 2, 3, 4].map((value) => effect(value, value, -2 * value + 1));
    expect(correlation(line)?.r).toBeCloseTo(-1, 9);
  });
});
