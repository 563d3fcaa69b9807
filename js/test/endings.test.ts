import { describe, expect, test } from "vitest";
import { culpritInWords, culpritsInWords, necessityInWords, sufficiencyInWords } from "../core/endings.ts";
import { answer } from "./answers.ts";
import { syntheticStudy } from "./synthetic.ts";

describe("how an episode ended", () => {
  const saw = { key: "entity 5", object_class: "saw", x: 12.5, y: 3.25 };

  test("what did it is named by class and place, and by its key where masks do not know it", () => {
    expect(culpritInWords(saw)).toBe("saw at 12.5, 3.3 (entity 5)");
    expect(culpritInWords({ ...saw, object_class: "boss_bullet", x: 0 })).toBe(
      "boss bullet at 0.0, 3.3 (entity 5)",
    );
    expect(culpritInWords({ key: "cell 12,3" })).toBe("cell 12,3");
    expect(culpritsInWords([saw, { key: "cell 12,3" }])).toBe("saw at 12.5, 3.3 (entity 5); cell 12,3");
    expect(culpritsInWords([])).toBe("no object");
  });

  test("only what replay has proven is said to be so", () => {
    for (const words of [
      (yes: boolean) => necessityInWords({ necessary: yes }),
      (yes: boolean) => sufficiencyInWords({ sufficient: yes }),
    ]) {
      expect(words(true)).toMatch(/^yes: /);
      expect(words(false)).toMatch(/^not proven/);
    }
  });
});

test("the synthetic kernel knows an end for exactly the episodes with a cause, if the study has any", () => {
  const study = syntheticStudy({ numTrajectories: 2, numSteps: 400 });
  for (const [trajectory, { episodes }] of study.trajectories.entries())
    for (const [episode, { cause, stop }] of episodes.entries()) {
      const result = answer(study, "ending", { trajectory, episode })?.result;
      expect(result?.found).toBe(cause !== undefined);
      if (cause) expect(result).toMatchObject({ at_step: stop - 1, cause });
    }
  const old = syntheticStudy({ endings: false });
  expect("endings" in old).toBe(false);
  expect(answer(old, "ending", { trajectory: 0, episode: 0 })?.result.found).toBe(false);
});
