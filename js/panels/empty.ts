/** What stands in for a row's attribution panels while there is nothing to draw in them. */
import type { RowScene } from "../host/row_scene.ts";
import type { Scene } from "../host/scene.ts";
import { h, setText } from "../views/dom.ts";
import type { Context, Panel } from "./panel.ts";

export function emptyState({ session, signal }: Context, index: number): Panel {
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
      const row = scene.rows[index];
      if (!row) return;
      const { computing, attribution } = row;
      element.hidden = attribution === "ready" || (attribution === "loading" && !computing);
      if (element.hidden) return;
      const absent = attribution === "absent" || computing !== null;
      bar.hidden = !computing;
      cancel.hidden = !computing;
      compute.hidden = !absent || computing !== null || !scene.canCompute;
      const [heading, words] = explain(scene, row);
      setText(title, heading);
      setText(text, words);
      const { done = 0, total = 0 } = computing?.progress ?? {};
      if (total > 0) {
        bar.max = total;
        bar.value = done;
      } else bar.removeAttribute("value");
    },
  };
}

function explain(scene: Scene, { attribution, computing, label }: RowScene): [title: string, text: string] {
  const where = scene.layerName ? ` at layer ${scene.layerName}` : "";
  const what = scene.gradients ? `the gradients of ${label}` : `${label}${where}`;
  if (computing) {
    const { stage, done, total } = computing.progress;
    return [`Explaining ${what}`, total > 0 ? `${stage} · ${done} of ${total}` : stage];
  }
  if (attribution === "first")
    return ["No earlier step", "This is the first step of its episode: nothing can have changed since."];
  if (attribution === "nan")
    return [
      `${what} is not a number`,
      "The attribution of this step was computed and is NaN: look for infinite weights or pixels.",
    ];
  const how = scene.canCompute
    ? "It takes a moment; steps near the playhead come first, and you can cancel."
    : "To compute it, give the view its agent: Explorer(study, agent=agent)";
  return [`${what} is not computed`, how];
}
