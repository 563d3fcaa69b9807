/** Entry of the comparison's bundle: one comparison a model, shared by all its views. */
import type { AnyWidget } from "@anywidget/types";
import { Comparison } from "../host/comparison.ts";
import { sayHello } from "../host/hello.ts";
import type { CompareTraits } from "../host/scoped_model.ts";
import { showComparison } from "./compare_view.ts";

export default (): Exclude<AnyWidget<CompareTraits>, () => unknown> => {
  let comparison: Comparison | undefined;
  return {
    initialize({ model, signal }) {
      sayHello(model);
      const own = new Comparison(model);
      comparison = own;
      signal.addEventListener("abort", () => own.dispose(), { once: true });
    },
    render({ el, signal }) {
      if (!comparison) throw new Error("the comparison is rendered before it is initialised");
      const view = new AbortController();
      signal.addEventListener("abort", () => view.abort(), { once: true, signal: view.signal });
      // A view that asked for quiet does not start to move by itself.
      if (matchMedia("(prefers-reduced-motion: reduce)").matches) comparison.set("playing", false);
      showComparison(comparison, el, view.signal);
      return () => view.abort();
    },
  };
};
