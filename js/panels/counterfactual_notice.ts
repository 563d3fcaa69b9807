/** What went wrong, or cannot be done here. */
import { type CounterfactualContext, type CounterfactualPanel, toStage } from "./counterfactual_panel.ts";
import { noticeLine } from "./notice_line.ts";

const OFFLINE =
  "This page shows the counterfactuals that were kept. Computing others needs a kernel with the agent: open the notebook.";
const NO_AGENT =
  "No agent is connected: frames can be looked at, not changed. rlv.Counterfactual(study, agent=agent) connects it.";

export const counterfactualNotice = ({ imagination, signal }: CounterfactualContext): CounterfactualPanel =>
  noticeLine({
    offline: OFFLINE,
    noAgent: NO_AGENT,
    retry: () => imagination.retry(),
    dismiss: () => imagination.dismiss(),
    leave: toStage,
    signal,
  });
