/** The selected range: a band over the timeline with a handle at either end, its length, and what can be done with it. */
import { type Axis, type Range, stepToX } from "../core/timeline.ts";
import type { Session } from "../host/session.ts";
import { h, icon, setText } from "../views/dom.ts";
import { PLAY } from "../views/icons.ts";
import { grip } from "./grip.ts";
import { playRange, select } from "./ranges.ts";

export interface Band {
  element: HTMLElement;
  draw(range: Range, axis: Axis, numSteps: number): void;
}

/** `stepAt` gives the step, with its fraction, at a place on the screen. */
export function band(session: Session, stepAt: (clientX: number) => number, signal: AbortSignal): Band {
  const range = () => session.model.get("selected_range");
  const end = (label: string, side: "start" | "stop") =>
    grip({
      label,
      name: `rlv-edge rlv-edge-${side}`,
      stepAt,
      moved: (step) =>
        select(session, side === "start" ? [step, range()[1] ?? 0] : [range()[0] ?? 0, step + 1]),
      signal,
    });
  const [from, to] = [end("Start of the selection", "start"), end("End of the selection", "stop")];
  const length = h("span");
  const button = (label: string, content: Node | string, act: () => void) => {
    const made = h("button", { "aria-label": label, title: label }, content);
    made.addEventListener("click", act, { signal });
    made.addEventListener("pointerdown", (event) => event.stopPropagation(), { signal });
    return made;
  };
  const play = button("Play the selected range", icon(PLAY), () => playRange(session));
  const clear = button("Clear the selection", "✕", () => select(session, []));
  const tag = h("span", { class: "rlv-tag" }, play, length, clear);
  const element = h(
    "div",
    { class: "rlv-band", role: "group", "aria-label": "Selected range" },
    from.element,
    to.element,
    tag,
  );
  return {
    element,
    draw([start = 0, stop = 0], axis, numSteps) {
      const right = axis.left + axis.width;
      const [x0, x1] = [stepToX(axis, start), stepToX(axis, stop - 1)];
      const [seen0, seen1] = [Math.max(axis.left, x0), Math.min(right, x1)];
      element.hidden = stop <= start || seen0 > seen1;
      if (element.hidden) return;
      element.style.left = `${seen0}px`;
      element.style.width = `${seen1 - seen0}px`;
      from.element.hidden = x0 < axis.left;
      to.element.hidden = x1 > right;
      from.place(start, 0, stop - 1);
      to.place(stop - 1, start, numSteps - 1);
      setText(length, `${stop - start} step${stop - start > 1 ? "s" : ""}`);
    },
  };
}
