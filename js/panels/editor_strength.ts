/** A switch and how far it goes: 0 is no edit, 1 removes, 2 overshoots, negative strengths amplify. */
import { STRONGEST, snapped, WEAKEST } from "../core/editor.ts";
import { fixed } from "../core/numbers.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { focusedNear } from "../views/focus.ts";

const STEP = 0.05;

export interface Strength {
  on: boolean;
  strength: number;
  /** Of whom: the controls are named for it. */
  name: string;
  disabled: boolean;
}

export interface StrengthControl {
  element: HTMLElement;
  draw(strength: Strength): void;
  /** Before the slider is hidden: what it is held at is dropped, and the switch has its focus. */
  release(): void;
}

export interface StrengthActs {
  toggle(): void;
  /** As long as the slider is held; null: it was let go of where nothing is to change. */
  preview(strength: number | null): void;
  commit(strength: number): void;
  signal: AbortSignal;
}

/** The switch alone, for lists that have room for no slider. */
export function switchOf(toggle: () => void, signal: AbortSignal) {
  const knob = h("span", { class: "rlv-ed-knob" });
  const element = h("button", { class: "rlv-ed-switch", role: "switch", "aria-checked": "false" }, knob);
  element.addEventListener("click", toggle, { signal });
  return {
    element,
    draw({ on, name, disabled }: Omit<Strength, "strength">) {
      setAttribute(element, "aria-checked", String(on));
      setAttribute(element, "aria-label", `Edit ${name}`);
      element.disabled = disabled;
    },
  };
}

export function strengthControl({ toggle, preview, commit, signal }: StrengthActs): StrengthControl {
  const own = switchOf(toggle, signal);
  const slider = h("input", {
    class: "rlv-ed-slider",
    type: "range",
    min: WEAKEST,
    max: STRONGEST,
    step: STEP,
    title: "strength: 1 removes, 0 changes nothing, −1 doubles; double click or 0 for none",
  });
  const number = h("output", { class: "rlv-ed-number", "aria-live": "off" });
  const element = h("span", { class: "rlv-ed-strength" }, own.element, slider, number);
  /** What it was before it was taken hold of: the one that it is drawn with meanwhile follows the hand. */
  let known = 0;
  let isHeld = false;
  let byHand = false;
  /** A key that is held changes it again and again: one step back once it is let go of. */
  let repeats = false;
  const show = (strength: number) => {
    setText(number, fixed(strength, 2));
    setAttribute(slider, "aria-valuetext", fixed(strength, 2));
    const share = (strength - WEAKEST) / (STRONGEST - WEAKEST);
    element.style.setProperty("--rlv-from", `${100 * Math.min(0.5, share)}%`);
    element.style.setProperty("--rlv-to", `${100 * Math.max(0.5, share)}%`);
  };
  /** A hand is drawn to 0 and 1; keys go in even steps, which must be able to leave them. */
  const read = () => (byHand ? snapped(Number(slider.value)) : Math.round(100 * Number(slider.value)) / 100);
  const set = (strength: number) => {
    slider.value = String(strength);
    show(strength);
    if (strength === known) preview(null);
    else commit(strength);
  };
  const listen = <K extends keyof HTMLElementEventMap>(
    type: K,
    act: (event: HTMLElementEventMap[K]) => void,
  ) => slider.addEventListener(type, act, { signal });
  listen("pointerdown", () => {
    byHand = true;
  });
  listen("input", () => {
    const strength = read();
    isHeld = true;
    if (byHand) slider.value = String(strength);
    show(strength);
    preview(strength);
  });
  const finish = () => {
    set(read());
    byHand = false;
    isHeld = false;
    repeats = false;
  };
  listen("change", () => {
    if (!repeats) finish();
  });
  // Not every browser tells of a change that ends where it began.
  for (const type of ["keyup", "blur", "pointercancel"] as const)
    listen(type, () => {
      if (isHeld) finish();
    });
  listen("dblclick", () => set(0));
  listen("keydown", (event) => {
    byHand = false;
    repeats = event.repeat;
    if (event.key === "0" || event.key === "1") {
      set(Number(event.key));
      event.preventDefault();
    }
    // Arrows move the slider, and nothing around it.
    if (event.key !== "Escape" && !event.ctrlKey && !event.metaKey) event.stopPropagation();
  });
  return {
    element,
    draw(now) {
      own.draw(now);
      slider.disabled = now.disabled;
      if (!isHeld) known = now.strength;
      setAttribute(element, "data-off", !now.on);
      setAttribute(slider, "aria-label", `Strength of editing ${now.name}`);
      if (Number(slider.value) !== now.strength) slider.value = String(now.strength);
      show(now.strength);
    },
    release() {
      isHeld = false;
      repeats = false;
      if (focusedNear(slider) === slider) own.element.focus({ preventScroll: true });
    },
  };
}
