/** The shared time below all members: its slider, and the curves beneath it, which are fetched as soon as it is shown. */
import { type CompareScene, stepName } from "../host/compare_scene.ts";
import { loadBundle } from "../host/lazy.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import type { LazyComparePanel } from "./compare_curves.ts";
import type { CompareContext, ComparePanel } from "./compare_panel.ts";

interface Module {
  mount(context: CompareContext): LazyComparePanel;
}

export function compareTimeline(context: CompareContext): ComparePanel {
  const { comparison, signal } = context;
  const slider = h("input", { class: "rlv-slider", type: "range", min: 0, step: 1, "aria-label": "Step" });
  slider.addEventListener("input", () => comparison.goTo(Number(slider.value)), { signal });
  slider.addEventListener("pointerdown", () => comparison.set("playing", false), { signal });
  const message = h("p", { class: "rlv-hint", role: "status" });
  const element = h("div", { class: "rlv-timeline" }, slider, message);
  let below: LazyComparePanel | undefined;
  const load = async () => {
    try {
      const { mount } = await loadBundle<Module>(comparison, "compare_time");
      if (signal.aborted) return;
      below = mount(context);
      message.replaceWith(below.element);
      comparison.invalidate();
    } catch (error) {
      setText(message, `The curves could not be fetched: ${error instanceof Error ? error.message : error}`);
    }
  };
  void load();
  return {
    element,
    draw(compared) {
      setAttribute(slider, "max", compared.numSteps - 1);
      if (Number(slider.value) !== compared.step) slider.value = String(compared.step);
      setAttribute(slider, "aria-valuetext", inWords(compared));
      below?.draw(compared);
    },
  };
}

/** What a screen reader says of the step. */
function inWords(compared: CompareScene): string {
  const steps = compared.members.map(({ label, step, phase }) =>
    step === null ? `${label} ${phase === "before" ? "not yet begun" : "ended"}` : `${label} at ${step}`,
  );
  return [`step ${stepName(compared)} of ${compared.numSteps - 1}`, ...steps].join(", ");
}
