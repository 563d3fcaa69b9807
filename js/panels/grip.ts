/** A handle that is dragged along the time axis, or moved by the keys of a slider. */
import { h, setAttribute } from "../views/dom.ts";

export interface Grip {
  element: HTMLElement;
  /** Tells where it stands, and between which steps it may. */
  place(value: number, low: number, high: number): void;
}

interface Options {
  label: string;
  name: string;
  /** The step, with its fraction, at a place on the screen. */
  stepAt: (clientX: number) => number;
  moved: (step: number) => void;
  signal: AbortSignal;
}

export function grip({ label, name, stepAt, moved, signal }: Options): Grip {
  const element = h("div", { class: name, role: "slider", tabindex: 0, "aria-label": label, title: label });
  let [value, low, high, held] = [0, 0, 0, 0];
  const move = (step: number) => moved(Math.max(low, Math.min(high, Math.round(step))));
  const listen = <K extends keyof HTMLElementEventMap>(
    type: K,
    act: (event: HTMLElementEventMap[K]) => void,
  ): void => element.addEventListener(type, act, { signal });
  listen("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    held = stepAt(event.clientX) - value;
    event.stopPropagation();
  });
  listen("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) move(stepAt(event.clientX) - held);
  });
  listen("keydown", (event) => {
    const stride = event.shiftKey ? 10 : 1;
    const target = { ArrowLeft: value - stride, ArrowRight: value + stride, Home: low, End: high }[event.key];
    if (target === undefined) return;
    move(target);
    event.preventDefault();
    event.stopPropagation();
  });
  return {
    element,
    place(step, from, to) {
      [value, low, high] = [step, from, to];
      setAttribute(element, "aria-valuenow", step);
      setAttribute(element, "aria-valuemin", from);
      setAttribute(element, "aria-valuemax", to);
    },
  };
}
