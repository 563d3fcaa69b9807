/** Zoom out, zoom in, and where the playhead stands. */
import { SHORTEST_SPAN } from "../core/timeline.ts";
import { h, icon, setAttribute } from "../views/dom.ts";
import { CENTRE } from "../views/icons.ts";
import type { Context, Panel } from "./panel.ts";
import { shown, toggleCentred, zoomed } from "./ranges.ts";

export function zoomButtons({ session, signal }: Context): Panel {
  const button = (label: string, title: string, content: Node | string, act: () => void) => {
    const made = h("button", { class: "rlv-icon", "aria-label": label, title }, content);
    made.addEventListener("click", act, { signal });
    return made;
  };
  const wider = button("Show more steps", "zoom out (− key; 0 shows all)", "−", () => zoomed(session, 2));
  const closer = button("Show fewer steps", "zoom in (+ key, or Ctrl and wheel)", "+", () =>
    zoomed(session, 0.5),
  );
  const middle = button(
    "Playhead in the middle",
    "keep the playhead in the middle (c key)",
    icon(CENTRE),
    () => toggleCentred(session),
  );
  return {
    element: h("span", { class: "rlv-zoom", role: "group", "aria-label": "Zoom" }, wider, closer, middle),
    draw({ numSteps }) {
      const { first, last } = shown(session);
      wider.disabled = last - first >= numSteps - 1;
      closer.disabled = last - first <= SHORTEST_SPAN;
      setAttribute(middle, "aria-pressed", String(session.model.get("centred")));
    },
  };
}
