/** What the timeline shows beneath each other: series with their scales, and where each lane lies. */
import { outputFromLogits, outputLabel } from "../core/actions.ts";
import { type Axis, type Lane, type Scale, type Span, stack, valueScale } from "../core/timeline.ts";
import { numbers, slice } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";

export interface Series {
  name: string;
  values: ArrayLike<number>;
  scale: Scale;
  lane: Lane;
  kind: "line" | "area" | "sticks";
  decimals: number;
}

export interface Layout {
  axis: Axis;
  width: number;
  height: number;
  episodes: Lane;
  strip: Lane;
  series: Series[];
}

export const GUTTER = { left: 36, right: 80 };
const EPISODES = 18;
const STRIP = 40;
const GAP = 8;

interface Plan {
  name: string;
  values: ArrayLike<number>;
  kind: Series["kind"];
  height: number;
  decimals: number;
}

function plans(scene: Scene): Plan[] {
  const { curves, study, output, numSteps } = scene;
  const value = numbers(curves, "value");
  const list: Plan[] = [];
  if (value.length > 0 || !curves)
    list.push({ name: "value", values: value, kind: "line", height: 56, decimals: 2 });
  if (output !== "value") {
    const series = new Float32Array(numSteps).fill(Number.NaN);
    for (let step = 0; step < numSteps; step++) {
      const logits = slice(curves, "policy_logits", step);
      series[step] = (logits && outputFromLogits(output, logits, study.action_names)) ?? Number.NaN;
    }
    list.push({ name: outputLabel(study, output), values: series, kind: "line", height: 48, decimals: 2 });
  }
  list.push(
    { name: "advantage", values: numbers(curves, "advantage"), kind: "area", height: 44, decimals: 2 },
    { name: "reward", values: numbers(curves, "reward"), kind: "sticks", height: 24, decimals: 0 },
  );
  return list;
}

/** Lanes and scales for a timeline `width` CSS pixels wide that shows `span`. */
export function layOut(scene: Scene, width: number, span: Span): Layout {
  const planned = plans(scene);
  const [episodes, strip, ...lanes] = stack(
    [EPISODES, STRIP, ...planned.map(({ height }) => height)],
    2,
    GAP,
  );
  const nothing = { top: 0, height: 0 };
  const series = planned.map(({ name, values, kind, decimals }, index) => ({
    name,
    values,
    kind,
    decimals,
    scale: valueScale(values, { zero: kind !== "line", ticks: kind === "sticks" ? 1 : 3 }),
    lane: lanes[index] ?? nothing,
  }));
  const last = series.at(-1)?.lane ?? nothing;
  return {
    axis: {
      left: GUTTER.left,
      width: Math.max(1, width - GUTTER.left - GUTTER.right),
      ...span,
    },
    width,
    height: last.top + last.height + 4,
    episodes: episodes ?? nothing,
    strip: strip ?? nothing,
    series,
  };
}
