/** Buttons that move a row of panels among the others, or take it away. */
import { h, icon } from "../views/dom.ts";
import { ARROW } from "../views/icons.ts";
import type { Context, Panel } from "./panel.ts";

export function rowMoves({ session, signal }: Context, index: number): Panel {
  const place = `row ${index + 1}`;
  const act = (name: string, title: string, label: Node | string, action: () => void) => {
    const button = h("button", { class: "rlv-icon", "aria-label": name, title }, label);
    button.addEventListener("click", action, { signal });
    return button;
  };
  const move = (direction: number) => {
    session.rows.move(index, direction);
    // At an end the button that was pressed is off: the other one takes the focus.
    const same = `[aria-label$="${direction < 0 ? "up" : "down"}"]:enabled`;
    follow(element, session.rows.focused, same, '[aria-label^="Move"]:enabled');
  };
  const up = act(`Move ${place} up`, "move up", icon(ARROW), () => move(-1));
  const down = act(`Move ${place} down`, "move down", icon(ARROW, 180), () => move(1));
  const remove = act(`Remove ${place}`, "remove this row", "✕", () => {
    session.rows.remove(index);
    follow(element, session.rows.focused, "select");
  });
  const element = h(
    "span",
    { class: "rlv-buttons", role: "group", "aria-label": `Place of ${place}` },
    up,
    down,
    remove,
  );
  return {
    element,
    draw(scene) {
      const count = scene.rows.length;
      element.hidden = count < 2;
      up.disabled = index === 0;
      down.disabled = index === count - 1;
    },
  };
}

/** The keyboard's focus goes along with the row, to the first of what is there. */
function follow(from: HTMLElement, row: number, ...selectors: string[]): void {
  const target = from.closest(".rlv-stack")?.children[row];
  const found = selectors.map((selector) => target?.querySelector<HTMLElement>(selector)).find(Boolean);
  found?.focus({ preventScroll: true });
}
