import { describe, expect, test, vi } from "vitest";
import {
  endInWords,
  endOf,
  type Fork,
  forkNamed,
  forksOf,
  lineHeight,
  momentOf,
  outcomes,
  stepToCompare,
  summary,
  survivors,
  wilson,
} from "../core/branches.ts";
import { axisOver, stepToX } from "../core/timeline.ts";
import { Job } from "../host/job.ts";
import type { Reply, RequestOptions } from "../host/rpc.ts";
import { linesOf, memberAt } from "../panels/branch_draw.ts";
import { neighbour } from "../panels/branch_pick.ts";
import { syntheticFork, syntheticForks } from "./opened.ts";

const fork: Fork = {
  ...syntheticFork("fork", 0, 100),
  num_steps: 20,
  taken: [20, 12, 20, 1],
  causes: ["", "saw", "coin", "lava"],
  completed: [false, false, true, false],
};

describe("branches", () => {
  test("are those of a trajectory, or the one of a name", () => {
    const branches = syntheticForks(512);
    expect(forksOf({ branches }, 0).map(({ name }) => name)).toEqual(["a second try", "no saw"]);
    expect(forksOf({}, 0)).toEqual([]);
    expect(forkNamed({ branches }, "elsewhere")?.trajectory).toBe(1);
    expect(forkNamed({ branches }, "nowhere")).toBeUndefined();
  });

  test("end by success, by death, or not", () => {
    expect([0, 1, 2, 3].map((member) => endOf(fork, member))).toEqual(["alive", "died", "completed", "died"]);
    expect(endInWords(fork, 1)).toBe("saw after 12 steps");
    expect(endInWords(fork, 0)).toBe("alive after 20 steps");
    expect(endInWords(fork, 3)).toBe("lava after 1 step");
    expect(endInWords({ ...fork, causes: ["", "", "", ""] }, 2)).toBe("completed after 20 steps");
  });

  test("survive as long as they have not died: success is no death", () => {
    expect(survivors(fork)).toBe(2);
    expect(outcomes(fork)).toBe("1 alive, 1 saw, 1 coin, 1 lava");
  });

  test("are summed up in a few words", () => {
    expect(summary(fork)).toEqual(["2 of 4 died", "saw, lava"]);
    expect(summary({ ...fork, causes: ["coin", "coin"], completed: [true, true], taken: [3, 4] })[0]).toBe(
      "2 completed",
    );
    expect(summary({ ...fork, causes: ["coin", ""], completed: [true, false], taken: [3, 20] })[0]).toBe(
      "1 completed, 1 alive",
    );
    expect(summary({ ...fork, causes: [""], completed: [false], taken: [20] })).toEqual(["1 alive", ""]);
  });

  test("lie in lines in their own order", () => {
    expect(neighbour(fork, 0, 1)).toBe(1);
    expect(neighbour(fork, 3, 1)).toBe(3);
    expect(neighbour(fork, 0, -1)).toBe(0);
    const lines = linesOf(fork);
    for (const member of fork.taken.keys()) expect(memberAt(lines, lines.y(member))).toBe(member);
    expect(memberAt(lines, -50)).toBe(0);
    expect(memberAt(lines, 500)).toBe(3);
  });

  test("however many, a lane stays low", () => {
    for (const count of [1, 8, 32, 56]) {
      const height = count * lineHeight(count, 112);
      expect(height).toBeLessThanOrEqual(112);
    }
    expect(lineHeight(256, 112)).toBe(2);
  });

  test("begin at their step on the timeline's axis, at any zoom", () => {
    for (const span of [
      { first: 0, last: 511 },
      { first: 80, last: 140 },
    ]) {
      const axis = axisOver(span, 40, 1000);
      const each = 1000 / (span.last - span.first);
      const length = stepToX(axis, fork.step + 12) - stepToX(axis, fork.step);
      expect(stepToX(axis, fork.step)).toBeCloseTo(40 + (100 - span.first) * each, 6);
      expect(length).toBeCloseTo(12 * each, 6);
    }
  });
});

describe("lock-step", () => {
  test("each step of the trajectory has the branch's own beside it", () => {
    expect(momentOf(fork, 1, 99)).toEqual({ at: "before", index: 0 });
    expect(momentOf(fork, 1, 100)).toEqual({ at: "within", index: 0 });
    expect(momentOf(fork, 1, 111)).toEqual({ at: "within", index: 11 });
  });

  test("afterwards the frame that ended it stays, or the last there is", () => {
    expect(momentOf(fork, 1, 112)).toEqual({ at: "after", index: 12 });
    expect(momentOf(fork, 1, 400)).toEqual({ at: "after", index: 12 });
    expect(momentOf(fork, 0, 400)).toEqual({ at: "after", index: 19 });
    expect(momentOf(fork, 2, 400)).toEqual({ at: "after", index: 19 });
  });

  test("the playhead moves to a branch that is picked, unless it is there", () => {
    expect(stepToCompare(fork, 1, 105)).toBe(105);
    expect(stepToCompare(fork, 1, 112)).toBe(100);
    expect(stepToCompare(fork, 1, 3)).toBe(100);
  });
});

test("Wilson's interval is the textbook's, and lies between 0 and 1", () => {
  const [low, high] = wilson(8, 10);
  expect(low).toBeCloseTo(0.4902, 3);
  expect(high).toBeCloseTo(0.9433, 3);
  expect(wilson(0, 10)[0]).toBe(0);
  expect(wilson(10, 10)[1]).toBeCloseTo(1, 12);
  expect(wilson(0, 0)).toEqual([0, 1]);
});

describe("a job", () => {
  /** A session whose one request stays open until it is answered. */
  function waiting() {
    let open: { resolve: (reply: Reply) => void; options: RequestOptions } | undefined;
    const request = vi.fn(
      (_method: string, _params: object, options: RequestOptions = {}) =>
        new Promise<Reply>((resolve, reject) => {
          open = { resolve, options };
          options.signal?.addEventListener("abort", () => reject(options.signal?.reason));
        }),
    );
    const session = { request, invalidate: vi.fn() };
    return { job: new Job(session), session, open: () => open as NonNullable<typeof open> };
  }

  test("tells how far it is, and returns the result", async () => {
    const { job, open } = waiting();
    const done = job.run("fork", {});
    expect(job.progress?.stage).toBe("starting");
    open().options.progress?.({ stage: "branches", done: 3, total: 8 });
    expect(job.progress?.done).toBe(3);
    open().resolve([{ name: "step 7" }, []]);
    expect(await done).toEqual({ name: "step 7" });
    expect(job.progress).toBeNull();
  });

  test("that is cancelled ends without a failure", async () => {
    const { job } = waiting();
    const done = job.run("fork", {});
    job.cancel();
    expect(await done).toBeUndefined();
    expect([job.progress, job.failure]).toEqual([null, ""]);
  });

  test("that fails says why", async () => {
    const { job, session } = waiting();
    session.request.mockRejectedValueOnce(new Error("ValueError: no such step"));
    expect(await job.run("fork", {})).toBeUndefined();
    expect(job.failure).toBe("ValueError: no such step");
    expect(job.progress).toBeNull();
  });
});
