import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { requestKey } from "../core/wants.ts";
import type { ExplorerModel } from "../host/model.ts";
import { slice } from "../host/replies.ts";
import { Session } from "../host/session.ts";
import { Follower } from "../panels/story_follow.ts";
import { note } from "./stories.ts";
import { packed, syntheticModel, syntheticStudy } from "./synthetic.ts";

let frames: Map<number, FrameRequestCallback>;

beforeEach(() => {
  frames = new Map();
  let id = 0;
  vi.stubGlobal("requestAnimationFrame", (call: FrameRequestCallback) => frames.set(++id, call) && id);
  vi.stubGlobal("cancelAnimationFrame", (frame: number) => frames.delete(frame));
});
afterEach(() => void vi.unstubAllGlobals());

const study = syntheticStudy({ numTrajectories: 2, numSteps: 192 });
study.stories = [
  {
    name: "told",
    notes: [
      note({ start: 10, stop: 14, text: "a", outputs: ["RIGHT"], feature: 2 }),
      note({ start: 12, stop: 13, text: "within a", mode: "change" }),
      note({ trajectory: 1, start: 50, stop: 60, text: "b", outputs: ["likeliest"], combine: true }),
      note({ start: 100, stop: 101, text: "c", layer: "none such", outputs: ["no such"], feature: 99 }),
    ],
  },
];

function followed(changes: Record<string, unknown> = {}) {
  const model = syntheticModel(study, { story: "told", note: null, view_range: [], ...changes });
  let listeners = 0;
  const { on, off } = { on: model.on.bind(model), off: model.off.bind(model) };
  model.on = (event, listener) => {
    listeners++;
    on(event, listener);
  };
  model.off = (event, listener) => {
    listeners--;
    off(event, listener);
  };
  const session = new Session(model as unknown as ExplorerModel);
  const before = listeners;
  const life = new AbortController();
  const follower = new Follower(session, life.signal);
  const shown = (...names: string[]) => names.map((name) => model.get(name));
  return { model, session, follower, life, shown, extra: () => listeners - before };
}

describe("what follows a story", () => {
  test("opened afresh it goes to the first note and shows what that wants", () => {
    const { shown } = followed();
    expect(shown("trajectory", "step", "note")).toEqual([0, 10, 0]);
    expect(shown("output", "feature", "mode")).toEqual(["RIGHT", 2, "attribution"]);
    const [[first, last]] = shown("view_range") as [number[]];
    expect(first).toBeLessThan(10);
    expect(last).toBeGreaterThanOrEqual(101);
  });

  test("restored it stays where it was", () => {
    const { shown } = followed({ step: 70, view_range: [60, 120] });
    expect(shown("step", "note", "view_range")).toEqual([70, null, [60, 120]]);
  });

  test("a step chooses its note, and a note its first step unless the step is one of its own", () => {
    const { model, shown } = followed();
    model.set("step", 12);
    expect(shown("note")).toEqual([0]);
    model.set("note", 1);
    expect(shown("step", "note", "mode", "feature")).toEqual([12, 1, "change", null]);
    model.set("step", 13);
    expect(shown("note", "mode")).toEqual([0, "attribution"]);
    model.set("step", 40);
    expect(shown("note")).toEqual([null]);
    model.set("note", 2);
    expect(shown("trajectory", "step", "note", "combine")).toEqual([1, 50, 2, true]);
  });

  test("what the reader changes stays until another note, or another output of it, is due", () => {
    const { model, follower, shown } = followed();
    model.set("feature", 5);
    model.set("output", "value");
    for (const step of [11, 13, 10]) {
      model.set("step", step);
      follower.show();
      expect(shown("feature", "output")).toEqual([5, "value"]);
    }
    follower.go(1);
    follower.go(0);
    expect(shown("feature", "output")).toEqual([2, "RIGHT"]);
  });

  test("what the study lacks is passed over, and a note still shows the rest", () => {
    const { follower, shown } = followed();
    follower.go(3);
    expect(shown("step", "layer", "output", "feature", "note")).toEqual([100, "2b", "RIGHT", null, 3]);
  });

  test("the likeliest action is shown step by step once the policy has come", async () => {
    const { model, session, follower, shown } = followed();
    follower.go(2);
    session.attach(() => {});
    const loaded = () => session.store.get(requestKey("curves", { trajectory: 1 }));
    for (let round = 0; round < 200 && !loaded(); round++) {
      await new Promise((resolve) => setTimeout(resolve));
      for (const [id, call] of [...frames]) {
        frames.delete(id);
        call(0);
      }
    }
    const compared: string[] = [];
    for (const step of [50, 53, 57, 59]) {
      model.set("step", step);
      follower.show();
      const logits = Array.from(slice(loaded(), "policy_logits", step) ?? []);
      const likeliest = study.action_names[logits.indexOf(Math.max(...logits))];
      if (!study.outputs.some(({ name }) => name === likeliest)) continue;
      expect(shown("output")).toEqual([likeliest]);
      compared.push(String(likeliest));
    }
    expect(compared.length).toBeGreaterThan(1);
  });

  test("a note that was deleted is left, and a story that is closed gives time back", () => {
    const { model, follower, shown } = followed();
    follower.go(3);
    const [story] = study.stories;
    model.set(
      "_study",
      packed({ ...study, stories: [{ name: "told", notes: story?.notes.slice(0, 3) ?? [] }] }),
    );
    expect(shown("note", "step")).toEqual([null, 100]);
    follower.close();
    expect(shown("view_range")).toEqual([[]]);
  });

  test("nothing listens any more when it ends", () => {
    const { life, extra } = followed();
    expect(extra()).toBeGreaterThan(0);
    life.abort();
    expect(extra()).toBe(0);
  });
});
