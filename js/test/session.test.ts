import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Study } from "../core/study.ts";
import type { ExplorerModel } from "../host/model.ts";
import type { Scene } from "../host/scene.ts";
import { Session } from "../host/session.ts";
import type { StaticModel } from "../host/static_model.ts";
import { packed, syntheticModel, syntheticStudy } from "./synthetic.ts";

let frames: Map<number, FrameRequestCallback>;
let clock: number;

beforeEach(() => {
  frames = new Map();
  clock = 0;
  let id = 0;
  vi.stubGlobal("requestAnimationFrame", (call: FrameRequestCallback) => {
    frames.set(++id, call);
    return id;
  });
  vi.stubGlobal("cancelAnimationFrame", (frame: number) => frames.delete(frame));
});
afterEach(() => void vi.unstubAllGlobals());

/** Runs the animation frames that are due, `milliseconds` later. */
function paint(milliseconds = 16): void {
  clock += milliseconds;
  const due = [...frames.values()];
  frames.clear();
  for (const call of due) call(clock);
}

/** Lets replies be decoded and draws until nothing is left to do. */
async function settle(session: Session): Promise<void> {
  for (let round = 0; round < 400; round++) {
    await new Promise((resolve) => setTimeout(resolve));
    if (frames.size > 0 && !session.model.get("playing")) paint();
    if (session.store.inFlight === 0 && frames.size === 0) return;
  }
  throw new Error("the session does not come to rest");
}

/** A model that counts its listeners, saves and messages. */
function counted(study: Study, changes: Record<string, unknown> = {}) {
  const model = syntheticModel(study, changes);
  const counts = { listeners: 0, saves: 0, sent: [] as Record<string, unknown>[] };
  const { on, off, send } = {
    on: model.on.bind(model),
    off: model.off.bind(model),
    send: model.send.bind(model),
  };
  model.on = (event, listener) => {
    counts.listeners++;
    on(event, listener);
  };
  model.off = (event, listener) => {
    counts.listeners--;
    off(event, listener);
  };
  model.send = (message) => {
    counts.sent.push(message as Record<string, unknown>);
    send(message);
  };
  model.save_changes = () => void counts.saves++;
  return { model, counts };
}

const open = (model: StaticModel): Session => new Session(model as unknown as ExplorerModel);
const study = syntheticStudy({ numTrajectories: 2, numSteps: 192 });

describe("Session", () => {
  test("asks for nothing before a view is there, then for the frame on show first", async () => {
    const { model, counts } = counted(study, { step: 70 });
    const session = open(model);
    expect(counts.sent).toEqual([]);
    const scenes: (Scene | null)[] = [];
    session.attach((scene) => scenes.push(scene));
    await settle(session);
    expect(counts.sent[0]).toMatchObject({ method: "observations", params: { trajectory: 0, chunk: 1 } });
    const last = scenes.at(-1);
    expect(last?.stale).toBe(false);
    expect(last?.observation?.pixels.length).toBe(64 * 64 * 3);
    expect(last?.row.cells?.attribution.length).toBe(32 * 32 * 8);
    session.dispose();
  });

  test("fetches a short trajectory whole, each piece once, and then never asks while scrubbing", async () => {
    const { model, counts } = counted(study);
    const session = open(model);
    session.attach(() => {});
    await settle(session);
    const before = counts.sent.length;
    const keys = counts.sent.map((message) => JSON.stringify([message.method, message.params]));
    expect(new Set(keys).size).toBe(before);
    for (const step of [5, 190, 100, 64, 0]) {
      session.goTo(step);
      paint();
    }
    await settle(session);
    expect(counts.sent.length).toBe(before);
    session.dispose();
  });

  test("after the last view nothing is left: no frame, request or timer; after dispose no listener", async () => {
    const { model, counts } = counted(study);
    const session = open(model);
    const [first, second] = [session.attach(() => {}), session.attach(() => {})];
    paint();
    session.set("step", 1);
    session.set("step", 2);
    first();
    expect(session.store.inFlight).toBeGreaterThan(0);
    second();
    expect(session.store.inFlight).toBe(0);
    expect(frames.size).toBe(0);
    const after = counts.sent.length;
    session.invalidate();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(frames.size).toBe(0);
    expect(counts.sent.length).toBe(after);
    session.dispose();
    expect(counts.listeners).toBe(0);
  });

  test("two views draw the same scene; a change from Python reaches both", async () => {
    const { model } = counted(study);
    const session = open(model);
    const [a, b] = [vi.fn(), vi.fn()];
    session.attach(a);
    session.attach(b);
    await settle(session);
    model.set("step", 17);
    paint();
    expect(a.mock.lastCall?.[0].step).toBe(17);
    expect(b.mock.lastCall?.[0]).toBe(a.mock.lastCall?.[0]);
    session.dispose();
  });

  test("many changes are saved at most once a frame, and the last always", async () => {
    const { model, counts } = counted(study);
    const session = open(model);
    session.attach(() => {});
    vi.useFakeTimers();
    for (let step = 1; step <= 100; step++) session.set("step", step);
    expect(counts.saves).toBe(1);
    vi.advanceTimersByTime(17);
    expect(counts.saves).toBe(2);
    session.dispose();
    vi.useRealTimers();
  });

  test("plays by time, loops, and stops at an end without loop", async () => {
    const { model } = counted(study, { step: 180, fps: 10, loop: false });
    const session = open(model);
    session.attach(() => {});
    await settle(session);
    session.play(1);
    paint();
    paint(500);
    expect(model.get("step")).toBe(185);
    paint(5000);
    expect([model.get("step"), model.get("playing")]).toEqual([191, false]);
    session.play(1);
    expect(model.get("step")).toBe(0);
    session.play(1);
    expect(model.get("playing")).toBe(false);
    session.dispose();
  });

  test("playback waits for a frame that is still on its way", async () => {
    const { model } = counted(syntheticStudy({ numTrajectories: 1, numSteps: 4000 }), { step: 60, fps: 100 });
    const send = model.send.bind(model);
    model.send = (message) => {
      const { method, params } = message as { method: string; params: { chunk?: number } };
      if (params?.chunk !== 1 && method !== "strip" && method !== "preview") send(message);
    };
    const session = open(model);
    session.attach(() => {});
    for (let round = 0; round < 50; round++) {
      await new Promise((resolve) => setTimeout(resolve));
      paint(0);
    }
    session.play(1);
    for (let round = 0; round < 20; round++) paint(10);
    expect(model.get("step")).toBe(63);
    expect(model.get("playing")).toBe(true);
    session.dispose();
  });

  test("a failed request shows its reason, and trying again clears it", async () => {
    const { model } = counted(study);
    const send = model.send.bind(model);
    let broken = true;
    model.send = (message) => {
      const { id, kind } = message as { id: string; kind: string };
      if (!broken || kind !== "rlv-request") send(message);
      else
        queueMicrotask(() =>
          model.emit("msg:custom", { kind: "rlv-reply", id, error: "OSError: no disk" }, []),
        );
    };
    const session = open(model);
    const draw = vi.fn();
    session.attach(draw);
    await settle(session);
    expect(draw.mock.lastCall?.[0].notice).toEqual({ kind: "error", text: "OSError: no disk" });
    broken = false;
    session.retry();
    await settle(session);
    expect(draw.mock.lastCall?.[0].notice).toBeNull();
    expect(draw.mock.lastCall?.[0].stale).toBe(false);
    session.dispose();
  });

  test("a kernel that does not answer is told as gone; trying again ends what hangs", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { model } = counted(study);
    const send = model.send.bind(model);
    model.send = () => {};
    const session = open(model);
    const draw = vi.fn();
    session.attach(draw);
    paint();
    await vi.advanceTimersByTimeAsync(30_001);
    paint();
    expect(draw.mock.lastCall?.[0].notice.kind).toBe("gone");
    vi.useRealTimers();
    model.send = send;
    session.retry();
    await settle(session);
    expect(draw.mock.lastCall?.[0].notice).toBeNull();
    expect(draw.mock.lastCall?.[0].stale).toBe(false);
    session.dispose();
  });

  test("choosing what is not computed computes it; chunks come as they are ready; cancel tells Python", async () => {
    const own = syntheticStudy({ numTrajectories: 1, numSteps: 128 });
    const { model, counts } = counted(own, { can_compute: true });
    const send = model.send.bind(model);
    model.send = (message) => {
      if ((message as { method?: string }).method !== "compute") send(message);
      else counts.sent.push(message as Record<string, unknown>);
    };
    const session = open(model);
    const draw = vi.fn<(scene: Scene | null) => void>();
    session.attach(draw);
    await settle(session);
    session.rows.choose(0, "LEFT");
    await settle(session);
    const request = counts.sent.find(({ method }) => method === "compute");
    expect(request?.params).toEqual({ trajectory: 0, layer: "2b", output: "LEFT", step: 0 });
    expect(draw.mock.lastCall?.[0]?.computing?.output).toBe("LEFT");
    expect(draw.mock.lastCall?.[0]?.attribution).toBe("absent");

    own.layers[2]?.outputs.push({ name: "LEFT", complete: false, tolerance: 0.1 });
    model.emit(
      "msg:custom",
      { kind: "rlv-progress", id: request?.id, stage: "chunk", done: 0, total: 2 },
      [],
    );
    await settle(session);
    expect(draw.mock.lastCall?.[0]?.attribution).toBe("ready");

    session.cancelCompute();
    await settle(session);
    expect(counts.sent.some(({ kind, id }) => kind === "rlv-cancel" && id === request?.id)).toBe(true);
    expect(draw.mock.lastCall?.[0]?.activity).toBeNull();
    session.dispose();
  });

  test("what was computed in part is asked for again when the study has changed, the rest is not", async () => {
    const { model, counts } = counted(study);
    const send = model.send.bind(model);
    const emit = model.emit.bind(model);
    const partial = new Set<unknown>();
    model.send = (message) => {
      const { id, method, params } = message as { id: string; method: string; params: { chunk: number } };
      if (method === "attribution" && params.chunk === 1) partial.add(id);
      send(message);
    };
    model.emit = (event, ...args) => {
      const [reply] = args as [{ id?: string; result?: object }?];
      if (event === "msg:custom" && reply && partial.has(reply.id))
        reply.result = { ...reply.result, complete: false };
      emit(event, ...args);
    };
    const session = open(model);
    session.attach(() => {});
    paint();
    await settle(session);
    counts.sent.length = 0;
    model.set("_study", packed(study));
    paint();
    await settle(session);
    const again = counts.sent.filter(({ method }) => method === "attribution");
    expect(again.map(({ params }) => (params as { chunk: number }).chunk)).toEqual([1]);
    session.dispose();
  });

  test("a study that is not described yet draws nothing and asks for nothing", () => {
    const { model, counts } = counted(study, { _study: {} });
    const session = open(model);
    const draw = vi.fn();
    session.attach(draw);
    paint();
    expect(draw).toHaveBeenCalledWith(null);
    expect(counts.sent).toEqual([]);
    model.set("_study", packed(study));
    paint();
    expect(counts.sent.length).toBeGreaterThan(0);
    session.dispose();
  });
});
