/** In place of the objects where a study holds none: why, and a button where an agent can look. */
import { Job } from "../host/job.ts";
import type { Scene } from "../host/scene.ts";
import { h, setText } from "../views/dom.ts";
import { running } from "./overlay_job.ts";
import type { Context, Panel } from "./panel.ts";

export function missingObjects({ session, signal }: Context): Panel & { close(): void } {
  const job = new Job(session);
  const text = h("p", { class: "rlv-hint", role: "status" });
  const look = h("button", { class: "rlv-button" }, "Find the objects");
  const progress = running(job, signal);
  look.addEventListener("click", () => void job.run("look_at_world", {}), { signal });
  return {
    element: h("div", { class: "rlv-objects-missing" }, text, look, progress.element),
    draw(scene) {
      look.hidden = !scene.canCompute || Boolean(scene.study.world?.note) || job.progress !== null;
      setText(text, job.failure || reason(scene, session.offline));
      progress.draw();
    },
    close: () => job.cancel(),
  };
}

function reason({ study, canCompute }: Scene, offline: boolean): string {
  if (study.world?.note) return study.world.note;
  if (offline) return "This study holds no objects; to find them needs a kernel: open the notebook.";
  if (canCompute)
    return "This study was built without objects. They are found from the states that it keeps; it takes seconds.";
  return "This study was built without objects: rlv.add_world(study) finds them, or give the view its agent.";
}
