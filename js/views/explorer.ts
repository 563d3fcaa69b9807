/** Entry of the explorer's bundle: one session a model, shared by all its views. */
import type { AnyWidget } from "@anywidget/types";
import { followStep } from "../host/cursor_trait.ts";
import { sayHello } from "../host/hello.ts";
import type { ExplorerTraits } from "../host/model.ts";
import { Session } from "../host/session.ts";
import { showExplorer } from "./explorer_view.ts";

export default (): Exclude<AnyWidget<ExplorerTraits>, () => unknown> => {
  let session: Session | undefined;
  return {
    initialize({ model, signal }) {
      sayHello(model);
      const own = new Session(model);
      session = own;
      const unlink = followStep(model);
      signal.addEventListener(
        "abort",
        () => {
          unlink();
          own.dispose();
        },
        { once: true },
      );
    },
    render({ el, signal }) {
      if (!session) throw new Error("the explorer is rendered before it is initialised");
      const view = new AbortController();
      signal.addEventListener("abort", () => view.abort(), { once: true, signal: view.signal });
      // A view that asked for quiet does not start to move by itself.
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) session.set("playing", false);
      showExplorer(session, el, view.signal);
      return () => view.abort();
    },
  };
};
