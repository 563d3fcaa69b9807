/** What the fetched menus share. */
import type { LazyPanel } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import style from "../styles/menus.css";
import { h } from "../views/dom.ts";

let count = 0;

/** A name for a group of radio buttons that no other view on the page has. */
export const groupName = (): string => `rlv-group-${count++}`;

/** A menu around `children`; its keys are its own, but for Esc, which closes the popover. */
export function menu(children: Node[], draw: (scene: Scene) => void = () => {}): LazyPanel {
  const life = new AbortController();
  const element = h("div", { class: "rlv-menu-body" }, h("style", {}, style), ...children);
  element.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape") event.stopPropagation();
    },
    { signal: life.signal },
  );
  return { element, draw, close: () => life.abort() };
}

export interface Choice {
  value: string;
  text: string;
  note: string;
}

/** Radio buttons of which one is on, each with a line that says what it does. */
export function choices(
  legend: string,
  list: readonly Choice[],
  chosen: (value: string) => void,
): { element: HTMLElement; show(value: string): void } {
  const name = groupName();
  const inputs = list.map(({ value }) => h("input", { type: "radio", name, value }));
  const element = h(
    "fieldset",
    { class: "rlv-choice" },
    h("legend", {}, legend),
    ...list.map(({ text, note }, index) =>
      h("label", {}, inputs[index] ?? "", h("span", {}, text, h("span", { class: "rlv-hint" }, note))),
    ),
  );
  element.addEventListener("change", (event) => {
    if (event.target instanceof HTMLInputElement) chosen(event.target.value);
  });
  return {
    element,
    show(value) {
      for (const input of inputs) input.checked = input.value === value;
    },
  };
}
