/** What the timeline shows beneath each other: series with their scales, and where each lane lies. */
import { outputFromLogits } from "../core/actions.ts";
import { size } from "../core/arrays.ts";
import { featureColour } from "../core/colours.ts";
import { type Lane, type Scale, stack, valueScale } from "../core/timeline.ts";
import { outputUnit } from "../core/units.ts";
import { type Loaded, numbers } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";

export interface Series {
  name: string;
  /** Of the numbers; empty where the name says it. */
  unit: string;
  values: ArrayLike<number>;
  scale: Scale;
  kind: "line" | "area" | "sticks";
  height: number;
  decimals: number;
  /** Of the feature that it is of. */
  colour?: string;
}

export interface Layout {
  /** Of all, and of what is between the gutters. */
  width: number;
  inner: number;
  height: number;
  episodes: Lane;
  strip: Lane;
  steps: Lane;
  series: (Series & { lane: Lane })[];
}

/** As the style sheet has them, for the slider too. */
export const GUTTER = { left: 40, right: 116 };
const EPISODES = 18;
const STRIP = 40;
const STEPS = 12;
const GAP = 8;

/** What `series` depends on: as long as all of these stay, so do the series. */
export const seriesInputs = ({ study, trajectory, curves, rows, pinned, totals }: Scene): unknown[] => [
  study,
  trajectory,
  curves,
  pinned,
  pinned === null || totals,
  rows.map(({ output }) => output).join("\n"),
];

/** One series a curve: the value, each further output that is explained, advantage, reward, and the pinned feature. */
export function series(scene: Scene): Series[] {
  const { curves, rows, pinned, study } = scene;
  const list: Series[] = [];
  /** What an agent lacks (a value, and with it the advantage) has no lane; what has not come yet has. */
  const add = (name: string, unit: string, values: ArrayLike<number>, rest: Partial<Series> = {}) => {
    if (curves && values.length === 0) return;
    const kind = rest.kind ?? "line";
    const scale = valueScale(values, { zero: kind !== "line", ticks: kind === "sticks" ? 1 : 3 });
    list.push({ name, unit, values, kind, scale, height: 48, decimals: 2, ...rest });
  };
  if (study.has_value) add("value", outputUnit("value"), numbers(curves, "value"), { height: 56 });
  for (const [output, label] of new Map(rows.map((row) => [row.output, row.label])))
    if (output !== "value") add(label, outputUnit(output), ofOutput(scene, output));
  if (study.has_value)
    add("advantage", outputUnit("value"), numbers(curves, "advantage"), { kind: "area", height: 44 });
  if (pinned !== null && scene.totals?.arrays.total) {
    const feature = scene.layer?.features[pinned];
    const colour = feature && featureColour(scene.layer?.features ?? [], pinned);
    const name = feature?.name ?? "residual";
    add(name, outputUnit(scene.output), totalOf(scene.totals, pinned), { kind: "area", height: 40, colour });
  }
  const reward = numbers(curves, "reward");
  const decimals = reward.every?.(Number.isInteger) ? 0 : 2;
  add("reward", "", reward, { kind: "sticks", height: 24, decimals });
  return list;
}

/** An output at every step, from the logits. */
function ofOutput({ curves, study }: Scene, output: string): Float32Array {
  const logits = curves?.arrays.policy_logits;
  if (!logits) return new Float32Array(0);
  const width = size(logits, "logit");
  return Float32Array.from({ length: size(logits, "step") }, (_, step) => {
    const frame = logits.data.subarray(step * width, (step + 1) * width);
    return outputFromLogits(output, frame, study.action_names) ?? Number.NaN;
  });
}

/** A feature's total at every step, the residual's after the last; NaN where nothing is computed. */
function totalOf(totals: Loaded, feature: number): Float32Array {
  const total = totals.arrays.total;
  const count = total ? size(total, "feature") : 0;
  const residual = numbers(totals, "residual_total");
  return Float32Array.from(numbers(totals, "completeness_error"), (error, step) => {
    if (Number.isNaN(error)) return Number.NaN;
    return (feature < count ? total?.data[step * count + feature] : residual[step]) ?? Number.NaN;
  });
}

/** Lanes for a timeline `width` CSS pixels wide. */
export function layOut(list: readonly Series[], width: number): Layout {
  const heights = [EPISODES, STRIP, ...list.map(({ height }) => height), STEPS];
  const lanes = stack(heights, 2, GAP);
  const lane = (index: number): Lane => lanes.at(index) ?? { top: 0, height: 0 };
  return {
    width,
    inner: Math.max(1, width - GUTTER.left - GUTTER.right),
    height: lane(-1).top + STEPS + 2,
    episodes: lane(0),
    strip: lane(1),
    steps: lane(-1),
    series: list.map((one, index) => ({ ...one, lane: lane(index + 2) })),
  };
}
