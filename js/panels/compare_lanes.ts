/** What a comparison's timeline shows beneath each other: the members' frames, and curves that share a lane. */
import { outputFromLogits } from "../core/actions.ts";
import { difference, overlap, spread } from "../core/align.ts";
import type { Extent } from "../core/decimate.ts";
import { distances, type PolicyTable, policyTable } from "../core/policies.ts";
import {
  type Axis,
  axisOver,
  type Lane,
  type Scale,
  type Span,
  stack,
  valueScale,
} from "../core/timeline.ts";
import { type CompareScene, type MemberScene, othersOf } from "../host/compare_scene.ts";
import { type Loaded, numbers, slice } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";

export interface Curve {
  /** Whose line it is drawn with. */
  member: number;
  letter: string;
  values: Float32Array;
}

export interface Series {
  name: string;
  title: string;
  curves: Curve[];
  scale: Scale;
  lane: Lane;
  signed: boolean;
}

export interface Layout {
  axis: Axis;
  width: number;
  height: number;
  marks: Lane;
  strips: Lane[];
  series: Series[];
}

const GUTTER = { left: 40, right: 116 }; // as in styles/time.css
const MARKS = 20;
const STRIP = 28;
const GAP = 10;
const READOUT = 14; // height of one line of numbers beside a lane

interface Plan {
  name: string;
  title: string;
  curves: Curve[];
  height: number;
  zero?: boolean;
  signed?: boolean;
  range?: Extent;
}

/** All numbers on the shared time; worked out when data or the alignment change, not at every step. */
export function plans(compared: CompareScene): Plan[] {
  const { members, selected, output, outputs } = compared;
  const label = outputs.find(({ name }) => name === output)?.label ?? output;
  const value = curvesOf(compared, "value");
  const chosen = output === "value" ? value : members.map((member) => outputCurve(compared, member));
  const list: Plan[] = [];
  if (value.some(hasNumbers))
    list.push({ name: "value", title: "expected discounted return", curves: value, height: 72 });
  if (output !== "value") list.push({ name: label, title: label, curves: chosen, height: 60 });
  const advantage = curvesOf(compared, "advantage");
  if (advantage.some(hasNumbers))
    list.push({
      name: "advantage",
      title: "advantage",
      curves: advantage,
      height: 52,
      zero: true,
      signed: true,
    });
  const [base] = chosen.filter(({ member }) => member === selected);
  const others = othersOf(compared);
  const minus = others.length === 1 ? `${others[0]?.letter} − ${base?.letter}` : `other − ${base?.letter}`;
  const differences = chosen
    .filter(({ member }) => member !== selected)
    .map((curve) => ({ ...curve, values: difference(curve.values, base?.values ?? []) }));
  list.push({
    name: `Δ ${minus}`,
    title: `${label}, ${minus}`,
    curves: differences,
    height: 52,
    zero: true,
    signed: true,
  });
  list.push({
    name: "policy dist.",
    title: "total variation distance of the policies, 0 to 1",
    curves: others.map((other) => distanceCurve(compared, other)),
    height: 36,
    range: { low: 0, high: 1 },
  });
  return list;
}

const hasNumbers = ({ values }: Curve): boolean => values.some(Number.isFinite);

function curvesOf({ members, numSteps }: CompareScene, name: string): Curve[] {
  return members.map(({ index, letter, scene, track }) => ({
    member: index,
    letter,
    values: spread(numbers(scene?.curves, name), track, numSteps),
  }));
}

function outputCurve(
  { numSteps, output }: CompareScene,
  { index, letter, scene, track }: MemberScene,
): Curve {
  const own = scene?.curves ? outputsOf(scene.curves, scene, output) : [];
  return { member: index, letter, values: spread(own, track, numSteps) };
}

/** Worked out once for each trajectory: with 100,000 steps it would be felt whenever another member is selected. */
const outputs = new WeakMap<Loaded, Map<string, Float32Array>>();
const policies = new WeakMap<Loaded, PolicyTable>();

function outputsOf(curves: Loaded, { study, numSteps }: Scene, output: string): Float32Array {
  const known = outputs.get(curves) ?? new Map<string, Float32Array>();
  outputs.set(curves, known);
  let values = known.get(output);
  if (!values) {
    values = Float32Array.from({ length: numSteps }, (_, step) => {
      const logits = slice(curves, "policy_logits", step);
      return (logits && outputFromLogits(output, logits, study.action_names)) ?? Number.NaN;
    });
    known.set(output, values);
  }
  return values;
}

function policiesOf({ curves, study }: Scene): PolicyTable | null {
  const logits = curves?.arrays.policy_logits;
  if (!curves || !logits) return null;
  const known = policies.get(curves) ?? policyTable(study.action_names, logits.data, logits.shape[1] ?? 0);
  policies.set(curves, known);
  return known;
}

function distanceCurve({ members, selected, numSteps }: CompareScene, other: MemberScene): Curve {
  const values = new Float32Array(numSteps).fill(Number.NaN);
  const base = members[selected];
  const [a, b] = [base?.scene && policiesOf(base.scene), other.scene && policiesOf(other.scene)];
  if (a && b && base?.track && other.track) {
    const { start, stop } = overlap(base.track, other.track);
    const [first, second] = [start + base.track.offset, start + other.track.offset];
    values.set(distances(a, b, first, second, stop - start), start);
  }
  return { member: other.index, letter: other.letter, values };
}

/** Where everything lies in `width` CSS pixels that show `span`. */
export function layOut(planned: readonly Plan[], numMembers: number, width: number, span: Span): Layout {
  const heights = [MARKS, ...Array.from({ length: numMembers }, () => STRIP)];
  const [marks, ...strips] = stack(heights, 0, 4);
  const below = (strips.at(-1)?.top ?? 0) + STRIP + GAP;
  const lanes = stack(
    planned.map(({ height, curves }) => Math.max(height, READOUT * (curves.length + 1))),
    below,
    GAP,
  );
  const nothing = { top: 0, height: 0 };
  const series = planned.map(({ curves, zero = false, signed = false, range, ...plan }, index): Series => {
    const all = curves.flatMap(({ values }) => lowAndHigh(values));
    const scale = range ? { ...range, ticks: [range.low, range.high] } : valueScale(all, { zero, ticks: 3 });
    return { name: plan.name, title: plan.title, curves, scale, signed, lane: lanes[index] ?? nothing };
  });
  const last = lanes.at(-1) ?? nothing;
  const axis = axisOver(span, GUTTER.left, Math.max(1, width - GUTTER.left - GUTTER.right));
  return { axis, width, height: last.top + last.height + 4, marks: marks ?? nothing, strips, series };
}

function lowAndHigh(values: Float32Array): number[] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [];
}
