/** The editor: switches on the left, what they do to the agent beside them, both agents side by side below. */
import type { Workbench } from "../host/editor_session.ts";
import { editorHeader } from "../panels/editor_header.ts";
import type { EditorContext } from "../panels/editor_panel.ts";
import { h, setAttribute, setText } from "./dom.ts";
import { editorBody, listenToUndo } from "./editor_body.ts";
import { readTheme, type Theme, watchTheme } from "./theme.ts";

/** Shows the view in `el` until `signal` aborts; then nothing of it is left. */
export function showEditor(workbench: Workbench, el: HTMLElement, signal: AbortSignal): void {
  let theme: Theme | undefined;
  const root = h("div", { class: "rlv-explorer rlv-editor", role: "region", "aria-label": "Editor" });
  const live = h("p", { class: "rlv-unseen", role: "status", "aria-live": "polite" });
  const context: EditorContext = {
    workbench,
    signal,
    theme: () => (theme ??= readTheme(root)),
    say: (text) => setText(live, text),
  };
  const top = editorHeader(context);
  const body = editorBody(context, "whole");
  const loading = h("div", { class: "rlv-loading", role: "status" }, "Opening the study…");
  root.append(loading, top.element, body.notice, body.element, live);
  root.dataset.loading = "";
  el.append(root);
  listenToUndo(context, root);

  const detach = workbench.attach((scene) => {
    if ("loading" in root.dataset) {
      delete root.dataset.loading;
      loading.remove();
    }
    top.draw(scene);
    body.draw(scene);
    setAttribute(root, "data-stale", scene.pending);
    if (!scene.pending && (scene.edited || scene.notice)) el.dataset.ready = "1";
  });
  watchTheme(() => {
    theme = undefined;
    workbench.invalidate();
  }, signal);
  signal.addEventListener(
    "abort",
    () => {
      detach();
      root.remove();
    },
    { once: true },
  );
}
