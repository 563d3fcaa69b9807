/** Keeps `cursor_x` at the present step, for charts whose cursor is linked to it in the browser. */
import type { ExplorerModel } from "./model.ts";

/** Whoever moves the step (this view, another, Play, Python), the cursor follows; the function returned ends it. */
export function followStep(model: ExplorerModel): () => void {
  const follow = () => {
    const step = model.get("step");
    model.set("cursor_x", [step, step]);
  };
  model.on("change:step", follow);
  follow();
  return () => model.off("change:step", follow);
}
