import { describe, expect, test } from "vitest";
import { extent, minMax } from "../core/decimate.ts";
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

describe("decimation", () => {
  const values = Float32Array.from({ length: 10_000 }, (_, i) => Math.sin(i / 50) + (i === 7321 ? 9 : 0));

  test("keeps the smallest and largest value, for any number of bins", () => {
    for (const bins of [1, 7, 300, 4000]) {
      const parts = minMax(values, 0, values.length, bins);
      expect(extent(parts.subarray(0, bins))?.low).toBe(extent(values)?.low);
      expect(extent(parts.subarray(bins))?.high).toBe(extent(values)?.high);
    }
  });

  test("every value lies between the low and high of its bin", () => {
    const parts = minMax(values, 100, 600, 50);
    for (let index = 100; index < 600; index++) {
      const bin = Math.floor(((index - 100) * 50) / 500);
      expect(parts[bin]).toBeLessThanOrEqual(values[index] ?? 0);
      expect(parts[50 + bin]).toBeGreaterThanOrEqual(values[index] ?? 0);
    }
  });

  test("gaps stay gaps", () => {
    const parts = minMax([1, Number.NaN, Number.NaN, 2], 0, 4, 4);
    expect([...parts]).toEqual([1, Number.NaN, Number.NaN, 2, 1, Number.NaN, Number.NaN, 2]);
    expect(extent([Number.NaN])).toBeNull();
  });
});
