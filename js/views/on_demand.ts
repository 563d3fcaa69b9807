/** A place in the view for a panel whose code is fetched when it is first wanted. */
import { type BundleName, type LazyPanel, loadBundle } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import type { Context, Panel } from "../panels/panel.ts";
import { h, setText } from "./dom.ts";
import { focusedNear } from "./focus.ts";

export interface OnDemand {
  /** What it is called while it is on its way, and in errors: "the feature grid". */
  label: string;
  wanted: (scene: Scene) => boolean;
}

interface Module {
  mount(context: Context): LazyPanel;
}

/** Shows the panel that bundle `name` mounts while `wanted`; the focus then goes back to where it was before. */
export function onDemand(context: Context, name: BundleName, { label, wanted }: OnDemand): Panel {
  const { session, signal } = context;
  const text = h("span", {});
  const retry = h("button", { class: "rlv-button" }, "Try again");
  const message = h("div", { class: "rlv-notice", role: "status" }, text, retry);
  const element = h("div", { class: "rlv-on-demand" }, message);
  let state: "absent" | "coming" | "failed" | "here" = "absent";
  let panel: LazyPanel | undefined;
  let before: Element | null = null;

  const say = (words: string, failed: boolean) => {
    setText(text, words);
    retry.hidden = !failed;
    message.hidden = false;
  };
  const load = async () => {
    state = "coming";
    say(`Fetching ${label}…`, false);
    try {
      const { mount } = await loadBundle<Module>(session, name);
      if (state !== "coming" || signal.aborted) return;
      panel = mount(context);
      element.append(panel.element);
      message.hidden = true;
      state = "here";
      session.invalidate();
    } catch (error) {
      if (state !== "coming") return;
      state = "failed";
      say(`${label} could not be fetched: ${error instanceof Error ? error.message : error}`, true);
    }
  };
  const leave = () => {
    const held = element.contains(focusedNear(element));
    panel?.close();
    panel?.element.remove();
    panel = undefined;
    state = "absent";
    if (held && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
  };
  retry.addEventListener("click", () => void load(), { signal });
  signal.addEventListener("abort", leave, { once: true });
  return {
    element,
    draw(scene) {
      const open = wanted(scene);
      if (!open && state !== "absent") leave();
      element.hidden = !open;
      if (open && state === "absent") {
        before = focusedNear(element);
        void load();
      }
      panel?.draw(scene);
    },
  };
}
