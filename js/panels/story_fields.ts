/** The fields of the form in which a note is written. */
import { h, icon } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";

export type Choices = [value: string, text: string][];

/** Actions that are worked out for each step. */
export const AUTOMATIC: Choices = [
  ["centred:likeliest", "centred logit of the likeliest action, step by step"],
  ["likeliest", "logit of the likeliest action, step by step"],
  ["taken", "logit of the action played, step by step"],
];
export const MODES: Choices = [
  ["attribution", "attribution"],
  ["change", "change since the last step"],
];
export const PANELS: Choices = [
  ["", "as the reader has them"],
  ["0", "raises and lowers apart"],
  ["1", "combined in one panel"],
];

export const select = (label: string): HTMLSelectElement =>
  h("select", { class: "rlv-select", "aria-label": label });

export const number = (label: string): HTMLInputElement =>
  h("input", { class: "rlv-fps", type: "number", min: 0, step: 1, "aria-label": label });

export const labelled = (label: string, control: HTMLElement): HTMLElement =>
  h("label", { class: "rlv-field" }, h("span", { class: "rlv-label" }, label), control, icon(CHEVRON, 90));

/** Offers choices, and picks `value` if it is one of them, else the first. */
export function fill(target: HTMLSelectElement, choices: Choices, value: string): void {
  target.replaceChildren(...choices.map(([name, text]) => h("option", { value: name }, text)));
  target.value = choices.some(([name]) => name === value) ? value : (choices[0]?.[0] ?? "");
}

/** The focused element of the document or shadow tree around `element`. */
export function focusIn(element: Element): Element | null {
  const root = element.getRootNode();
  return root instanceof ShadowRoot || root instanceof Document ? root.activeElement : null;
}
