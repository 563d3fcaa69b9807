import { describe, expect, test } from "vitest";
import { extent } from "../core/decimate.ts";
import { decimalsFor, fixed, niceStep, probability, signed, softmax, thousands } from "../core/numbers.ts";

describe("softmax", () => {
  test("sums to one, keeps order, and ignores a common shift however large", () => {
    const chances = softmax([1, 3, 2]);
    expect(chances.reduce((sum, chance) => sum + chance)).toBeCloseTo(1, 12);
    expect(chances[1]).toBeGreaterThan(chances[2] ?? 1);
    expect([...softmax([1001, 1003, 1002])]).toEqual([...chances]);
    expect(softmax([1e30, 0])[0]).toBe(1);
  });
});

describe("numbers as text", () => {
  test.each([
    [1.005, 2, "1.00"],
    [-0.25, 2, "−0.25"],
    [-0.001, 2, "0.00"],
    [Number.NaN, 2, "–"],
    [null, 0, "–"],
    [undefined, 0, "–"],
  ])("fixed(%s, %s) is %s", (value, decimals, text) => expect(fixed(value, decimals)).toBe(text));

  test("signed marks both signs but not zero", () => {
    expect([0.21, -0.13, 0, 0.001].map((value) => signed(value, 2))).toEqual([
      "+0.21",
      "−0.13",
      "0.00",
      "0.00",
    ]);
  });

  test("decimals follow the scale", () => {
    expect([1234, 12, 1, 0.5, 0.021, 0].map(decimalsFor)).toEqual([0, 1, 2, 3, 4, 2]);
  });

  test("probabilities lose their zero, and small ones are left out", () => {
    expect([0.614, 0.004, 0.999, 1].map(probability)).toEqual([".61", "", "1.0", "1.0"]);
  });

  test("thousands are set apart", () => {
    expect(thousands(8812734)).toBe("8\u2009812\u2009734");
    expect(thousands(512)).toBe("512");
  });

  test("a nice step is 1, 2 or 5 times a power of ten and never too small", () => {
    for (const rough of [0.0007, 0.3, 1, 1.1, 4.9, 7, 4321]) {
      const step = niceStep(rough);
      expect(step).toBeGreaterThanOrEqual(rough * (1 - 1e-9));
      expect(step).toBeLessThanOrEqual(rough * 2.5);
      expect([1, 2, 5, 10]).toContain(
        Math.round((step / 10 ** Math.floor(Math.log10(step) + 1e-9)) * 1e6) / 1e6,
      );
    }
  });
});

test("an extent is of finite numbers alone, and none without any", () => {
  expect(extent([3, Number.NaN, -1, Number.POSITIVE_INFINITY])).toEqual({ low: -1, high: 3 });
  expect(extent([Number.NaN])).toBeNull();
});
