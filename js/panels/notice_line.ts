/** One line that says what went wrong, or what cannot be done here; space for it opens only then. */
import type { Notice } from "../host/counterfactual_scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { button } from "./counterfactual_panel.ts";

export interface NoticeLine {
  offline: string;
  noAgent: string;
  retry(): void;
  dismiss(): void;
  /** The line goes, and what has the focus in it: where that goes on. */
  leave(line: HTMLElement): void;
  signal: AbortSignal;
}

export function noticeLine({ offline, noAgent, leave, signal, ...acts }: NoticeLine): {
  element: HTMLElement;
  draw(scene: { notice: Notice | null; offline: boolean; canCompute: boolean }): void;
} {
  const text = h("span", {});
  const then = (act: () => void) => () => {
    act();
    leave(wrong);
  };
  const retry = button("Try again", {}, then(acts.retry), signal);
  const dismiss = button("✕", { class: "rlv-icon", label: "Dismiss" }, then(acts.dismiss), signal);
  const spring = h("span", { class: "rlv-spring" });
  const wrong = h("div", { class: "rlv-notice", role: "alert" }, text, spring, retry, dismiss);
  const limits = h("p", { class: "rlv-limits" });
  wrong.hidden = true;
  return {
    element: h("div", { class: "rlv-notices" }, limits, wrong),
    draw({ notice, offline: isOffline, canCompute }) {
      limits.hidden = canCompute;
      setText(limits, isOffline ? offline : noAgent);
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
