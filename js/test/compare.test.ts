import { describe, expect, test } from "vitest";
import { pixelDifference, policyOf, totalVariation, unionOf } from "../core/compare.ts";
import { distances, policyTable } from "../core/policies.ts";

describe("the distance of two policies", () => {
  const a = { names: ["LEFT", "RIGHT", "UP"], chances: [0.2, 0.5, 0.3] };
  const b = { names: ["LEFT", "RIGHT", "UP"], chances: [0.6, 0.3, 0.1] };

  test("is what probability has to move, symmetric, and zero for equals", () => {
    expect(totalVariation(a, b)).toBeCloseTo(0.4, 12);
    expect(totalVariation(b, a)).toBeCloseTo(0.4, 12);
    expect(totalVariation(a, a)).toBe(0);
  });

  test("goes by the actions' names, not by their order", () => {
    const turned = { names: ["UP", "LEFT", "RIGHT"], chances: [0.3, 0.2, 0.5] };
    expect(totalVariation(a, turned)).toBeCloseTo(0, 12);
  });

  test("is one where no action is shared", () => {
    expect(totalVariation(a, { names: ["FIRE", "NOOP"], chances: [0.9, 0.1] })).toBeCloseTo(1, 12);
  });

  test("takes only logits that are actions", () => {
    expect(Array.from(policyOf(["LEFT", "RIGHT"], [1, 1, 50])?.chances ?? [])).toEqual([0.5, 0.5]);
    expect(policyOf(["LEFT"], null)).toBeNull();
  });
});

test("distances of whole trajectories are those of their steps, whatever the actions and the offset", () => {
  const logits = Float32Array.from({ length: 60 }, (_, index) => 3 * Math.sin(7 * index));
  const others = Float32Array.from({ length: 40 }, (_, index) => 2 * Math.cos(5 * index));
  const [names, otherNames] = [
    ["LEFT", "RIGHT"],
    ["UP", "RIGHT"],
  ];
  // The first agent has three logits a step, of which the last is no action.
  const [a, b] = [policyTable(names, logits, 3), policyTable(otherNames, others, 2)];
  const found = distances(a, b, 4, 1, 15);
  for (let step = 0; step < 15; step++) {
    const one = policyOf(names, logits.subarray(3 * (4 + step)));
    const other = policyOf(otherNames, others.subarray(2 * (1 + step)));
    expect(found[step]).toBeCloseTo(one && other ? totalVariation(one, other) : Number.NaN, 5);
  }
  expect(Math.max(...distances(a, a, 3, 3, 9))).toBe(0);
});

test("actions of several agents are listed once each", () => {
  expect(
    unionOf([
      ["LEFT", "NOOP"],
      ["NOOP", "FIRE"],
    ]),
  ).toEqual(["LEFT", "NOOP", "FIRE"]);
});

test("the difference of two frames is grey, the largest of its channels, and counts pixels", () => {
  const a = Uint8Array.of(10, 20, 30, 7, 7, 7);
  const b = Uint8Array.of(13, 20, 20, 7, 7, 7);
  const out = new Uint8ClampedArray(8);
  expect(pixelDifference(a, b, out)).toBe(0.5);
  expect([...out]).toEqual([10, 10, 10, 255, 0, 0, 0, 255]);
  expect(pixelDifference(b, a, out)).toBe(0.5);
  expect(pixelDifference(a, a, out)).toBe(0);
  expect([...out]).toEqual([0, 0, 0, 255, 0, 0, 0, 255]);
});
