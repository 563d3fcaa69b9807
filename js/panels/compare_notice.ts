/** One line that says what went wrong and offers what can be done. Space for it opens only then. */
import { h, setAttribute, setText } from "../views/dom.ts";
import type { CompareContext, ComparePanel } from "./compare_panel.ts";

export function compareNotice({ comparison, signal }: CompareContext): ComparePanel {
  const text = h("span", {});
  const retry = h("button", { class: "rlv-button" }, "Try again");
  const dismiss = h("button", { class: "rlv-icon", "aria-label": "Dismiss" }, "✕");
  retry.addEventListener("click", () => comparison.retry(), { signal });
  dismiss.addEventListener("click", () => comparison.dismiss(), { signal });
  const spring = h("span", { class: "rlv-spring" });
  const element = h("div", { class: "rlv-notice", role: "alert" }, text, spring, retry, dismiss);
  element.hidden = true;
  return {
    element,
    draw({ notice }) {
      element.hidden = notice === null;
      if (!notice) return;
      setAttribute(element, "data-kind", notice.kind);
      const gone = "What is loaded stays usable; run the cell again to reconnect.";
      setText(text, notice.kind === "gone" ? `${notice.text}. ${gone}` : notice.text);
    },
  };
}
