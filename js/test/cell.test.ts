import { describe, expect, test, vi } from "vitest";
import {
  amountsAt,
  fullStrength,
  likelySource,
  peakOf,
  placeIn,
  sourcesOf,
  strongest,
} from "../core/cell.ts";
import type { Cells } from "../core/composite.ts";
import { outputUnit } from "../core/units.ts";
import type { Reply, RequestOptions } from "../host/rpc.ts";
import { type Link, Tracer } from "../panels/tracer.ts";
import { syntheticStudy } from "./synthetic.ts";
import { trace } from "./traces.ts";

/** Two rows of three cells with two features. */
const CELLS: Cells = {
  height: 2,
  width: 3,
  numFeatures: 2,
  attribution: Int8Array.of(1, 0, 2, -3, 0, 0, 100, 5, -120, -7, 0, 127),
  residual: Int8Array.of(0, 1, 0, -4, 0, 0),
  scale: 0.5,
};

describe("a cell", () => {
  test("says what each feature does there, the residual last, and adds up to the map", () => {
    expect([...amountsAt(CELLS, [1, 0])]).toEqual([50, 2.5, -2]);
    expect([...amountsAt(CELLS, [0, 1])]).toEqual([1, -1.5, 0.5]);
    expect(amountsAt(null, [0, 0])).toHaveLength(0);
    let sum = 0;
    for (let row = 0; row < 2; row++)
      for (let column = 0; column < 3; column++)
        sum += amountsAt(CELLS, [row, column]).reduce((a, b) => a + b, 0);
    const all = [...CELLS.attribution, ...CELLS.residual].reduce((a, b) => a + b, 0);
    expect(sum).toBeCloseTo(0.5 * all);
  });

  test("is one of the layer's, or none", () => {
    expect(placeIn(CELLS, [1, 2])).toEqual([1, 2]);
    for (const cell of [[], [1], [2, 0], [0, 3], [-1, 0], [Number.NaN, 0]])
      expect(placeIn(CELLS, cell)).toBeNull();
    expect(placeIn(undefined, [0, 0])).toBeNull();
  });

  test("has its strongest features listed in their own order", () => {
    expect(strongest([1, -9, 3, 8, Number.NaN], 5, 2)).toEqual([1, 3]);
    expect(strongest([1, -9, 3], 3, 3)).toEqual([0, 1, 2]);
    expect(strongest([], 0, 3)).toEqual([]);
    const many = Array.from({ length: 200 }, (_, index) => Math.sin(7 * index));
    const found = strongest(many, 200, 10);
    const least = Math.min(...found.map((index) => Math.abs(many[index] ?? 0)));
    const rest = many.filter((_, index) => !found.includes(index));
    expect(found).toEqual([...found].sort((a, b) => a - b));
    expect(Math.max(...rest.map(Math.abs))).toBeLessThanOrEqual(least);
  });

  test("of a feature's largest size is found whatever its sign", () => {
    expect(peakOf(CELLS, 0)).toEqual([1, 1]);
    expect(peakOf(CELLS, 1)).toEqual([1, 2]);
  });

  test("is drawn at full strength where one sign sums to the most", () => {
    expect(fullStrength(CELLS)).toBe(63.5);
    expect(fullStrength({ ...CELLS, attribution: new Int8Array(12) })).toBe(1);
  });
});

describe("sources of a trace", () => {
  const study = syntheticStudy({ numTrajectories: 1, numSteps: 8 });

  test("are all earlier layers, the nearest first", () => {
    expect(sourcesOf(study, "2b")).toEqual(["2a", "1a"]);
    expect(sourcesOf(study, "1a")).toEqual([]);
    expect(sourcesOf(study, "?")).toEqual([]);
  });

  test("start with one whose features are known", () => {
    expect(likelySource(study, ["4a", "3a", "2b"])).toBe("2b");
    expect(likelySource(study, ["2a", "1a"])).toBe("2a");
    expect(likelySource(study, [])).toBe("");
  });
});

test("units are those of the output", () => {
  expect(["value", "log_prob:UP", "UP", "difference:UP,DOWN"].map(outputUnit)).toEqual([
    "raw reward",
    "nats",
    "logits",
    "logits",
  ]);
});

describe("the tracer", () => {
  const study = syntheticStudy({ numTrajectories: 1, numSteps: 64 });
  const link: Link = { layer: "2b", feature: 1, place: [18, 4], source: "2a" };
  const moment = { trajectory: 0, step: 40 };

  /** A kernel whose replies are let go one by one. */
  function kernel() {
    const asked: {
      method: string;
      options: RequestOptions;
      answer: () => void;
      fail: (why: string) => void;
    }[] = [];
    const request = (method: string, params: Record<string, number | string>, options: RequestOptions = {}) =>
      new Promise<Reply>((resolve, reject) => {
        options.signal?.addEventListener("abort", () => reject(options.signal?.reason));
        const answer = () => {
          if (method === "examples") return reject(new Error("none"));
          const { result, buffers } = trace(study, params);
          resolve([result, buffers]);
        };
        asked.push({ method, options, answer, fail: (why) => reject(new Error(why)) });
      });
    const session = { request, invalidate: vi.fn() };
    return { asked, session, tracer: new Tracer(session) };
  }
  const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
  type Asked = ReturnType<typeof kernel>["asked"];
  const answerAll = async (asked: Asked) => {
    for (let index = 0; index < asked.length; index++) {
      asked[index]?.answer();
      await settled();
    }
  };

  test("keeps what came for its moment, and asks once", async () => {
    const { asked, tracer } = kernel();
    tracer.follow([link]);
    const running = tracer.run(moment);
    expect(tracer.progress?.stage).toBe("starting");
    asked[0]?.options.progress?.({ stage: "trace", done: 1, total: 2 });
    expect(tracer.progress).toEqual({ stage: "trace", done: 1, total: 2 });
    await answerAll(asked);
    await running;
    const found = tracer.found(moment);
    expect(found?.totals).toHaveLength(8);
    const sum =
      (found?.totals ?? []).reduce((a, b) => a + b, 0) + (found?.residual ?? 0) + (found?.error ?? 0);
    expect(sum).toBeCloseTo((found?.activation ?? 0) - (found?.baseline ?? 0));
    expect(tracer.progress).toBeNull();
    const count = asked.length;
    await tracer.run(moment);
    expect(asked).toHaveLength(count);
    expect(tracer.found({ ...moment, step: 41 })).toBeUndefined();
  });

  test("tells Python when it is cancelled, and says nothing of it", async () => {
    const { asked, tracer } = kernel();
    tracer.follow([link]);
    const running = tracer.run(moment);
    tracer.cancel();
    await running;
    expect(asked[0]?.options.signal?.aborted).toBe(true);
    expect([tracer.progress, tracer.failure, tracer.found(moment)]).toEqual([null, "", undefined]);
  });

  test("gives up what is under way when another way is followed", async () => {
    const { asked, tracer } = kernel();
    tracer.follow([link]);
    const first = tracer.run(moment);
    tracer.follow([link, { ...link, layer: "2a", source: "1a" }]);
    await first;
    const second = tracer.run(moment);
    expect(asked[0]?.options.signal?.aborted).toBe(true);
    expect(asked[1]?.options.signal?.aborted).toBe(false);
    tracer.cancel();
    await second;
  });

  test("says what went wrong, and forgets it when it is tried again", async () => {
    const { asked, tracer } = kernel();
    tracer.follow([link]);
    const running = tracer.run(moment);
    asked[0]?.fail("the agent is gone");
    await running;
    expect(tracer.failure).toBe("the agent is gone");
    const again = tracer.run(moment);
    expect(tracer.failure).toBe("");
    tracer.cancel();
    await again;
  });

  test("does nothing without a feature to trace", async () => {
    const { asked, tracer } = kernel();
    await tracer.run(moment);
    expect(asked).toHaveLength(0);
  });
});
