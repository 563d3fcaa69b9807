import { describe, expect, test } from "vitest";
import { EDITS, type Edit, type World, withEdit } from "../core/counterfactual.ts";
import { Wishes } from "../host/counterfactual_wishes.ts";

const world = (...edits: Edit[]): World => ({ trajectory: 0, step: 0, edits, actions: [] });
const [A, B, C] = [0, 1, 2].map((x): Edit => ({ kind: "add", what: "saw", at: [x, 0] })) as [
  Edit,
  Edit,
  Edit,
];
const and =
  (...choices: Edit[]) =>
  (base: World): World[] =>
    choices.map((edit) => ({ ...base, edits: withEdit(base.edits, edit) }));

/** All that is tried until `takes` says yes; null if nothing is taken. */
function tried(wishes: Wishes, takes: (world: World) => boolean): World | null {
  for (let count = 0; wishes.world && count < 100; count++) {
    if (takes(wishes.world)) return wishes.world;
    if (!wishes.refused(new Error(`not ${JSON.stringify(wishes.world.edits.at(-1))}`))) return null;
  }
  return null;
}

const without = (edit: Edit) => (one: World) => !one.edits.includes(edit);

describe("Wishes", () => {
  test("what is there already, or is wished for already, is no wish", () => {
    const wishes = new Wishes();
    expect(wishes.propose([world(A)], world(A))).toBe(false);
    expect(wishes.propose([], world(A))).toBe(false);
    expect(wishes.propose([world(A, B)], world(A))).toBe(true);
    expect(wishes.propose([world(A, B)], world(A))).toBe(false);
    expect(wishes.propose([world(A)], world(A))).toBe(true);
  });

  test("of edits that follow each other at once only those are lost that cannot be", () => {
    const wishes = new Wishes();
    for (const edit of [A, B, C]) wishes.change(and(edit), world());
    expect(wishes.world).toEqual(world(A, B, C));
    const found = tried(wishes, without(C)) as World;
    expect(found).toEqual(world(A, B));
    expect(wishes.came(found, world())).toMatchObject({ message: expect.stringContaining("2,0") });
    expect([wishes.pending, wishes.canUndo]).toEqual([false, true]);
  });

  test("an edit is tried on each form of the wish before it", () => {
    const wishes = new Wishes();
    wishes.propose([world(A), world()], world(A, C));
    wishes.change(and(B), world(A, C));
    const found = tried(wishes, without(A)) as World;
    expect(found).toEqual(world(B));
    expect(wishes.came(found, world(A, C))).toBeUndefined();
  });

  test("however fast one edits, the tries come to an end, the last wish first", () => {
    const wishes = new Wishes();
    for (let x = 0; x < 50; x++)
      wishes.change(and(EDITS.add("saw", [x, 0]), EDITS.add("saw", [x, 1])), world());
    expect(wishes.world?.edits).toHaveLength(50);
    let count = 0;
    expect(tried(wishes, () => ++count > 20)).toBeNull();
    expect(count).toBe(8);
    expect(String(wishes.reason)).toMatch(/49/);
  });

  test("the way back leads through what came, never through what did not", () => {
    const wishes = new Wishes();
    wishes.propose([world(A)], world());
    wishes.came(world(A), world());
    wishes.propose([world(A, B)], world(A));
    expect([wishes.canUndo, wishes.canRedo]).toEqual([true, false]);
    expect(wishes.travel(1, world(A))).toBe(false);
    expect(wishes.travel(-1, world(A))).toBe(true);
    expect(wishes.world).toBeUndefined();
    wishes.travel(-1, world(A));
    expect([wishes.world, wishes.canUndo, wishes.canRedo]).toEqual([world(), false, true]);
    expect(wishes.travel(-1, world(A))).toBe(false);
    wishes.came(world(), world(A));
    expect([wishes.canUndo, wishes.canRedo]).toEqual([false, true]);
    wishes.travel(1, world());
    expect(wishes.world).toEqual(world(A));
  });

  test("an edit on the way back starts from where that leads", () => {
    const wishes = new Wishes();
    wishes.propose([world(A)], world());
    wishes.came(world(A), world());
    wishes.travel(-1, world(A));
    wishes.change(and(B), world(A));
    expect(wishes.world).toEqual(world(B));
    wishes.came(world(B), world(A));
    wishes.travel(-1, world(B));
    expect(wishes.world).toEqual(world(A));
  });

  test("buttons are pressed as often as they are pressed, other edits once while they have not come", () => {
    const wishes = new Wishes();
    wishes.propose([world(EDITS.play(7))], world());
    expect(wishes.repeats(EDITS.play(7))).toBe(false);
    wishes.change(and(A), world());
    expect([wishes.repeats(A), wishes.repeats(B), wishes.repeats(undefined)]).toEqual([true, false, false]);
    wishes.came(world(A), world());
    expect(wishes.repeats(A)).toBe(false);
  });

  test("what got no answer can be wished for again, unless something else was", () => {
    const wishes = new Wishes();
    wishes.propose([world(A), world(B)], world());
    wishes.unanswered();
    expect(wishes.pending).toBe(false);
    wishes.again();
    expect(tried(wishes, without(A))).toEqual(world(B));
    wishes.unanswered();
    wishes.propose([world(C)], world());
    wishes.giveUp();
    wishes.again();
    expect(wishes.pending).toBe(false);
  });
});
