/**
 * What moves in the timeline: playhead, the step under the pointer, and the numbers there. Elements instead of
 * drawing, so that a step moves a few of them and repaints no canvas.
 */
import { fixed, signed } from "../core/numbers.ts";
import { stepToX, valueToY } from "../core/timeline.ts";
import type { Scene } from "../host/scene.ts";
import { h, setText } from "../views/dom.ts";
import type { Layout, Series } from "./lanes.ts";

export interface Cursor {
  element: HTMLElement;
  /** Places one read-out a lane; called when the layout changed. */
  arrange(layout: Layout): void;
  draw(scene: Scene, layout: Layout, hovered: number | null): void;
}

interface Readout {
  element: HTMLElement;
  value: HTMLElement;
  dot: HTMLElement;
}

function readout({ name, lane, kind }: Series): Readout {
  const value = h("span", { class: "rlv-readout-value" });
  const element = h(
    "span",
    { class: "rlv-readout", title: name },
    h("span", { class: "rlv-label" }, name),
    value,
  );
  element.style.top = `${lane.top + lane.height / 2 - 15}px`;
  const dot = h("span", { class: "rlv-dot" });
  dot.hidden = kind === "sticks";
  return { element, value, dot };
}

export function cursor(): Cursor {
  const playhead = h("span", { class: "rlv-playhead" });
  const pill = h("span", { class: "rlv-pill" });
  const pointer = h("span", { class: "rlv-pointer" }, pill);
  const element = h("div", { class: "rlv-cursor", "aria-hidden": "true" }, pointer, playhead);
  let readouts: Readout[] = [];
  const move = (target: HTMLElement, x: number, y = 0) => {
    target.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
  };
  return {
    element,
    arrange({ series, strip, height, episodes }) {
      readouts = series.map(readout);
      for (const line of [playhead, pointer]) {
        line.style.top = `${strip.top - 4}px`;
        line.style.height = `${height - strip.top + 4}px`;
      }
      pill.style.top = `${episodes.top - strip.top + 4}px`;
      element.replaceChildren(pointer, playhead, ...readouts.flatMap((one) => [one.dot, one.element]));
    },
    draw(scene, { axis, series }, hovered) {
      move(playhead, stepToX(axis, scene.step));
      pointer.hidden = hovered === null || hovered === scene.step;
      const step = hovered ?? scene.step;
      if (hovered !== null) {
        move(pointer, stepToX(axis, hovered));
        setText(pill, String(hovered));
      }
      element.classList.toggle("rlv-hovering", !pointer.hidden);
      for (const [index, { value, dot }] of readouts.entries()) {
        const lane = series[index];
        if (!lane) continue;
        const number = lane.values[step];
        setText(value, (lane.kind === "area" ? signed : fixed)(number, lane.decimals));
        const known = number !== undefined && Number.isFinite(number);
        dot.style.opacity = known ? "1" : "0";
        if (known) move(dot, stepToX(axis, step), valueToY(lane.lane, lane.scale, number));
      }
    },
  };
}
