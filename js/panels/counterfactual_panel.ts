import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import type { Imagination } from "../host/counterfactual_session.ts";
import { h, setAttribute } from "../views/dom.ts";
import type { Theme } from "../views/theme.ts";

/** What every panel of the counterfactual view is made from. */
export interface CounterfactualContext {
  imagination: Imagination;
  signal: AbortSignal;
  /** Read again after a change of theme, which is followed by a full drawing. */
  theme: () => Theme;
  /** Says something to those who do not see the picture change. */
  say: (text: string) => void;
}

/** A part of the view. `draw` is called in an animation frame and touches only what changed. */
export interface CounterfactualPanel {
  element: HTMLElement;
  draw(scene: CounterfactualScene): void;
}

export interface Button {
  class?: string;
  label?: string;
  title?: string;
}

/** A button that does one thing. */
export function button(
  text: Node | string,
  { class: look = "rlv-button", label, title }: Button,
  act: () => void,
  signal: AbortSignal,
): HTMLButtonElement {
  const element = h("button", { class: look, "aria-label": label, title }, text);
  element.addEventListener("click", act, { signal });
  return element;
}

/** Gives the focus to the frame of the view that `element` is in. */
export const toStage = (element: Element): void =>
  element
    .closest(".rlv-counterfactual")
    ?.querySelector<HTMLElement>(".rlv-stage")
    ?.focus({ preventScroll: true });

/** Switches a button off, but not while it has the focus: that would be lost. */
export function enable(element: HTMLButtonElement, enabled: boolean): void {
  setAttribute(element, "aria-disabled", enabled ? false : "true");
}

export const isEnabled = (element: HTMLElement): boolean => element.getAttribute("aria-disabled") !== "true";

/** A menu of options that is filled anew only when they change. */
export function menu(label: string, choose: (value: string) => void, signal: AbortSignal) {
  const select = h("select", { class: "rlv-select", "aria-label": label });
  select.addEventListener("change", () => choose(select.value), { signal });
  let built = "";
  return {
    element: select,
    draw(options: readonly (readonly [value: string, text: string])[], value: string) {
      const key = JSON.stringify(options);
      if (key !== built) {
        built = key;
        select.replaceChildren(...options.map(([one, text]) => h("option", { value: one }, text)));
      }
      if (select.value !== value) select.value = value;
    },
  };
}

/** A whole number between limits, sent when it is entered. */
export function number(
  label: string,
  [low, high]: readonly [number, number],
  choose: (value: number) => void,
  signal: AbortSignal,
) {
  const input = h("input", {
    class: "rlv-count",
    type: "number",
    min: low,
    max: high,
    step: 1,
    "aria-label": label,
  });
  let last = low;
  input.addEventListener(
    "change",
    () => {
      const value = Math.round(Number(input.value));
      const valid = input.value !== "" && Number.isFinite(value);
      last = valid ? Math.max(Number(input.min), Math.min(Number(input.max), value)) : last;
      input.value = String(last);
      if (valid) choose(last);
    },
    { signal },
  );
  return {
    element: input,
    draw(value: number, most = high) {
      last = value;
      setAttribute(input, "max", most);
      if (input !== document.activeElement) input.value = String(value);
    },
  };
}
