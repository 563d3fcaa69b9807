/** What is shown, as text to copy: in a page its link, in a notebook what Python's `state=` takes. */
import { stateText } from "../core/permalink.ts";
import type { Scene } from "../host/scene.ts";
import { h, setText } from "../views/dom.ts";
import type { Context, Panel } from "./panel.ts";

export function copyState({ session }: Pick<Context, "session">): Panel {
  const isPage = session.offline && location.protocol !== "about:";
  const name = isPage ? "Link to what is shown" : "State of the view";
  const text = h("input", { class: "rlv-copy", type: "text", readonly: true, "aria-label": name });
  const button = h("button", { class: "rlv-button" }, "copy");
  const told = h("span", { class: "rlv-hint", role: "status" });
  const hint = isPage ? "opens this page just as it stands" : "Explorer(study, state='…') or restore('…')";
  text.addEventListener("focus", () => text.select());
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text.value);
      setText(told, "copied");
    } catch {
      // Not every page may write to the clipboard; the text is there to be copied by hand.
      text.focus();
      setText(told, "press Ctrl+C");
    }
  });
  return {
    element: h(
      "fieldset",
      { class: "rlv-choice" },
      h("legend", {}, isPage ? "Link" : "State"),
      h("span", { class: "rlv-copy-line" }, text, button),
      h("span", { class: "rlv-hint" }, hint, " ", told),
    ),
    draw(_scene: Scene) {
      const value = isPage ? location.href : stateText((trait) => session.model.get(trait as "step"));
      if (text.value === value) return;
      text.value = value;
      setText(told, "");
    },
  };
}
