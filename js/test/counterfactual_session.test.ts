import { describe, expect, test } from "vitest";
import { EDITS } from "../core/counterfactual.ts";
import type { CounterfactualModel } from "../host/counterfactual_model.ts";
import { effectsOf } from "../host/counterfactual_reply.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { Imagination } from "../host/counterfactual_session.ts";
import { counted, type Message, numFrames, paint, settled, stubFrames } from "./animation.ts";
import { counterfactualModel, type ImaginedOptions } from "./synthetic_counterfactual.ts";

stubFrames();

function opened(changes: Record<string, unknown> = {}, options: ImaginedOptions = {}) {
  const model = counterfactualModel(changes, options);
  const counts = counted(model);
  const imagination = new Imagination(model as unknown as CounterfactualModel);
  const drawn: CounterfactualScene[] = [];
  let gone = () => {};
  const attach = () => {
    gone = imagination.attach((scene) => drawn.push(scene));
  };
  attach();
  const detach = () => gone();
  const settle = () => settled(() => !imagination.pending && drawn.at(-1)?.effectsState !== "coming");
  const last = () => drawn.at(-1) as CounterfactualScene;
  const asked = (method: string) => counts.sent.filter((message) => message.method === method);
  return { model, imagination, counts, last, attach, detach, paint, settle, asked };
}

type Opened = ReturnType<typeof opened>;

const named = ({ last }: Opened, name: string) => {
  const object = last().imagined?.after.objects.find((one) => one.object_class === name);
  if (!object) throw new Error(`no ${name} is in sight`);
  return object;
};

test("dust behind enemies is no object; what is attributed to it is one number", () => {
  const object = ["saw", "trail", "trail", "wall"];
  const objects = object.map((object_class, index) => ({ key: `${object_class} ${index}`, object_class }));
  const array = (data: number[]) => ({ dims: ["object"], shape: [4], data: Float32Array.from(data) });
  const arrays = { attributed: array([1, 2, 4, 8]), lost: array([1, 1, 1, Number.NaN]) };
  const { of } = effectsOf("here", { result: { objects }, arrays });
  expect([...of].map(([key, { attributed }]) => [key, attributed])).toEqual([
    ["saw 0", 1],
    ["trail", 6],
    ["wall 3", 8],
  ]);
});

describe("Imagination", () => {
  test("an edit is kept when its picture has come, and changes it", async () => {
    const view = opened();
    await view.settle();
    const before = view.last().imagined?.after.value ?? 0;
    view.imagination.edit(EDITS.remove(named(view, "saw")));
    expect(view.model.get("edits")).toEqual([]);
    expect(view.imagination.pending).toBe(true);
    await view.settle();
    expect(view.model.get("edits")).toEqual([{ kind: "remove", what: "saw", at: [8.5, 3.5] }]);
    expect(view.last().imagined?.before.value).toBe(before);
    expect(view.last().imagined?.after.value).toBeGreaterThan(before);
    view.imagination.dispose();
  });

  test("what Python refuses leaves all as it was, and is told without the error's type", async () => {
    const view = opened();
    await view.settle();
    view.imagination.edit(EDITS.remove(named(view, "crate")));
    await view.settle();
    const shown = view.last().imagined;
    view.imagination.edit(EDITS.move(named(view, "enemy"), [5, 1]));
    await view.settle();
    expect(view.last().notice?.text).toMatch(/^an object inside a wall/);
    expect(view.last().imagined).toBe(shown);
    expect(view.model.get("edits")).toHaveLength(1);
    expect(view.last().canRedo).toBe(false);
    view.imagination.dispose();
  });

  test("the last wish wins: an older one is cancelled and never shown", async () => {
    const view = opened();
    await view.settle();
    view.counts.hold = true;
    view.imagination.moveTo(0, 20);
    view.imagination.moveTo(0, 21);
    view.imagination.edit(EDITS.background(2));
    view.imagination.edit(EDITS.background(1));
    view.counts.hold = false;
    for (const send of view.counts.held) send();
    await view.settle();
    expect(view.model.get("step")).toBe(21);
    expect(view.model.get("edits")).toEqual([{ kind: "background", index: 1 }]);
    const cancelled = view.counts.sent.filter(({ kind }) => kind === "rlv-cancel").map(({ id }) => id);
    const [older] = view.asked("imagine").slice(1);
    expect(cancelled).toContain(older?.id);
    view.imagination.dispose();
  });

  test("a world that was given up and is wanted again at once is asked for anew", async () => {
    const view = opened();
    await view.settle();
    view.counts.hold = true;
    view.imagination.edit(EDITS.background(1));
    view.model.emit("change:step"); // somebody else set a trait: what was asked for is given up
    view.imagination.edit(EDITS.background(1));
    view.counts.hold = false;
    for (const send of view.counts.held) send();
    await view.settle();
    expect(view.last().notice).toBeNull();
    expect(view.model.get("edits")).toEqual([{ kind: "background", index: 1 }]);
    view.imagination.dispose();
  });

  test("undo, redo and reset go through worlds, and what was seen is not asked for again", async () => {
    const view = opened();
    await view.settle();
    view.imagination.edit(EDITS.remove(named(view, "saw")));
    await view.settle();
    view.imagination.edit(EDITS.hide(named(view, "enemy")));
    await view.settle();
    const count = view.asked("imagine").length;
    const steps = async (act: () => void) => {
      act();
      await view.settle();
      return (view.model.get("edits") as { kind: string }[]).map(({ kind }) => kind);
    };
    expect(await steps(() => view.imagination.travel(-1))).toEqual(["remove"]);
    expect(await steps(() => view.imagination.travel(-1))).toEqual([]);
    expect(await steps(() => view.imagination.travel(-1))).toEqual([]);
    expect(await steps(() => view.imagination.travel(1))).toEqual(["remove"]);
    expect(await steps(() => view.imagination.travel(1))).toEqual(["remove", "hide"]);
    expect(await steps(() => view.imagination.reset())).toEqual([]);
    expect(await steps(() => view.imagination.travel(-1))).toEqual(["remove", "hide"]);
    expect(view.asked("imagine")).toHaveLength(count);
    view.imagination.dispose();
  });

  test("edits come along to another step as far as they mean something there", async () => {
    const view = opened();
    await view.settle();
    view.imagination.edit(EDITS.remove(named(view, "saw")));
    await view.settle();
    view.imagination.moveTo(0, 30);
    await view.settle();
    expect([view.model.get("step"), (view.model.get("edits") as unknown[]).length]).toEqual([30, 1]);
    view.imagination.edit(EDITS.background(1));
    await view.settle();
    view.imagination.moveTo(2, 30); // a level without saws
    await view.settle();
    expect(view.model.get("trajectory")).toBe(2);
    expect(view.model.get("edits")).toEqual([{ kind: "background", index: 1 }]);
    view.imagination.travel(-1);
    await view.settle();
    expect([view.model.get("trajectory"), (view.model.get("edits") as unknown[]).length]).toEqual([0, 2]);
    view.imagination.dispose();
  });

  test("of several choices the first that there can be is taken", async () => {
    const view = opened();
    await view.settle();
    view.imagination.edit(EDITS.add("saw", [5, 0.5]), EDITS.add("saw", [5, 5.5]));
    await view.settle();
    expect(view.model.get("edits")).toEqual([{ kind: "add", what: "saw", at: [5, 5.5] }]);
    expect(view.last().notice).toBeNull();
    view.imagination.dispose();
  });

  test("what is selected stays so when others go, and is let go with it", async () => {
    const view = opened();
    await view.settle();
    view.imagination.set("selected", named(view, "enemy").key);
    view.imagination.edit(EDITS.remove(named(view, "saw")));
    await view.settle();
    expect(view.last().selected?.object_class).toBe("enemy");
    view.imagination.edit(EDITS.move(named(view, "enemy"), [7.5, 9.5]));
    await view.settle();
    expect(view.last().selected).toMatchObject({ object_class: "enemy", x: 7.5, y: 9.5 });
    view.imagination.edit(EDITS.remove(named(view, "enemy")));
    await view.settle();
    expect(view.last().selected).toBeNull();
    view.imagination.dispose();
  });

  test("every object gets its worth, and what is no object too", async () => {
    const view = opened();
    await view.settle();
    const { effects, imagined } = view.last();
    const keys = imagined?.after.objects.map(({ key }) => key) ?? [];
    expect(effects.map(({ object }) => object.key)).toEqual([...keys, "wall", "background"]);
    const saw = effects.find(({ object }) => object.object_class === "saw");
    expect(saw?.lost).toBeLessThan(0);
    expect(view.asked("effects")).toHaveLength(1);
    view.imagination.dispose();
  });

  test("buttons are pressed in the edited world, taken back one by one, and end with the episode", async () => {
    const view = opened();
    await view.settle();
    const right = 7;
    for (let count = 0; count < 8; count++) {
      view.imagination.press(right);
      await view.settle();
    }
    expect(view.last().imagined?.after.ended).toMatchObject({ cause: "saw" });
    const { length } = view.model.get("edits") as unknown[];
    view.imagination.press(right);
    await view.settle();
    expect(view.last().notice?.text).toMatch(/episode has ended/);
    expect(view.model.get("edits")).toHaveLength(length);
    view.imagination.unpress();
    await view.settle();
    expect(view.last().imagined?.after.ended).toBeNull();
    view.imagination.dispose();
  });

  test("futures and the large frame do not depend on what is explained, nor lists on what is drawn", async () => {
    const view = opened();
    await view.settle();
    const { imagination } = view;
    imagination.aside.playOn(imagination.worldKey, { ...imagination.params, num_steps: 20, seed: -1 });
    await view.settle();
    const { effects } = view.last();
    imagination.point(named(view, "saw").key);
    await view.settle();
    expect(view.last().effects).toBe(effects);
    imagination.set("output", "another");
    await view.settle();
    expect([view.last().future.stale, view.last().effects === effects]).toEqual([false, false]);
    imagination.dispose();
  });

  test("a large frame that cannot be had is told, and no longer said to be on its way", async () => {
    const view = opened({ can_compute: false });
    await view.settle();
    const { send } = view.model;
    view.model.send = (message) => {
      if ((message as Message).method === "large") throw new Error("no library here");
      send(message);
    };
    view.imagination.aside.setLarge(true);
    await view.settle();
    expect(view.last()).toMatchObject({ isLarge: true, drawsLarge: false, large: null });
    expect(view.last().notice?.text).toMatch(/no library/);
    view.imagination.dispose();
  });

  test("a recorded frame that cannot be had is not asked for again and again", async () => {
    const view = opened();
    await view.settle();
    const { send } = view.model;
    let asked = 0;
    view.model.send = (message) => {
      if ((message as Message).method === "observations") {
        asked++;
        throw new Error("not here");
      }
      if ((message as Message).method !== "imagine") send(message);
    };
    view.imagination.moveTo(0, 200);
    for (let round = 0; round < 60; round++) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      view.paint();
    }
    expect(view.imagination.pending).toBe(true);
    expect([asked > 0, asked < 4]).toEqual([true, true]);
    view.imagination.dispose();
  });

  test("an object that is moved again before it has moved goes on from where it will be", async () => {
    const view = opened();
    await view.settle();
    const enemy = named(view, "enemy");
    view.counts.hold = true;
    for (const by of [1, 2]) {
      const [x = 0, y = 0] = view.imagination.placeOf(enemy) ?? [];
      expect(x).toBe(enemy.x + by - 1);
      view.imagination.edit(EDITS.move({ ...enemy, x, y }, [x + 1, y]));
    }
    expect(view.imagination.world.edits).toEqual([
      { kind: "move", what: "enemy", at: [enemy.x, enemy.y], to: [enemy.x + 2, enemy.y] },
    ]);
    view.imagination.dispose();
  });

  test("futures belong to their world: another one makes them stale", async () => {
    const view = opened();
    await view.settle();
    const { imagination } = view;
    imagination.aside.playOn(imagination.worldKey, { ...imagination.params, num_steps: 20, seed: -1 });
    imagination.aside.branch(imagination.worldKey, {
      ...imagination.params,
      num_steps: 20,
      seed: -1,
      num_branches: 8,
    });
    await view.settle();
    const { future, branches } = view.last();
    expect([future.stale, branches.stale, branches.value?.numBranches]).toEqual([false, false, 8]);
    expect(future.value?.paths[0].frames.shape[0]).toBe(21);
    imagination.edit(EDITS.remove(named(view, "saw")));
    await view.settle();
    expect([view.last().future.stale, view.last().branches.stale]).toEqual([true, true]);
    imagination.dispose();
  });

  test("without a kernel what is kept can be shown, in Python's own words, and nothing else", async () => {
    const view = opened({}, { offline: true });
    await view.settle();
    const [unedited, removed] = view.model.get("_stored") as { edits: string }[];
    const { imagination } = view;
    imagination.show((view.model.get("_stored") as Parameters<typeof imagination.show>[0][])[1] as never);
    await view.settle();
    expect(view.asked("imagine").at(-1)?.params?.edits).toBe(removed?.edits);
    expect(unedited?.edits).toBe("[]");
    expect(
      view.last().imagined?.after.objects.filter(({ object_class: name }) => name === "saw"),
    ).toHaveLength(1);
    imagination.edit(EDITS.background(1));
    await view.settle();
    expect(view.last().notice?.text).toMatch(/needs a running kernel/);
    expect(view.model.get("edits")).toHaveLength(1);
    imagination.dispose();
  });

  test("without an agent a recorded frame is shown with its objects", async () => {
    const view = opened({ can_compute: false });
    await view.settle();
    expect(view.last().imagined?.after.pixels).toHaveLength(64 * 64 * 3);
    expect(view.last().canCompute).toBe(false);
    expect(view.last().imagined?.after.objects.length).toBeGreaterThan(3);
    expect(view.last().notice).toBeNull();
    view.imagination.moveTo(0, 20);
    await view.settle();
    expect([view.model.get("step"), view.last().imagined?.after.value]).toEqual([20, Number.NaN]);
    view.imagination.dispose();
  });

  test("a view that is shown again asks for what was wished for, and for what was set meanwhile", async () => {
    const view = opened();
    await view.settle();
    view.counts.hold = true;
    view.imagination.edit(EDITS.background(1));
    view.detach();
    view.counts.hold = false;
    view.attach();
    await view.settle();
    expect(view.model.get("edits")).toEqual([{ kind: "background", index: 1 }]);
    view.detach();
    view.model.set("step", 21);
    view.attach();
    await view.settle();
    expect(view.asked("imagine").at(-1)?.params?.step).toBe(21);
    expect([view.last().world.step, view.last().effectsState]).toEqual([21, "here"]);
    view.imagination.dispose();
  });

  test("undoing gives up what has not come", async () => {
    const view = opened();
    await view.settle();
    view.imagination.edit(EDITS.remove(named(view, "saw")));
    await view.settle();
    view.counts.hold = true;
    view.imagination.edit(EDITS.background(1));
    expect(view.imagination.gather()).toMatchObject({ canUndo: true, canRedo: false });
    view.imagination.travel(-1);
    await view.settle();
    view.counts.hold = false;
    for (const send of view.counts.held) send();
    await view.settle();
    expect((view.model.get("edits") as { kind: string }[]).map(({ kind }) => kind)).toEqual(["remove"]);
    view.imagination.travel(-1);
    await view.settle();
    expect(view.model.get("edits")).toEqual([]);
    view.imagination.dispose();
  });

  test("an edit that cannot be does not take those with it that had not come", async () => {
    const view = opened();
    await view.settle();
    view.counts.hold = true;
    view.imagination.edit(EDITS.remove(named(view, "saw")));
    view.imagination.edit(EDITS.remove(named(view, "saw"))); // pressed twice, meant once
    view.imagination.edit(EDITS.move(named(view, "enemy"), [5, 1]));
    view.counts.hold = false;
    for (const send of view.counts.held) send();
    await view.settle();
    expect((view.model.get("edits") as { kind: string }[]).map(({ kind }) => kind)).toEqual(["remove"]);
    expect(view.last().notice?.text).toMatch(/^an object inside a wall/);
    view.imagination.dispose();
  });

  test("another layer or output does not lose the edit that has not come", async () => {
    const view = opened();
    await view.settle();
    view.counts.hold = true;
    view.imagination.edit(EDITS.background(1));
    view.imagination.set("output", "another");
    view.counts.hold = false;
    for (const send of view.counts.held) send();
    await view.settle();
    expect(view.model.get("edits")).toEqual([{ kind: "background", index: 1 }]);
    expect(view.asked("imagine").at(-1)?.params?.output).toBe("another");
    view.imagination.dispose();
  });

  test("what got no answer is asked for again", async () => {
    const view = opened();
    await view.settle();
    const { send } = view.model;
    view.model.send = () => {
      throw new Error("the channel is closed");
    };
    view.imagination.edit(EDITS.background(1));
    await view.settle();
    expect(view.last().notice?.kind).toBe("gone");
    expect(view.last().world.edits).toEqual([]);
    view.model.send = send;
    view.imagination.retry();
    await view.settle();
    expect([view.model.get("edits"), view.last().notice]).toEqual([[{ kind: "background", index: 1 }], null]);
    view.imagination.dispose();
  });

  test("where Python has gone back already, undoing goes on from there", async () => {
    const view = opened();
    await view.settle();
    for (const edit of [EDITS.remove(named(view, "saw")), EDITS.background(1)]) {
      view.imagination.edit(edit);
      await view.settle();
    }
    view.model.set("edits", (view.model.get("edits") as unknown[]).slice(0, 1));
    await view.settle();
    view.imagination.travel(-1);
    await view.settle();
    expect(view.model.get("edits")).toEqual([]);
    view.imagination.dispose();
  });

  test("pictures of features that are others now are asked for anew", async () => {
    const view = opened();
    await view.settle();
    const study = view.model.get("_study") as { layers: { features: unknown[] }[] };
    view.model.set("_study", { ...study });
    await view.settle();
    expect(view.asked("imagine")).toHaveLength(1);
    const layers = study.layers.map((layer) => ({ ...layer, features: layer.features.slice(1) }));
    view.model.set("_study", { ...study, layers });
    await view.settle();
    expect(view.asked("imagine")).toHaveLength(2);
    view.imagination.dispose();
  });

  test("after the last view nothing is asked; after dispose nobody listens", async () => {
    const view = opened();
    await view.settle();
    view.counts.hold = true;
    view.imagination.edit(EDITS.background(1));
    view.detach();
    expect([numFrames(), view.imagination.pending]).toEqual([0, false]);
    view.imagination.dispose();
    expect(view.counts.listeners).toBe(0);
  });
});
