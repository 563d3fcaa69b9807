/** What the keys do while the explorer has the focus, and what the pointer does on the timeline. */
import type { LazyPanel } from "../host/lazy.ts";
import { h } from "../views/dom.ts";
import { menu } from "./menu.ts";
import type { Context } from "./panel.ts";

const KEYS: [keys: string, what: string][] = [
  ["← →", "a step back or forwards; with Shift ten"],
  ["Page Up, Page Down", "the last or next episode"],
  ["Home, End", "the first or last step"],
  ["n, p", "the next or previous mark: bookmarks, notes"],
  ["Space", "play or pause"],
  ["[ ]", "slower, faster"],
  ["l", "loop"],
  ["+ − 0", "zoom in, zoom out, show all"],
  ["c", "playhead in the middle, or free"],
  ["i, o", "the selected range begins, or ends, at this step"],
  ["e", "selects this episode"],
  ["m", "objects outlined, filled, or not at all"],
  ["t", "toggles of the network: switch features off, or up, and see what changes"],
  ["Esc", "leaves the branch that is compared, clears the selection, then the pinned feature, then leaves"],
];

const POINTER: [keys: string, what: string][] = [
  ["drag", "move through time"],
  ["Shift and drag", "select a range; a double click on an episode's name selects it"],
  ["Ctrl and wheel, pinch", "zoom at the pointer"],
  ["Shift and wheel, sideways", "move the part that is shown"],
];

export function keys(_: Context): LazyPanel {
  const list = (lines: typeof KEYS) =>
    h("dl", {}, ...lines.flatMap(([term, what]) => [h("dt", {}, term), h("dd", {}, what)]));
  return menu([list(KEYS), h("p", {}, "On the timeline"), list(POINTER)]);
}
