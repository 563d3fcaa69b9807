import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ChunkStore } from "../core/store.ts";
import { requestKey } from "../core/wants.ts";
import type { ExplorerModel } from "../host/model.ts";
import { type Loaded, load } from "../host/replies.ts";
import { gatherRow, type Place } from "../host/row_scene.ts";
import { gather } from "../host/scene.ts";
import { Session } from "../host/session.ts";
import { answer } from "./answers.ts";
import { syntheticModel, syntheticStudy } from "./synthetic.ts";
import { CHUNK, FEATURES } from "./world.ts";

const study = syntheticStudy({ numTrajectories: 2, numSteps: 192 });
const OF = { trajectory: 0, layer: "2b", output: "value" };

async function loaded(method: string, params: Record<string, number | string>): Promise<Loaded> {
  const reply = answer(study, method, params);
  if (!reply) throw new Error(`no answer to ${method}`);
  return load(method, [reply.result, reply.buffers]);
}

/** What a store of these replies shows at `step`. */
async function placeAt(step: number, changes: Partial<Place> = {}, chunks = [0, 1]): Promise<Place> {
  const values = new Map<string, Loaded>();
  for (const chunk of chunks)
    values.set(requestKey("attribution", { ...OF, chunk }), await loaded("attribution", { ...OF, chunk }));
  values.set(requestKey("totals", OF), await loaded("totals", OF));
  return {
    study,
    trajectory: 0,
    step,
    layer: "2b",
    mode: "attribution",
    scale: "study",
    isFirst: false,
    store: values as unknown as ChunkStore<Loaded>,
    computing: null,
    ...changes,
  };
}

const actual = (row: ReturnType<typeof gatherRow>, index: number): number =>
  (row.cells?.attribution[index] ?? Number.NaN) * (row.cells?.scale ?? Number.NaN);

describe("a row's scene", () => {
  test("what changed is this step less the last, also across the border of two chunks", async () => {
    for (const step of [10, CHUNK]) {
      const [now, before, change] = await Promise.all([
        placeAt(step).then((place) => gatherRow(place, "value", 0)),
        placeAt(step - 1).then((place) => gatherRow(place, "value", 0)),
        placeAt(step, { mode: "change" }).then((place) => gatherRow(place, "value", 0)),
      ]);
      expect(change.attribution).toBe("ready");
      for (let index = 0; index < 32 * 32 * FEATURES; index++)
        expect(actual(change, index)).toBeCloseTo(actual(now, index) - actual(before, index), 6);
      for (const [k, amount] of change.amounts.entries())
        expect(amount).toBeCloseTo((now.amounts[k] ?? 0) - (before.amounts[k] ?? 0), 6);
    }
  });

  test("changes of all steps add up to the attribution of the last, from the first on", async () => {
    const sum = new Float64Array(FEATURES + 1);
    for (let step = 1; step <= 20; step++) {
      const { amounts } = gatherRow(await placeAt(step, { mode: "change" }), "value", 0);
      for (const [k, amount] of amounts.entries()) sum[k] = (sum[k] ?? 0) + amount;
    }
    const [first, last] = [await placeAt(0), await placeAt(20)].map((place) => gatherRow(place, "value", 0));
    for (const [k, amount] of sum.entries())
      expect(amount).toBeCloseTo((last?.amounts[k] ?? 0) - (first?.amounts[k] ?? 0), 5);
  });

  test("an episode's first step has no change; without the chunk before, it is on its way", async () => {
    const first = gatherRow(await placeAt(0, { mode: "change", isFirst: true }), "value", 0);
    expect([first.attribution, first.cells]).toEqual(["first", null]);
    expect([...first.amounts].every(Number.isNaN)).toBe(true);
    const waiting = gatherRow(await placeAt(CHUNK, { mode: "change" }, [1]), "value", 0);
    expect([waiting.attribution, waiting.cells]).toEqual(["loading", null]);
  });

  test("the scale is the study's, or the trajectory's where that is asked for and there", async () => {
    const place = await placeAt(3);
    expect(gatherRow(place, "value", 0).displayScale).toBe(0.16);
    expect(gatherRow({ ...place, scale: "trajectory" }, "value", 0).displayScale).toBe(0.08);
    const totals = place.store.get(requestKey("totals", OF));
    if (totals) delete totals.result.trajectory_scale;
    expect(gatherRow({ ...place, scale: "trajectory" }, "value", 0).displayScale).toBe(0.16);
  });

  test("what is not computed, not a number, or not here yet is told apart", async () => {
    const place = await placeAt(3);
    expect(gatherRow(place, "LEFT", 1).attribution).toBe("absent");
    expect(gatherRow({ ...place, step: 2 * CHUNK }, "value", 0).attribution).toBe("loading");
    const chunk = place.store.get(requestKey("attribution", { ...OF, chunk: 0 }));
    chunk?.arrays.scale?.data.fill(Number.NaN, 3, 4);
    expect(gatherRow(place, "value", 0).attribution).toBe("nan");
    expect(gatherRow({ ...place, step: 4 }, "value", 0).attribution).toBe("ready");
    expect(gatherRow({ ...place, step: 4, mode: "change" }, "value", 0).attribution).toBe("nan");
    if (chunk) chunk.arrays.num_points = { dims: ["step"], shape: [CHUNK], data: new Int32Array(CHUNK) };
    expect(gatherRow(place, "value", 0).attribution).toBe("absent");
    const computing = {
      trajectory: 1,
      layer: "2b",
      output: "value",
      progress: { stage: "", done: 0, total: 0 },
    };
    expect(gatherRow({ ...place, computing }, "value", 0).computing).toBeNull();
    expect(
      gatherRow({ ...place, computing: { ...computing, trajectory: 0 } }, "value", 0).computing,
    ).not.toBeNull();
  });
});

describe("rows of a session", () => {
  beforeEach(() => {
    vi.stubGlobal("requestAnimationFrame", () => 1);
    vi.stubGlobal("cancelAnimationFrame", () => {});
  });
  afterEach(() => void vi.unstubAllGlobals());

  const open = (changes: Record<string, unknown> = {}) => {
    const model = syntheticModel(study, changes);
    return { model, session: new Session(model as unknown as ExplorerModel) };
  };
  const labels = (session: Session) => gather(session)?.rows.map(({ output }) => output);

  test("are the traits `output` and `more_outputs`, and follow Python", () => {
    const { model, session } = open({ more_outputs: ["RIGHT"] });
    expect(labels(session)).toEqual(["value", "RIGHT"]);
    model.set("more_outputs", ["LEFT", "UP"]);
    expect(labels(session)).toEqual(["value", "LEFT", "UP"]);
    session.rows.add();
    session.rows.choose(3, "DOWN");
    session.rows.move(3, -1);
    expect([model.get("output"), model.get("more_outputs")]).toEqual(["value", ["LEFT", "DOWN", "UP"]]);
    session.rows.remove(0);
    expect([model.get("output"), model.get("more_outputs")]).toEqual(["LEFT", ["DOWN", "UP"]]);
    session.dispose();
  });

  test("the focus goes to a new row, along with a moved one, and never to one that is gone", () => {
    const { model, session } = open();
    session.rows.add();
    expect(session.rows.focused).toBe(1);
    session.rows.choose(1, "RIGHT");
    expect(gather(session)?.row.output).toBe("RIGHT");
    session.rows.move(1, -1);
    expect([session.rows.focused, gather(session)?.output]).toEqual([0, "RIGHT"]);
    session.rows.move(0, 1);
    expect(session.rows.focused).toBe(1);
    model.set("more_outputs", []);
    expect([session.rows.focused, gather(session)?.row.output]).toEqual([0, "value"]);
    session.dispose();
  });

  test("removing a row above keeps the focus on the same output", () => {
    const { session } = open({ more_outputs: ["RIGHT", "LEFT"] });
    session.rows.focus(2);
    session.rows.remove(0);
    expect(gather(session)?.row.output).toBe("LEFT");
    session.dispose();
  });

  test("what several rows lack is computed one after another; a row that is added waits its turn", async () => {
    const { model, session } = open({ can_compute: true, more_outputs: ["LEFT"] });
    const asked: { id: string; output: string }[] = [];
    const send = model.send.bind(model);
    model.send = (message) => {
      const { method, id, params } = message as { method: string; id: string; params: { output: string } };
      if (method === "compute") asked.push({ id, output: params.output });
      else send(message);
    };
    const settle = () => new Promise((resolve) => setTimeout(resolve, 5));
    session.compute();
    await settle();
    expect(asked.map(({ output }) => output)).toEqual(["LEFT"]);
    session.rows.add();
    session.rows.choose(2, "UP");
    await settle();
    expect(asked.map(({ output }) => output)).toEqual(["LEFT"]);
    model.emit("msg:custom", { kind: "rlv-reply", id: asked[0]?.id, result: {} }, []);
    await settle();
    expect(asked.map(({ output }) => output)).toEqual(["LEFT", "UP"]);
    session.cancelCompute();
    await settle();
    expect(session.computing).toBeNull();
    session.dispose();
  });

  test("a page that was saved before there were rows has one", () => {
    const { session } = open({
      more_outputs: undefined,
      mode: undefined,
      scale: undefined,
      look: undefined,
    });
    const scene = gather(session);
    expect([scene?.rows.length, scene?.mode, scene?.scale, scene?.article]).toEqual([
      1,
      "attribution",
      "study",
      null,
    ]);
    session.dispose();
  });
});
