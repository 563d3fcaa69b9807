import { describe, expect, it } from "vitest";
import type { Path } from "../host/counterfactual_futures.ts";
import { type Mind, mindOf } from "../host/counterfactual_reply.ts";
import { measureOf } from "../host/measure.ts";
import { along } from "../host/measured_path.ts";
import { syntheticStudy } from "./synthetic.ts";

const floats = (...data: number[]) => ({
  data: Float32Array.from(data),
  dims: ["version"],
  shape: [data.length],
});
const path = { values: Float32Array.of(1, 2), logits: Float32Array.of(3, 5, 4, 9) } as Path;
const study = { ...syntheticStudy(), action_names: ["LEFT", "RIGHT"] };
const policy = { ...study, has_value: false };

describe("what two worlds are compared by", () => {
  const mind: Mind = mindOf(1, { value: floats(7, 8), output_value: floats(0.5, -0.5) });

  it("is the value, as a share of a success", () => {
    const measure = measureOf(study, "RIGHT");
    expect([measure.name, measure.mark, measure.scale, measure.of(mind)]).toEqual(["value", "V", 10, 8]);
    expect(along(path, study, "RIGHT")).toBe(path.values);
  });

  it("is the output explained where the agent has a policy alone", () => {
    const measure = measureOf(policy, "difference:RIGHT,LEFT");
    expect([measure.name, measure.mark, measure.scale, measure.of(mind)]).toEqual([
      "RIGHT − LEFT",
      "",
      null,
      -0.5,
    ]);
    expect(Array.from(along(path, policy, "difference:RIGHT,LEFT"))).toEqual([2, 5]);
  });

  it("is no number where nothing has been looked at, or a path came without logits", () => {
    expect(measureOf(policy, "RIGHT").of(mindOf(0, {}))).toBeNaN();
    const kept = { ...path, logits: new Float32Array(0) };
    expect(Array.from(along(kept, policy, "RIGHT"))).toEqual([Number.NaN, Number.NaN]);
  });
});
