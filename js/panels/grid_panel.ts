/** What a feature responds to, place by place. */
import type { LazyPanel } from "../host/lazy.ts";
import style from "../styles/grid.css";
import { h } from "../views/dom.ts";
import type { Context } from "./panel.ts";

export function mount(_context: Context): LazyPanel {
  const element = h("section", { class: "rlv-grid", "aria-label": "Feature grid" }, h("style", {}, style));
  return { element, draw() {}, close() {} };
}
