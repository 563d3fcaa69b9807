/** A button that opens a panel beneath itself, within the view. */
import { h, setAttribute } from "./dom.ts";

export interface Popover {
  button: HTMLButtonElement;
  /** Holds the button and, when open, the panel; it is what the panel is placed against. */
  element: HTMLElement;
  panel: HTMLElement;
  readonly open: boolean;
  close(): void;
}

/** `opened` is called each time before the panel shows. Esc, a click elsewhere and a lost focus close it. */
export function popover(
  button: HTMLButtonElement,
  panel: HTMLElement,
  opened: () => void,
  signal: AbortSignal,
): Popover {
  panel.classList.add("rlv-popover");
  panel.hidden = true;
  setAttribute(button, "aria-haspopup", "true");
  setAttribute(button, "aria-expanded", "false");
  const element = h("span", { class: "rlv-anchor" }, button, panel);
  const show = (open: boolean) => {
    if (open) opened();
    panel.hidden = !open;
    setAttribute(button, "aria-expanded", String(open));
  };
  button.addEventListener("click", () => show(panel.hidden !== false), { signal });
  element.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || panel.hidden) return;
      show(false);
      button.focus();
      event.stopPropagation();
    },
    { signal },
  );
  document.addEventListener(
    "pointerdown",
    (event) => {
      if (!panel.hidden && !event.composedPath().includes(element)) show(false);
    },
    { signal, capture: true },
  );
  element.addEventListener(
    "focusout",
    (event) => {
      if (event.relatedTarget instanceof Node && !element.contains(event.relatedTarget)) show(false);
    },
    { signal },
  );
  return {
    button,
    element,
    panel,
    get open() {
      return !panel.hidden;
    },
    close: () => show(false),
  };
}
