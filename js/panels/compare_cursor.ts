/** What moves in a comparison's timeline: elements instead of drawing, so that a step repaints no canvas. */
import { fixed, signed } from "../core/numbers.ts";
import { stepToX, valueToY } from "../core/timeline.ts";
import { type CompareScene, stepName } from "../host/compare_scene.ts";
import { h, setText } from "../views/dom.ts";
import type { Layout, Series } from "./compare_lanes.ts";
import { lineSample } from "./compare_panel.ts";

interface Readout {
  element: HTMLElement;
  items: { value: HTMLElement; dot: HTMLElement }[];
}

export function compareCursor() {
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
    /** Places the read-outs; called when the layout changed. */
    arrange({ series, strips, height }: Layout) {
      readouts = series.map(readout);
      const top = strips[0]?.top ?? 0;
      for (const line of [playhead, pointer]) {
        line.style.top = `${top - 4}px`;
        line.style.height = `${height - top + 4}px`;
      }
      element.replaceChildren(
        pointer,
        playhead,
        ...readouts.flatMap((one) => [...one.items.map(({ dot }) => dot), one.element]),
      );
    },
    draw(compared: CompareScene, { axis, series }: Layout, hovered: number | null) {
      move(playhead, stepToX(axis, compared.step));
      pointer.hidden = hovered === null || hovered === compared.step;
      const step = hovered ?? compared.step;
      if (hovered !== null) {
        move(pointer, stepToX(axis, hovered));
        setText(pill, stepName(compared, hovered));
      }
      element.classList.toggle("rlv-hovering", !pointer.hidden);
      for (const [index, one] of series.entries())
        for (const [place, { value, dot }] of (readouts[index]?.items ?? []).entries()) {
          const number = one.curves[place]?.values[step] ?? Number.NaN;
          setText(value, (one.signed ? signed : fixed)(number, 2));
          dot.style.opacity = Number.isFinite(number) ? "1" : "0";
          if (Number.isFinite(number)) move(dot, stepToX(axis, step), valueToY(one.lane, one.scale, number));
        }
    },
  };
}

function readout({ name, title, lane, curves }: Series): Readout {
  const items = curves.map(({ letter, member }) => {
    const value = h("span", { class: "rlv-readout-value" });
    const line = h("span", { class: "rlv-readout-line" }, letter, lineSample(member), value);
    return { line, value, dot: h("span", { class: "rlv-knob" }) };
  });
  const element = h(
    "span",
    { class: "rlv-readout", title },
    h("span", { class: "rlv-label" }, name),
    ...items.map(({ line }) => line),
  );
  element.style.top = `${lane.top - 4}px`;
  return { element, items };
}
