/** A computation that runs: what it does, how far it is, and a button that stops it. */
import type { Job } from "../host/job.ts";
import { h, setAttribute, setText } from "../views/dom.ts";

export interface Running {
  element: HTMLElement;
  draw(): void;
}

export function running(job: Job, signal: AbortSignal): Running {
  const bar = h("progress", { class: "rlv-progress", "aria-label": "Progress" });
  const stage = h("span", { class: "rlv-label" });
  const cancel = h("button", { class: "rlv-button" }, "Cancel");
  cancel.addEventListener("click", () => job.cancel(), { signal });
  const element = h("div", { class: "rlv-job", role: "status" }, bar, stage, cancel);
  return {
    element,
    draw() {
      element.hidden = job.progress === null;
      if (!job.progress) return;
      const { stage: text, done, total } = job.progress;
      setAttribute(bar, "max", total || 1);
      setAttribute(bar, "value", total > 0 && done);
      setText(stage, total > 1 ? `${text} · ${done} of ${total}` : text);
    },
  };
}
