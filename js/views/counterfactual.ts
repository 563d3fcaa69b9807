/** Entry of the counterfactual view's bundle: one imagination a model, shared by all its views. */
import type { AnyWidget } from "@anywidget/types";
import type { CounterfactualTraits } from "../host/counterfactual_model.ts";
import { Imagination } from "../host/counterfactual_session.ts";
import { sayHello } from "../host/hello.ts";
import { showCounterfactual } from "./counterfactual_view.ts";

export default (): Exclude<AnyWidget<CounterfactualTraits>, () => unknown> => {
  let imagination: Imagination | undefined;
  return {
    initialize({ model, signal }) {
      sayHello(model);
      const own = new Imagination(model);
      imagination = own;
      signal.addEventListener("abort", () => own.dispose(), { once: true });
    },
    render({ el, signal }) {
      if (!imagination) throw new Error("the counterfactual is rendered before it is initialised");
      const view = new AbortController();
      signal.addEventListener("abort", () => view.abort(), { once: true, signal: view.signal });
      showCounterfactual(imagination, el, view.signal);
      return () => view.abort();
    },
  };
};
