/** A button whose popover is fetched when it is first opened, from the bundle `menus` or another. */
import { type BundleName, type LazyPanel, loadBundle } from "../host/lazy.ts";
import type { Context, Panel } from "../panels/panel.ts";
import { h, setText } from "./dom.ts";
import { popover } from "./popover.ts";

interface Button {
  name: string;
  text: Node | string;
  title: string;
  /** Words instead of an icon: they name the button. */
  plain?: boolean;
  /** Where the menu is, if not in `menus`. */
  bundle?: BundleName;
  /** Handed to the menu. */
  options?: unknown;
}

/** The panel, its button, and whether it is open. */
export interface LazyPopover extends Panel {
  button: HTMLButtonElement;
  readonly open: boolean;
}

/** A menu of the bundle. `close` shuts the popover and gives the focus back. */
export type Menu<Options = unknown> = (context: Context, close: () => void, options: Options) => LazyPanel;

export function lazyPopover(
  context: Context,
  menu: string,
  { name, text, title, plain, bundle, options }: Button,
): LazyPopover {
  const { session, signal } = context;
  const look = plain ? { class: "rlv-plain" } : { class: "rlv-icon", "aria-label": name };
  const button = h("button", { ...look, title }, text);
  const message = h("p", { class: "rlv-hint", role: "status" });
  const place = h("div", { class: `rlv-menu rlv-${menu}`, role: "dialog", "aria-label": name }, message);
  let panel: LazyPanel | undefined;
  const load = async () => {
    if (panel) return;
    setText(message, "Opening…");
    try {
      const menus = await loadBundle<Record<string, Menu>>(session, bundle ?? "menus");
      if (panel || signal.aborted) return;
      panel = menus[menu]?.(context, close, options);
      if (panel) place.replaceChildren(panel.element);
      // Text alone is scrolled by keys too.
      if (!place.querySelector("button, input, select")) place.tabIndex = 0;
      session.invalidate();
    } catch (error) {
      setText(message, `This menu could not be fetched: ${error instanceof Error ? error.message : error}`);
    }
  };
  const opened = popover(
    button,
    place,
    () => {
      void load();
      session.invalidate();
    },
    signal,
  );
  const close = () => {
    // What was begun in a menu may end long after somebody has left it: the focus stays where it is then.
    if (!opened.open) return;
    opened.close();
    button.focus();
  };
  signal.addEventListener("abort", () => panel?.close(), { once: true });
  return {
    element: opened.element,
    button,
    get open() {
      return opened.open;
    },
    draw(scene) {
      if (opened.open) panel?.draw(scene);
    },
  };
}
