/** The editor within the explorer, whose legend has the switches: bundle `editing`. */

import type { Seat } from "../host/editor_model.ts";
import type { EditorScene } from "../host/editor_scene.ts";
import { explorerSeat } from "../host/editor_seats.ts";
import { Workbench } from "../host/editor_session.ts";
import type { LazyPanel } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import { legendSwitches } from "../panels/editing_legend.ts";
import type { EditorContext } from "../panels/editor_panel.ts";
import type { Context } from "../panels/panel.ts";
import style from "../styles/editing_body.css";
import { h, setAttribute, setText } from "./dom.ts";
import { editorBody, listenToUndo } from "./editor_body.ts";
import type { Theme } from "./theme.ts";

/** Puts an editor into `element`, which says where in the study it is, until `signal` aborts. */
export function mountEditing(
  seat: Seat,
  element: HTMLElement,
  { signal, theme }: { signal: AbortSignal; theme: () => Theme },
): Workbench {
  const workbench = new Workbench(seat);
  const live = h("p", { class: "rlv-unseen", role: "status", "aria-live": "polite" });
  const context: EditorContext = { workbench, signal, theme, say: (text) => setText(live, text) };
  const body = editorBody(context, "part");
  element.classList.add("rlv-editor");
  element.append(h("style", {}, style), body.notice, body.element, live);
  listenToUndo(context, element);
  const draw = (scene: EditorScene) => {
    body.draw(scene);
    setAttribute(element, "data-stale", scene.pending);
  };
  const detach = workbench.attach(draw);
  const leave = () => {
    detach();
    workbench.dispose();
    element.replaceChildren();
  };
  signal.addEventListener("abort", leave, { once: true });
  return workbench;
}

export function mount({ session, theme, signal }: Context): LazyPanel {
  const life = new AbortController();
  signal.addEventListener("abort", () => life.abort(), { once: true, signal: life.signal });
  const element = h("section", { class: "rlv-ed-embedded", role: "region", "aria-label": "Editing" });
  const own = { session, theme, signal: life.signal };
  const workbench = mountEditing(explorerSeat(session), element, own);
  const switches = legendSwitches(own, workbench);
  element.append(switches.element);
  let last: Scene | null = null;
  // A slider that is held moves the workbench and not yet the explorer.
  const detach = workbench.attach(() => last && switches.draw(last));
  element.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || event.defaultPrevented) return;
      session.set("editing" as never, false as never);
      event.stopPropagation();
    },
    { signal: life.signal },
  );
  return {
    element,
    draw(scene) {
      last = scene;
      workbench.invalidate();
    },
    close() {
      detach();
      switches.close();
      life.abort();
    },
  };
}
