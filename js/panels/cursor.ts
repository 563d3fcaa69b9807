/**
 * What moves in the timeline: playhead, the step under the pointer, and the numbers there. Elements instead of
 * drawing, so that a step moves a few of them and repaints no canvas.
 */
import { fixed, signed } from "../core/numbers.ts";
import { type Axis, stepToX, valueToY } from "../core/timeline.ts";
import { numbers } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { h, setText } from "../views/dom.ts";
import type { Layout } from "./lanes.ts";

type Drawn = Layout["series"][number];

export interface Cursor {
  element: HTMLElement;
  /** Places one read-out a lane; called when the layout changed. */
  arrange(layout: Layout): void;
  /** `pointed` is the step under the pointer, with what else is to be said of it. */
  draw(scene: Scene, layout: Layout, axis: Axis, pointed: { step: number; note: string } | null): void;
}

const numberAt = ({ kind, values, decimals }: Drawn, step: number): string =>
  (kind === "area" ? signed : fixed)(values[step], decimals);

function readout(series: Drawn): { element: HTMLElement; value: HTMLElement; dot: HTMLElement } {
  const { name, unit, lane, kind, colour } = series;
  const value = h("span");
  const label = h("span", { class: "rlv-label" }, name);
  const number = h("span", {}, value, h("span", { class: "rlv-unit" }, unit));
  const element = h("span", { class: "rlv-readout", title: `${name} ${unit}` }, label, number);
  element.style.top = `${lane.top + lane.height / 2 - 1}px`;
  const dot = h("span", { class: "rlv-knob" });
  dot.hidden = kind === "sticks";
  if (colour) dot.style.background = colour;
  return { element, value, dot };
}

/** What is known of a step, one thing a line. */
function described(scene: Scene, { series }: Layout, step: number): string[] {
  const action = scene.study.action_names[numbers(scene.curves, "action")[step] ?? -1];
  const parts = series.map((one) => `${one.name}\t${numberAt(one, step)}`);
  return action ? [...parts, `action\t${action}`] : parts;
}

export function cursor(): Cursor {
  const playhead = h("span", { class: "rlv-playhead" });
  const pointer = h("span", { class: "rlv-pointer" });
  const tip = h("span", { class: "rlv-tip" });
  const element = h("div", { class: "rlv-cursor", "aria-hidden": "true" });
  let readouts: ReturnType<typeof readout>[] = [];
  const move = (target: HTMLElement, x: number, y = 0) => {
    target.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
  };
  return {
    element,
    arrange({ series, strip, steps, episodes }) {
      readouts = series.map(readout);
      for (const line of [playhead, pointer]) {
        line.style.top = `${strip.top - 4}px`;
        line.style.height = `${steps.top - strip.top + 4}px`;
      }
      tip.style.top = `${episodes.top}px`;
      element.replaceChildren(pointer, playhead, ...readouts.flatMap((one) => [one.dot, one.element]), tip);
    },
    draw(scene, layout, axis, pointed) {
      const { step } = scene;
      const x = stepToX(axis, step);
      const seen = step >= axis.first && step <= axis.last;
      playhead.hidden = !seen;
      move(playhead, x);
      pointer.hidden = tip.hidden = pointed === null;
      if (pointed) {
        const { step: hovered, note } = pointed;
        const over = stepToX(axis, hovered);
        move(pointer, over);
        // On the side that has room.
        const left = over > axis.left + axis.width / 2;
        tip.style.transform = `translateX(${(over + (left ? -12 : 12)).toFixed(1)}px)${left ? " translateX(-100%)" : ""}`;
        const lines = [`step\t${hovered}`, ...described(scene, layout, hovered), ...(note ? [note] : [])];
        setText(tip, lines.join("\n"));
      }
      for (const [index, { value, dot }] of readouts.entries()) {
        const series = layout.series[index];
        if (!series) continue;
        setText(value, numberAt(series, step));
        const number = series.values[step];
        const known = seen && number !== undefined && Number.isFinite(number);
        dot.style.opacity = known ? "1" : "0";
        if (known) move(dot, x, valueToY(series.lane, series.scale, number));
      }
    },
  };
}
