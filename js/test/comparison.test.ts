import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type CompareScene, landmarks, othersOf, stepName } from "../host/compare_scene.ts";
import { Comparison } from "../host/comparison.ts";
import type { CompareModel } from "../host/scoped_model.ts";
import { layOut, plans } from "../panels/compare_lanes.ts";
import { comparedStudies, comparisonModel } from "./synthetic_compare.ts";

vi.setConfig({ testTimeout: 30_000 }); // drawing the made-up frames takes a busy machine seconds

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

function paint(milliseconds = 16): void {
  clock += milliseconds;
  const due = [...frames.values()];
  frames.clear();
  for (const call of due) call(clock);
}

const studies = comparedStudies(176);
const PLACES = [
  { study: 0, trajectory: 0 },
  { study: 1, trajectory: 1 },
];

function opened(changes: Record<string, unknown> = {}, places = PLACES, shown = studies) {
  const model = comparisonModel(shown, places, changes);
  const counts = { listeners: 0, sent: [] as { method?: string; params?: Record<string, unknown> }[] };
  const [on, off, send] = [model.on.bind(model), model.off.bind(model), model.send.bind(model)];
  model.on = (event, listener) => {
    counts.listeners++;
    on(event, listener);
  };
  model.off = (event, listener) => {
    counts.listeners--;
    off(event, listener);
  };
  model.send = (message) => {
    counts.sent.push(message as (typeof counts.sent)[number]);
    send(message);
  };
  const comparison = new Comparison(model as unknown as CompareModel);
  const drawn: CompareScene[] = [];
  const detach = comparison.attach((scene) => drawn.push(scene));
  const last = () => drawn.at(-1) as CompareScene;
  const settle = async () => {
    for (let round = 0; round < 400; round++) {
      await new Promise((resolve) => setTimeout(resolve));
      if (frames.size > 0 && !model.get("playing")) paint();
      const busy = comparison.members.some(({ session }) => session.store.inFlight > 0);
      if (!busy && (frames.size === 0 || model.get("playing"))) return;
    }
    throw new Error("the comparison does not come to rest");
  };
  return { model, comparison, counts, drawn, last, detach, settle };
}

describe("Comparison", () => {
  test("asks each study for its own member, and draws every member complete", async () => {
    const { comparison, counts, last, settle } = opened({ step: 70 });
    await settle();
    const asked = counts.sent.filter(({ method }) => method === "curves").map(({ params }) => params);
    expect(asked).toEqual([
      { trajectory: 0, study: 0 },
      { trajectory: 1, study: 1 },
    ]);
    expect(last().stale).toBe(false);
    expect(last().members.map(({ step, phase }) => [step, phase])).toEqual([
      [70, "during"],
      [70, "during"],
    ]);
    comparison.dispose();
  });

  test("a view of one study alone sends no study's number", async () => {
    const places = [0, 2].map((trajectory) => ({ study: 0, trajectory }));
    const { comparison, counts, settle } = opened({}, places, studies.slice(0, 1));
    await settle();
    expect(counts.sent.length).toBeGreaterThan(2);
    expect(counts.sent.some(({ params }) => params && "study" in params)).toBe(false);
    comparison.dispose();
  });

  test("aligning keeps the selected member's moment where it can, else goes to what is aligned", async () => {
    const { comparison, model, last, settle } = opened({ step: 100 });
    await settle();
    const before = last().members[0]?.step;
    await comparison.align("level:7");
    await settle();
    const track = last().members[0]?.track;
    const stays =
      track && before !== null && before !== undefined && before >= track.start && before < track.stop;
    expect(last().members[0]?.step).toBe(stays ? before : track?.start);
    expect(model.get("align")).toBe("level:7");
    await comparison.align("end");
    await settle();
    const { members, aligned } = last();
    const ends = members.map(({ track: own }) => (own ? own.stop - 1 - own.offset : null));
    expect(ends).toEqual([aligned?.zero, aligned?.zero]);
    comparison.dispose();
  });

  test("a member that has ended keeps its last step on show and says so", async () => {
    const { comparison, last, settle } = opened({ align: "level:7" });
    await settle();
    comparison.goTo(Number.MAX_SAFE_INTEGER);
    await settle();
    const over = last().members.filter(({ phase }) => phase === "after");
    const there = last().members.filter(({ phase }) => phase === "during");
    expect([over.length, there.length]).toEqual([1, 1]);
    expect(over[0]?.step).toBeNull();
    expect(over[0]?.scene?.step).toBe((over[0]?.track?.stop ?? 0) - 1);
    comparison.dispose();
  });

  test("an alignment that Python refuses is told, and the old one stays", async () => {
    const { comparison, model, last, settle } = opened();
    await settle();
    await comparison.align("level:99");
    await settle();
    expect(last().notice?.kind).toBe("error");
    expect(model.get("align")).toBe("step");
    expect(last().aligned?.name).toBe("step");
    comparison.dismiss();
    await settle();
    expect(last().notice).toBeNull();
    comparison.dispose();
  });

  test("plays all members together by time, and waits for what has not come", async () => {
    const { comparison, model, last, settle } = opened({ fps: 60, loop: false });
    await settle();
    comparison.play(1);
    for (let frame = 0; frame < 61; frame++) paint(1000 / 60);
    expect(model.get("step")).toBe(60);
    paint();
    expect(last().members.map(({ step }) => step)).toEqual([60, 60]);
    comparison.members[1]?.session.store.rest();
    const store = comparison.members[1]?.session.store;
    if (store) store.get = () => undefined;
    for (let frame = 0; frame < 30; frame++) paint(1000 / 60);
    expect(model.get("step")).toBe(60);
    comparison.dispose();
  });

  test("shows a new step in every frame that the display has", async () => {
    const { comparison, drawn, settle } = opened({ fps: 60, loop: true });
    await settle();
    comparison.play(1);
    for (let frame = 0; frame < 10; frame++) paint(1000 / 60);
    const before = drawn.length;
    for (let frame = 0; frame < 60; frame++) paint(1000 / 60);
    const steps = drawn.slice(before).map(({ step }) => step);
    expect(new Set(steps).size).toBe(60);
    for (const { members, step } of drawn)
      expect(members.map((member) => member.scene?.step)).toEqual([step, step]);
    comparison.dispose();
  });

  test("stops at the end, or starts over", async () => {
    const { comparison, model, settle } = opened({ fps: 120, loop: false, step: 174 });
    await settle();
    comparison.play(1);
    for (let frame = 0; frame < 30; frame++) paint();
    expect([model.get("step"), model.get("playing")]).toEqual([175, false]);
    comparison.set("loop", true);
    comparison.play(1);
    for (let frame = 0; frame < 4; frame++) paint();
    expect(model.get("step")).toBeLessThan(20);
    comparison.dispose();
  });

  test("jumps between episodes' ends and where members part", async () => {
    const { comparison, model, last, settle } = opened();
    await settle();
    const marks = landmarks(last());
    expect(marks).toContain(35);
    for (const mark of marks.filter((step) => step > 0)) {
      comparison.goToLandmark(1);
      expect(model.get("step")).toBe(mark);
    }
    for (const mark of marks.filter((step) => step < (marks.at(-1) ?? 0)).reverse()) {
      comparison.goToLandmark(-1);
      expect(model.get("step")).toBe(mark);
    }
    comparison.dispose();
  });

  test("isolates a feature in all members with the same features, and in no others", async () => {
    const { comparison, model, last, settle } = opened({ layers: ["2b", "2b", "2b"] }, [
      { study: 0, trajectory: 0 },
      { study: 1, trajectory: 1 },
      { study: 0, trajectory: 2 },
    ]);
    await settle();
    comparison.isolate(0, 3, true);
    await settle();
    expect(last().members.map(({ scene }) => scene?.isolated)).toEqual([3, null, 3]);
    comparison.isolate(0, null, true);
    comparison.isolate(1, 2, false);
    await settle();
    expect(model.get("features")).toEqual([null, 2, null]);
    comparison.dispose();
  });

  test("after the last view nothing is left: no frame or request; after dispose no listener", async () => {
    const { comparison, counts, detach, settle } = opened({ playing: true });
    await settle();
    detach();
    expect(frames.size).toBe(0);
    expect(comparison.members.every(({ session }) => session.store.inFlight === 0)).toBe(true);
    comparison.invalidate();
    expect(frames.size).toBe(0);
    comparison.dispose();
    expect(counts.listeners).toBe(0);
  });
});

describe("the lanes", () => {
  test("the difference lane is the other minus the selected one, on the shared time", async () => {
    const { comparison, last, settle } = opened({ align: "end", output: "RIGHT" });
    await settle();
    const list = plans(last());
    const [chosen] = list.filter(({ name }) => name === "RIGHT logit");
    const [delta] = list.filter(({ name }) => name === "Δ B − A");
    const [a, b] = chosen?.curves ?? [];
    for (let step = 0; step < last().numSteps; step++) {
      const expected = (b?.values[step] ?? Number.NaN) - (a?.values[step] ?? Number.NaN);
      if (Number.isNaN(expected)) expect(delta?.curves[0]?.values[step]).toBeNaN();
      else expect(delta?.curves[0]?.values[step]).toBeCloseTo(expected, 5);
    }
    expect(othersOf(last()).map(({ letter }) => letter)).toEqual(["B"]);
    comparison.dispose();
  });

  test("leave room for one line of numbers a member, and do not overlap", async () => {
    const places = [0, 1, 2].map((trajectory) => ({ study: 0, trajectory }));
    const { comparison, last, settle } = opened({ layers: ["2b", "2b", "2b"] }, places);
    await settle();
    const { series, strips, height } = layOut(plans(last()), 3, 900, { first: 0, last: 175 });
    const lanes = [...strips, ...series.map(({ lane }) => lane)];
    for (const [index, lane] of lanes.entries()) {
      const next = lanes[index + 1];
      if (next) expect(next.top).toBeGreaterThanOrEqual(lane.top + lane.height);
    }
    for (const { lane, curves } of series)
      expect(lane.height).toBeGreaterThanOrEqual(14 * (curves.length + 1));
    expect(height).toBeGreaterThan(lanes.at(-1)?.top ?? 0);
    comparison.dispose();
  });
});

test("steps are named from the event that members are aligned at", () => {
  const at = (name: string, step: number) =>
    stepName({
      step,
      aligned: { name, label: "", tracks: [], num_steps: 90, zero: name.startsWith("e") ? 30 : 0, pairs: [] },
    } as unknown as CompareScene);
  expect([at("step", 42), at("level:7", 42), at("end", 42), at("end", 20), at("end", 30)]).toEqual([
    "42",
    "42",
    "+12",
    "−10",
    "0",
  ]);
});
