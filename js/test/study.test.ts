import { describe, expect, test } from "vitest";
import { arrow, glyph, outputFromLogits, outputGroup } from "../core/actions.ts";
import { featureColour, parseHex } from "../core/colours.ts";
import { episodeAt, episodeJump, stored } from "../core/study.ts";
import { chunkOrder, requestKey, wanted } from "../core/wants.ts";
import { syntheticStudy } from "./synthetic.ts";

const study = syntheticStudy({ numTrajectories: 2, numSteps: 300 });
const place = { trajectory: 0, step: 130, layer: "2b", outputs: ["value"], direction: 1 };

describe("wants", () => {
  test("a key is the same for any order of the params, and as Python writes it", () => {
    expect(requestKey("observations", { trajectory: 1, chunk: 2 })).toBe(
      'observations{"chunk":2,"trajectory":1}',
    );
    expect(requestKey("a", { x: 1, b: "é" })).toBe(requestKey("a", { b: "é", x: 1 }));
  });

  test("the chunk shown comes first, then two ahead and one behind", () => {
    expect(chunkOrder(5, 100, 1, false)).toEqual([5, 6, 7, 4]);
    expect(chunkOrder(5, 100, -1, false)).toEqual([5, 4, 3, 6]);
    expect(chunkOrder(0, 2, -1, false)).toEqual([0, 1]);
  });

  test("a short trajectory is fetched whole, outward, each chunk once", () => {
    const order = chunkOrder(2, 8, 1, true);
    expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(order.slice(0, 4)).toEqual([2, 3, 4, 1]);
  });

  test("the frame on show precedes all else, and nothing is wanted twice", () => {
    const keys = wanted(study, place, null).map(({ key }) => key);
    expect(keys.slice(0, 2)).toEqual([
      requestKey("observations", { trajectory: 0, chunk: 2 }),
      requestKey("attribution", { trajectory: 0, layer: "2b", output: "value", chunk: 2 }),
    ]);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.some((key) => key.startsWith("preview"))).toBe(false);
  });

  test("attribution that is not stored is asked for only while it is computed", () => {
    const methods = (computing: string | null) =>
      new Set(wanted(study, { ...place, layer: "4a" }, computing).map(({ method }) => method));
    expect(methods(null).has("attribution")).toBe(false);
    expect(methods("value").has("attribution")).toBe(true);
  });

  test("each row's attribution follows the frame it is of; the same output twice is asked for once", () => {
    const rows = { ...place, outputs: ["value", "RIGHT", "LEFT", "value"] };
    const keys = wanted(study, rows, null).map(({ key }) => key);
    const attributed = (output: string, chunk: number) =>
      requestKey("attribution", { trajectory: 0, layer: "2b", output, chunk });
    // LEFT is not stored at 2b.
    expect(keys.slice(1, 3)).toEqual([attributed("value", 2), attributed("RIGHT", 2)]);
    expect(keys).not.toContain(attributed("LEFT", 2));
    expect(new Set(keys).size).toBe(keys.length);
    const chunks = keys.filter((key) => key.startsWith("attribution"));
    expect(chunks.length).toBe(2 * 5);
  });

  test("what changed since the last step needs the chunk before, ahead of everything but the frame on show", () => {
    const keys = wanted(study, { ...place, looksBack: true }, null).map(({ key }) => key);
    expect(keys[2]).toBe(
      requestKey("attribution", { trajectory: 0, layer: "2b", output: "value", chunk: 1 }),
    );
    const first = wanted(study, { ...place, step: 5, looksBack: true }, null);
    expect(first.length).toBe(wanted(study, { ...place, step: 5 }, null).length);
  });

  test("a long trajectory is previewed instead of fetched", () => {
    const long = wanted(syntheticStudy({ numTrajectories: 1, numSteps: 100_000 }), place, null);
    expect(long.some(({ method }) => method === "preview")).toBe(true);
    expect(long.filter(({ method }) => method === "observations").length).toBe(4);
  });
});

describe("episodes", () => {
  test("every step belongs to exactly one", () => {
    for (const { episodes, num_steps } of study.trajectories)
      for (let step = 0; step < num_steps; step++) {
        const episode = episodes[episodeAt(episodes, step)];
        expect(episode && step >= episode.start && step < episode.stop).toBe(true);
      }
    expect(episodeAt(study.trajectories[0]?.episodes ?? [], 300)).toBe(-1);
  });

  test("jumps go to starts, and stop at the ends", () => {
    const trajectory = study.trajectories[0];
    if (!trajectory) throw new Error("no trajectory");
    const second = trajectory.episodes[1]?.start ?? -1;
    expect(episodeJump(trajectory, 0, 1)).toBe(second);
    expect(episodeJump(trajectory, second + 5, -1)).toBe(second);
    expect(episodeJump(trajectory, second, -1)).toBe(0);
    expect(episodeJump(trajectory, 0, -1)).toBe(0);
    expect(episodeJump(trajectory, 299, 1)).toBe(299);
  });

  test("a trajectory of one episode is jumped by tenths", () => {
    const one = { num_steps: 100, episodes: study.trajectories[0]?.episodes.slice(0, 1) ?? [] };
    expect(episodeJump(one, 50, 1)).toBe(60);
    expect(episodeJump(one, 3, -1)).toBe(0);
  });
});

describe("outputs and actions", () => {
  const actions = ["LEFT", "NOOP", "RIGHT"];
  const logits = [1, 2, 6];

  test.each([
    ["value", null],
    ["RIGHT", 6],
    ["centred:RIGHT", 3],
    ["log_prob:RIGHT", -0.02476],
    ["difference:RIGHT,LEFT", 5],
    ["sum:RIGHT,NOOP", 8],
    ["JUMP", null],
  ])("%s of the logits is %s", (output, expected) => {
    const result = outputFromLogits(output, logits, actions);
    if (expected === null) expect(result).toBeNull();
    else expect(result).toBeCloseTo(expected, 4);
  });

  test("outputs are grouped by what they are", () => {
    expect(["value", "RIGHT+UP", "log_prob:UP", "sum:A,D"].map(outputGroup)).toEqual([
      "value",
      "logits",
      "log-probabilities",
      "sums",
    ]);
  });

  test("directions are arrows, the rest is text", () => {
    expect(glyph("RIGHT+UP")).toEqual({ angle: 45 });
    expect(glyph("NOOP")).toEqual({ text: "·" });
    expect(["FIRE", "JUMP+RUN"].map(glyph)).toEqual([{ text: "FIRE" }, { text: "JUM" }]);
    expect(glyph("UPRIGHT")).toEqual({ angle: 45 });
    expect(["RIGHTFIRE", "DOWNLEFTFIRE"].map(glyph)).toEqual([{ text: "→•" }, { text: "↙•" }]);
    expect(["UP", "LEFT", "D"].map(arrow)).toEqual(["↑", "←", ""]);
  });

  test("what is stored of an output is told apart", () => {
    expect(stored(study, "2b", "value")).toBe("all");
    expect(stored(study, "2b", "LEFT")).toBe("none");
    expect(stored(study, "9z", "value")).toBe("none");
  });

  test("colours come from the study, else from the palette", () => {
    expect(parseHex("#0a10ff")).toEqual([10, 16, 255]);
    expect(parseHex("red")).toEqual([153, 153, 153]);
    expect(featureColour([{ colour: "#123456" }, { colour: null }], 0)).toBe("#123456");
    expect(featureColour([{ colour: null }], 0)).toBe(featureColour([], 8));
  });
});
