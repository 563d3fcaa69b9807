/** The counterfactual view: the frame that is changed, both worlds beside it, and what happens next below. */
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import type { Imagination } from "../host/counterfactual_session.ts";
import { counterfactualEdits } from "../panels/counterfactual_edits.ts";
import { Hands } from "../panels/counterfactual_hands.ts";
import { counterfactualHeader } from "../panels/counterfactual_header.ts";
import { counterfactualMore } from "../panels/counterfactual_more.ts";
import { counterfactualNotice } from "../panels/counterfactual_notice.ts";
import { counterfactualPairs } from "../panels/counterfactual_pairs.ts";
import type { CounterfactualContext } from "../panels/counterfactual_panel.ts";
import { counterfactualReport } from "../panels/counterfactual_report.ts";
import { counterfactualStage } from "../panels/counterfactual_stage.ts";
import { counterfactualPalette, counterfactualTools } from "../panels/counterfactual_tools.ts";
import { h, setAttribute, setText } from "./dom.ts";
import { readTheme, type Theme, watchTheme } from "./theme.ts";

/** Shows the view in `el` until `signal` aborts; then nothing of it is left. */
export function showCounterfactual(imagination: Imagination, el: HTMLElement, signal: AbortSignal): void {
  let theme: Theme | undefined;
  const root = h("div", {
    class: "rlv-explorer rlv-counterfactual",
    role: "region",
    "aria-label": "Counterfactual",
  });
  const live = h("p", { class: "rlv-unseen", role: "status", "aria-live": "polite" });
  const context: CounterfactualContext = {
    imagination,
    signal,
    theme: () => (theme ??= readTheme(root)),
    say: (text) => setText(live, text),
  };
  const hands = new Hands();
  const top = counterfactualHeader(context);
  const message = counterfactualNotice(context);
  const stage = counterfactualStage(context, hands);
  const tools = counterfactualTools(context);
  const palette = counterfactualPalette(context, hands);
  const edits = counterfactualEdits(context);
  const more = counterfactualMore(context);
  const pairs = counterfactualPairs(more.place("reasons"));
  const panels = [top, message, stage, tools, palette, edits, pairs, more];
  const loading = h("div", { class: "rlv-loading", role: "status" }, "Opening the study…");
  root.append(
    loading,
    top.element,
    message.element,
    h(
      "div",
      { class: "rlv-instrument" },
      h("div", { class: "rlv-hand" }, stage.element, tools.element, palette.element, edits.element),
      h(
        "div",
        { class: "rlv-mind" },
        h(
          "div",
          { class: "rlv-thoughts" },
          h("div", { class: "rlv-numbers" }, pairs.element, more.place("policy")),
          h("div", { class: "rlv-numbers" }, more.place("legend"), more.place("scatter")),
        ),
        more.place("objects"),
      ),
    ),
    more.place("future"),
    live,
  );
  root.dataset.loading = "";
  el.append(root);
  listenToKeys(context, hands, root);
  const report = counterfactualReport(context);

  const draw = (scene: CounterfactualScene) => {
    if ("loading" in root.dataset) {
      delete root.dataset.loading;
      loading.remove();
    }
    for (const panel of panels) panel.draw(scene);
    report(scene);
    setAttribute(root, "data-stale", scene.pending);
    setAttribute(root, "data-effects", scene.effectsState);
    if (!scene.pending && (scene.imagined || scene.notice)) el.dataset.ready = "1";
  };

  const detach = imagination.attach(draw);
  watchTheme(() => {
    theme = undefined;
    imagination.invalidate();
  }, signal);
  signal.addEventListener(
    "abort",
    () => {
      detach();
      imagination.playing = false;
      root.remove();
    },
    { once: true },
  );
}

/** Ctrl+Z and Ctrl+Shift+Z (or Ctrl+Y), and Esc for what is held, while something inside has the focus. */
function listenToKeys(context: CounterfactualContext, hands: Hands, root: HTMLElement): void {
  const { imagination, signal, say } = context;
  const act = ({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): boolean => {
    if (key === "Escape" && hands.brush) {
      hands.take(null);
      say("Nothing is held");
      imagination.invalidate();
      return true;
    }
    const letter = key.toLowerCase();
    if (!(ctrlKey || metaKey) || altKey || (letter !== "z" && letter !== "y")) return false;
    imagination.travel(letter === "y" || shiftKey ? 1 : -1);
    return true;
  };
  root.addEventListener(
    "keydown",
    (event) => {
      // A number that is being typed has an undo of its own.
      const writes = event.target instanceof HTMLInputElement && event.target.type === "number";
      if (event.defaultPrevented || (writes && event.key !== "Escape") || !act(event)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
}
