/** A computation in the background: how far it is, and a way to stop it. */
import { h, setAttribute, setText } from "../views/dom.ts";
import type { Context, Panel } from "./panel.ts";

export function activity({ session, signal }: Context): Panel {
  const text = h("span", { class: "rlv-label" });
  const bar = h("progress", { class: "rlv-progress", "aria-label": "Progress" });
  const cancel = h("button", { class: "rlv-icon", "aria-label": "Cancel computing", title: "cancel" }, "✕");
  cancel.addEventListener("click", () => session.cancelCompute(), { signal });
  const element = h("span", { class: "rlv-activity", role: "status" }, text, bar, cancel);
  return {
    element,
    draw({ activity: running, attribution }) {
      element.hidden = running === null || attribution !== "ready";
      if (!running) return;
      const { done, total } = running.progress;
      setText(text, `computing ${running.output} at ${running.layer}`);
      setAttribute(bar, "max", total || 1);
      setAttribute(bar, "value", total > 0 && done);
    },
  };
}
