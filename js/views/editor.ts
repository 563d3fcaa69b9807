/** Entry of the editor's bundle: one workbench a model, shared by all its views. */
import type { AnyWidget } from "@anywidget/types";
import type { EditorTraits } from "../host/editor_model.ts";
import { ownSeat } from "../host/editor_seats.ts";
import { Workbench } from "../host/editor_session.ts";
import { sayHello } from "../host/hello.ts";
import { showEditor } from "./editor_view.ts";

export default (): Exclude<AnyWidget<EditorTraits>, () => unknown> => {
  let workbench: Workbench | undefined;
  return {
    initialize({ model, signal }) {
      sayHello(model);
      const seat = ownSeat(model);
      const own = new Workbench(seat);
      workbench = own;
      const leave = () => {
        own.dispose();
        seat.close();
      };
      signal.addEventListener("abort", leave, { once: true });
    },
    render({ el, signal }) {
      if (!workbench) throw new Error("the editor is rendered before it is initialised");
      const view = new AbortController();
      signal.addEventListener("abort", () => view.abort(), { once: true, signal: view.signal });
      showEditor(workbench, el, view.signal);
      return () => view.abort();
    },
  };
};
