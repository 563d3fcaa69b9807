/** The eight colours, and any other, for one feature; floats above the page, so that no list cuts it off. */
import { PALETTE } from "../core/colours.ts";
import { h, setAttribute } from "../views/dom.ts";
import type { Context } from "./panel.ts";
import { NEEDS_KERNEL } from "./rename.ts";

const NAMES = "orange,sky blue,green,yellow,blue,vermilion,purple,grey".split(",");

interface Recolouring {
  swatch: HTMLElement;
  name: string;
  layer: string;
  feature: number;
  colour: string;
}

/** The flyout, and what opens it beneath a swatch; `tell` says what went wrong, or nothing. */
export function recolourer(
  { session, signal }: Context,
  tell: (text: string) => void,
): { element: HTMLElement; begin(what: Recolouring): void } {
  const any = h("input", { type: "color", title: "any other colour", "aria-label": "Any other colour" });
  const buttons = PALETTE.map((colour, index) => {
    const button = h("button", { class: "rlv-dot", title: NAMES[index], "aria-label": NAMES[index] });
    button.style.setProperty("--rlv-colour", colour);
    button.addEventListener("click", () => void choose(colour), { signal });
    return button;
  });
  const element = h("div", { class: "rlv-palette", popover: "auto", role: "group" }, ...buttons, any);
  let open: Recolouring | null = null;

  const choose = async (colour: string) => {
    if (!open) return;
    const { layer, feature } = open;
    element.hidePopover();
    try {
      await session.request("recolour", { layer, feature, colour });
      tell("");
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
    }
  };
  any.addEventListener("change", () => void choose(any.value), { signal });
  // The browser closes it at Esc and at a click elsewhere; other keys of the view are none of its own.
  element.addEventListener("keydown", (event) => event.stopPropagation(), { signal });
  document.addEventListener("scroll", () => element.matches(":popover-open") && element.hidePopover(), {
    signal,
    capture: true,
    passive: true,
  });

  return {
    element,
    begin(what) {
      if (session.offline) return tell(`Recolouring ${NEEDS_KERNEL}`);
      open = what;
      any.value = what.colour.toLowerCase();
      setAttribute(element, "aria-label", `Colour of ${what.name}`);
      for (const [index, button] of buttons.entries())
        setAttribute(button, "aria-pressed", String(PALETTE[index] === any.value));
      const { left, bottom } = what.swatch.getBoundingClientRect();
      element.showPopover();
      element.style.left = `${Math.min(left, innerWidth - element.offsetWidth - 8)}px`;
      element.style.top = `${Math.min(bottom + 6, innerHeight - element.offsetHeight - 8)}px`;
      buttons.find((button) => button.getAttribute("aria-pressed") === "true")?.focus();
    },
  };
}
