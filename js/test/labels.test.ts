import { describe, expect, it } from "vitest";
import { labelsApart } from "../core/labels.ts";

const LINE = 14;
const ENDS = [8, 92] as const;
const at = (y: number, left = 0, right = 40) => ({ y, left, right });

describe("labelsApart", () => {
  it("leaves labels where they are that do not meet", () => {
    expect(labelsApart([at(20), at(60)], LINE, ENDS)).toEqual([20, 60]);
    expect(labelsApart([at(20), at(22, 50, 90)], LINE, ENDS)).toEqual([20, 22]);
    expect(labelsApart([at(0)], LINE, ENDS)).toEqual([8]);
    expect(labelsApart([], LINE, ENDS)).toEqual([]);
  });

  it("moves others a line apart, in their order and inside", () => {
    for (const [a, b] of [
      [50, 50],
      [50, 54],
      [54, 50],
      [0, 3],
      [100, 100],
      [99, 92],
    ] as const) {
      const [one = 0, two = 0] = labelsApart([at(a), at(b)], LINE, ENDS);
      expect(Math.abs(one - two)).toBe(LINE);
      if (a !== b) expect(one < two).toBe(Math.min(a, 92) <= Math.min(b, 92));
      expect(Math.min(one, two)).toBeGreaterThanOrEqual(8);
      expect(Math.max(one, two)).toBeLessThanOrEqual(92);
    }
  });
});
