/** One line that says what went wrong and offers what can be done. Space for it opens only then. */
import { h, setAttribute, setText } from "../views/dom.ts";
import type { Context, Panel } from "./panel.ts";

export function notice({ session, signal }: Context): Panel {
  const text = h("span", {});
  const retry = h("button", { class: "rlv-button" }, "Try again");
  const dismiss = h("button", { class: "rlv-icon", "aria-label": "Dismiss" }, "✕");
  retry.addEventListener("click", () => session.retry(), { signal });
  dismiss.addEventListener("click", () => session.dismiss(), { signal });
  const element = h(
    "div",
    { class: "rlv-notice", role: "alert" },
    text,
    h("span", { class: "rlv-spring" }),
    retry,
    dismiss,
  );
  element.hidden = true;
  return {
    element,
    draw({ notice: shown }) {
      element.hidden = shown === null;
      if (!shown) return;
      setAttribute(element, "data-kind", shown.kind);
      setText(
        text,
        shown.kind === "gone"
          ? `${shown.text}. What is loaded stays usable; run the cell again to reconnect.`
          : shown.text,
      );
    },
  };
}
