/** One line that says what went wrong, or what cannot be done here; space for it opens only then. */
import { h, setAttribute, setText } from "../views/dom.ts";
import {
  button,
  type CounterfactualContext,
  type CounterfactualPanel,
  toStage,
} from "./counterfactual_panel.ts";

const OFFLINE =
  "This page shows the counterfactuals that were kept. Computing others needs a kernel with the agent: open the notebook.";
const NO_AGENT =
  "No agent is connected: frames can be looked at, not changed. rlv.Counterfactual(study, agent=agent) connects it.";

export function counterfactualNotice({ imagination, signal }: CounterfactualContext): CounterfactualPanel {
  const text = h("span", {});
  // The line goes, and what has the focus in it: that goes on in the frame.
  const then = (act: () => void) => () => {
    act();
    toStage(wrong);
  };
  const retry = button(
    "Try again",
    {},
    then(() => imagination.retry()),
    signal,
  );
  const look = { class: "rlv-icon", label: "Dismiss" };
  const dismiss = button(
    "✕",
    look,
    then(() => imagination.dismiss()),
    signal,
  );
  const wrong = h(
    "div",
    { class: "rlv-notice", role: "alert" },
    text,
    h("span", { class: "rlv-spring" }),
    retry,
    dismiss,
  );
  const limits = h("p", { class: "rlv-limits" });
  wrong.hidden = true;
  return {
    element: h("div", { class: "rlv-notices" }, limits, wrong),
    draw({ notice, offline, canCompute }) {
      limits.hidden = canCompute;
      setText(limits, offline ? OFFLINE : NO_AGENT);
      wrong.hidden = notice === null;
      if (!notice) return;
      const gone = notice.kind === "gone";
      setAttribute(wrong, "data-kind", notice.kind);
      retry.hidden = !gone;
      setText(
        text,
        gone ? `${notice.text}. What is loaded stays; run the cell again to reconnect.` : notice.text,
      );
    },
  };
}
