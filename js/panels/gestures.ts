/** Pointer and wheel on the timeline: scrub, slide, brush, zoom, pan. What they mean is the caller's to say. */
import { type Axis, perStep } from "../core/timeline.ts";

export interface Gestures {
  axis: () => Axis | null;
  /** The step, with its fraction, at a place on the screen. */
  stepAt: (clientX: number) => number;
  /** Whether time slides beneath a playhead in the middle: then a drag moves the picture, not the playhead. */
  centred: () => boolean;
  step: () => number;
  /** Something is being pressed. */
  begin: () => void;
  goTo: (step: number) => void;
  /** A press without a drag. */
  click: (step: number, event: MouseEvent) => void;
  brush: (from: number, to: number) => void;
  zoom: (factor: number, around: number) => void;
  pan: (steps: number) => void;
  /** The pointer is over `step`; without an event it is gone. */
  hover: (step: number, event?: MouseEvent) => void;
}

const TREMBLE = 4; // pixels that are no drag

export function listenToPointers(plot: HTMLElement, act: Gestures, signal: AbortSignal): void {
  const listen = <K extends keyof HTMLElementEventMap>(
    type: K,
    call: (event: HTMLElementEventMap[K]) => void,
  ) => plot.addEventListener(type, call, { signal, passive: false });
  /** Within what is shown: a drag past an edge stays there. */
  const near = ({ clientX }: MouseEvent): number => {
    const { first = 0, last = 0 } = act.axis() ?? {};
    return Math.round(Math.max(first, Math.min(last, act.stepAt(clientX))));
  };
  const down = new Map<number, PointerEvent>();
  let [begun, before, apart] = [0, 0, 0];
  let dragged = false;
  /** Between two fingers, 0 with one. */
  const distance = (): number => {
    const [a, b] = [...down.values()];
    return a && b ? Math.max(8, Math.abs(a.clientX - b.clientX)) : 0;
  };
  listen("pointerdown", (event) => {
    if (event.button !== 0) return;
    plot.setPointerCapture(event.pointerId);
    down.set(event.pointerId, event);
    apart = distance();
    dragged = apart > 0;
    if (dragged) {
      // The first of two fingers was no drag after all.
      act.goTo(before);
      return;
    }
    before = act.step();
    const slides = act.centred() && !event.shiftKey;
    begun = slides ? act.step() : near(event);
    act.begin();
    if (!slides && !event.shiftKey) act.goTo(begun);
    event.preventDefault();
  });
  listen("pointermove", (event) => {
    act.hover(act.stepAt(event.clientX), event);
    const start = down.get(event.pointerId);
    const axis = act.axis();
    if (!start || !axis) return;
    if (apart > 0) {
      down.set(event.pointerId, event);
      const now = distance();
      act.zoom(apart / now, near(event));
      apart = now;
      return;
    }
    const moved = event.clientX - start.clientX;
    dragged ||= Math.abs(moved) >= TREMBLE;
    if (start.shiftKey) {
      if (dragged) act.brush(begun, near(event));
    } else if (!act.centred()) act.goTo(near(event));
    else if (dragged) act.goTo(begun - moved / perStep(axis));
  });
  listen("pointerup", (event) => {
    if (down.has(event.pointerId) && !dragged && !event.shiftKey) act.click(act.stepAt(event.clientX), event);
  });
  listen("lostpointercapture", ({ pointerId }) => {
    // A finger that stays after a pinch does nothing more.
    if (apart > 0) down.clear();
    else down.delete(pointerId);
    apart = 0;
  });
  listen("pointerleave", () => act.hover(0));
  let rest = 0;
  listen("wheel", (event) => {
    const axis = act.axis();
    const { deltaX, deltaY, shiftKey } = event;
    // A plain wheel scrolls the notebook; with Ctrl it is what a pinch sends.
    const zooms = event.ctrlKey || event.metaKey;
    if (!axis || !(zooms || shiftKey || Math.abs(deltaX) > Math.abs(deltaY))) return;
    event.preventDefault();
    if (zooms) {
      act.zoom(Math.exp(deltaY / 200), near(event));
      return;
    }
    // Whole steps at a time; what is left of one waits for the next turn.
    rest += (deltaX || deltaY) / perStep(axis);
    const steps = Math.trunc(rest);
    rest -= steps;
    act.pan(steps);
  });
}
