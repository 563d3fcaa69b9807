import { describe, expect, test } from "vitest";
import { outputFromLogits, outputLabel } from "../core/actions.ts";
import { composed, groupsOf, KINDS, parts } from "../core/outputs.ts";
import { MAX_ROWS, movedRow, withOutput, withoutRow, withRow } from "../core/rows.ts";
import { syntheticStudy } from "./synthetic.ts";
import { ACTIONS } from "./world.ts";

describe("composed outputs", () => {
  test("have the names that Python's Output.parse gives", () => {
    const name = (kind: (typeof KINDS)[number]["value"], ...picked: string[]) =>
      composed(kind, picked, ACTIONS);
    expect(name("value")).toBe("value");
    expect(name("logit", "RIGHT")).toBe("RIGHT");
    expect(name("centred", "RIGHT+UP")).toBe("centred:RIGHT+UP");
    expect(name("log_prob", "D")).toBe("log_prob:D");
    expect(name("difference", "RIGHT", "LEFT")).toBe("difference:RIGHT,LEFT");
    expect(name("sum", "RIGHT", "LEFT", "RIGHT")).toBe("sum:LEFT,RIGHT");
  });

  test("are none while actions are missing or unknown", () => {
    expect(composed("centred", [], ACTIONS)).toBeNull();
    expect(composed("difference", ["RIGHT"], ACTIONS)).toBeNull();
    expect(composed("difference", ["RIGHT", "RIGHT"], ACTIONS)).toBeNull();
    expect(composed("sum", ["RIGHT"], ACTIONS)).toBeNull();
    expect(composed("logit", ["JUMP"], ACTIONS)).toBeNull();
    expect(composed("value", [], [])).toBe("value");
  });

  test("come apart into what they were put together from", () => {
    for (const { value: kind, actions } of KINDS) {
      const picked = ["LEFT", "RIGHT", "UP"].slice(0, Math.min(3, actions));
      const output = composed(kind, picked, ["LEFT", "RIGHT", "UP"]) ?? "";
      expect(parts(output)).toEqual({ kind, picked });
      if (kind !== "value")
        expect(outputFromLogits(output, [1, 2, 3], ["LEFT", "RIGHT", "UP"])).not.toBeNull();
    }
  });

  test("groups hold two or more actions, each by the direction in it; the rest are one group", () => {
    const groups = groupsOf(ACTIONS);
    expect(groups.map(({ name }) => name)).toEqual(["RIGHT", "LEFT", "UP", "DOWN", "none of these"]);
    expect(groups[0]?.members).toEqual(["RIGHT+DOWN", "RIGHT", "RIGHT+UP"]);
    expect(groups[4]?.members).toEqual(["NOOP", "D", "A", "W", "S", "Q", "E"]);
    expect(groupsOf(["FIRE"])).toEqual([]);
  });

  test("one that Python does not list is called what Python would call it", () => {
    const study = syntheticStudy({ numTrajectories: 1, numSteps: 4 });
    expect(outputLabel(study, "value")).toBe("value");
    expect(outputLabel(study, "difference:UP,DOWN")).toBe("UP minus DOWN");
    expect(outputLabel(study, "centred:UP")).toBe("centred logit of UP");
    expect(outputLabel(study, "sum:UP,DOWN")).toBe("sum of logits of UP, DOWN");
    expect(outputLabel({ ...study, outputs: [] }, "UP")).toBe("logit of UP");
  });
});

describe("rows", () => {
  const rows = ["value", "RIGHT", "LEFT"];

  test("a new one explains what the last does, up to a limit", () => {
    expect(withRow(rows)).toEqual([...rows, "LEFT"]);
    let many: string[] = rows;
    for (let count = 0; count < 20; count++) many = withRow(many);
    expect(many.length).toBe(MAX_ROWS);
  });

  test("the last one that is left cannot be removed", () => {
    expect(withoutRow(rows, 1)).toEqual(["value", "LEFT"]);
    expect(withoutRow(["value"], 0)).toEqual(["value"]);
  });

  test("moving there and back changes nothing, and at an end neither does moving on", () => {
    expect(movedRow(rows, 0, 1)).toEqual(["RIGHT", "value", "LEFT"]);
    expect(movedRow(movedRow(rows, 0, 1), 1, -1)).toEqual(rows);
    expect(movedRow(rows, 2, 1)).toEqual(rows);
    expect(movedRow(rows, 0, -1)).toEqual(rows);
  });

  test("an output is replaced in its row alone", () => {
    expect(withOutput(rows, 1, "UP")).toEqual(["value", "UP", "LEFT"]);
  });
});
