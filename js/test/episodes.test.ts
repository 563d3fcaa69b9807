import { describe, expect, test } from "vitest";
import { causesInWords, outcomeInWords, packEpisodes, unpackEpisodes } from "../core/episodes.ts";
import { studyOf } from "../core/study.ts";
import { packed, syntheticStudy } from "./synthetic.ts";

describe("episodes as columns", () => {
  const study = syntheticStudy({ numTrajectories: 2, numSteps: 500 });

  test("unpack to what was packed", () => {
    for (const { episodes, num_steps } of study.trajectories)
      expect(unpackEpisodes(packEpisodes(episodes), num_steps)).toEqual(episodes);
  });

  test("a cause is kept where there is one", () => {
    const columns = {
      start: [0, 5],
      level_seed: [1, 2],
      return: [10, null],
      outcome: "cf",
      cause: ["", "saw"],
    };
    const [won, lost] = unpackEpisodes(columns, 9);
    expect(won).toEqual({ start: 0, stop: 5, level_seed: 1, return: 10, outcome: "completed" });
    expect(lost).toEqual({
      start: 5,
      stop: 9,
      level_seed: 2,
      return: Number.NaN,
      outcome: "failed",
      cause: "saw",
    });
  });

  test("causes of failures are counted, the most frequent first, and said of each episode", () => {
    const [episode] = study.trajectories[0]?.episodes ?? [];
    if (!episode) throw new Error("the study has no episode");
    const { cause: _, ...unknown } = episode;
    const won = { ...unknown, outcome: "completed" as const, cause: "coin" };
    const lost = ["saw", "lava", "lava"].map((cause) => ({ ...won, outcome: "failed" as const, cause }));
    expect(causesInWords([...lost, won, unknown])).toBe("2 lava, 1 saw");
    expect(causesInWords([unknown])).toBe("");
    expect(outcomeInWords({ ...unknown, outcome: "failed", cause: "saw" })).toBe("failed: saw");
    expect(outcomeInWords({ ...unknown, outcome: "failed" })).toBe("failed");
  });

  test("a described study is opened once, so that views can compare by identity", () => {
    const described = packed(study);
    expect(studyOf(described)).toEqual(study);
    expect(studyOf(described)).toBe(studyOf(described));
    expect(studyOf({})).toBeNull();
    expect(studyOf(undefined)).toBeNull();
  });
});
