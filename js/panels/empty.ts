/** What stands in for the attribution panels while there is nothing to draw in them. */
import { outputLabel } from "../core/actions.ts";
import { h, setText } from "../views/dom.ts";
import type { Context, Panel } from "./panel.ts";

export function emptyState({ session, signal }: Context): Panel {
  const title = h("p", { class: "rlv-empty-title" });
  const text = h("p", { class: "rlv-empty-text" });
  const compute = h("button", { class: "rlv-button" }, "Compute");
  const cancel = h("button", { class: "rlv-button" }, "Cancel");
  const bar = h("progress", { class: "rlv-progress", "aria-label": "Progress" });
  compute.addEventListener("click", () => session.compute(), { signal });
  cancel.addEventListener("click", () => session.cancelCompute(), { signal });
  const element = h("div", { class: "rlv-empty", role: "status" }, title, bar, text, compute, cancel);
  return {
    element,
    draw(scene) {
      const { computing, attribution } = scene;
      const waiting = computing !== null && attribution !== "ready";
      element.hidden = attribution === "ready" || (attribution === "loading" && !waiting);
      if (element.hidden) return;
      const what = `${outputLabel(scene.study, scene.output)} at layer ${scene.layerName}`;
      setText(title, computing ? `Explaining ${what}` : `${what} is not computed`);
      bar.hidden = !computing;
      cancel.hidden = !computing;
      compute.hidden = computing !== null || !scene.canCompute;
      if (computing) {
        const { stage, done, total } = computing.progress;
        if (total > 0) {
          bar.max = total;
          bar.value = done;
        } else bar.removeAttribute("value");
        setText(text, total > 0 ? `${stage} · ${done} of ${total}` : stage);
      } else if (scene.canCompute)
        setText(text, "It takes a moment; steps near the playhead come first, and you can cancel.");
      else setText(text, "To compute it, give the view its agent: Explorer(study, agent=agent)");
    },
  };
}
