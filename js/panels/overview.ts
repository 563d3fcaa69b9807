/** The whole trajectory in one slim bar, with a window that says which part of it is shown and can be moved. */
import type { Span } from "../core/timeline.ts";
import type { Scene } from "../host/scene.ts";
import type { Session } from "../host/session.ts";
import { h } from "../views/dom.ts";
import { grip } from "./grip.ts";
import { watch } from "./plot.ts";
import { look, shown } from "./ranges.ts";
import { drawStrip } from "./trajectories.ts";

export interface Overview {
  element: HTMLElement;
  draw(scene: Scene, span: Span): void;
}

export function overview(session: Session, signal: AbortSignal): Overview {
  const { model } = session;
  const canvas = h("canvas", { "aria-hidden": "true" });
  const element = h("div", {
    class: "rlv-overview",
    role: "group",
    "aria-label": "Part of the trajectory shown",
  });
  const end = () => Math.max(1, model.get("num_steps") - 1);
  const stepAt = (clientX: number): number => {
    const { left, width } = element.getBoundingClientRect();
    return ((clientX - left) / Math.max(1, width)) * end();
  };
  /** With the playhead in the middle, time moves instead of the window, and both its edges move alike. */
  const slide = (to: number) => {
    const { first, last } = shown(session);
    if (model.get("centred")) session.goTo(to + (last - first) / 2);
    else look(session, { first: to, last: to + last - first });
  };
  const widen = (side: keyof Span, to: number) => {
    const half = Math.max(1, Math.abs(to - model.get("step")));
    if (model.get("centred")) look(session, { first: 0, last: 2 * half });
    else look(session, { ...shown(session), [side]: to });
  };
  const make = (label: string, name: string, moved: (step: number) => void) =>
    grip({ label, name: `rlv-${name}`, stepAt, moved, signal });
  const pane = make("Move the part shown", "pane", slide);
  const from = make("Start of the part shown", "edge rlv-edge-start", (to) => widen("first", to));
  const to = make("End of the part shown", "edge rlv-edge-stop", (at) => widen("last", at));
  const here = h("span", { class: "rlv-here" });
  element.append(canvas, here, pane.element, from.element, to.element);
  element.addEventListener("dblclick", () => look(session, { first: 0, last: end() }), { signal });
  const at = (step: number) => `${((100 * step) / end()).toFixed(3)}%`;
  const newStrip = watch();
  return {
    element,
    draw({ step, strip, numSteps }, { first, last }) {
      element.hidden = last - first >= numSteps - 1;
      if (element.hidden) return;
      if (newStrip(strip) && strip) drawStrip(canvas, strip);
      here.style.left = at(step);
      for (const one of [pane, from]) one.element.style.left = at(first);
      to.element.style.left = at(last);
      pane.element.style.width = at(last - first);
      const [start, stop] = [Math.round(first), Math.round(last)];
      pane.place(start, Math.min(0, start), numSteps - 1 - (stop - start));
      from.place(start, Math.min(0, start), stop - 1);
      to.place(stop, start + 1, Math.max(stop, numSteps - 1));
    },
  };
}
