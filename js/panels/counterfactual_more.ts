/** Places for the parts of the view that are fetched as soon as it is shown. */
import { loadBundle } from "../host/lazy.ts";
import { h, setText } from "../views/dom.ts";
import { button, type CounterfactualContext, type CounterfactualPanel } from "./counterfactual_panel.ts";

interface Module {
  PARTS: Record<string, (context: CounterfactualContext) => CounterfactualPanel>;
}

export interface More {
  /** Where the part called `name` will be. */
  place(name: string): HTMLElement;
  draw: CounterfactualPanel["draw"];
}

export function counterfactualMore(context: CounterfactualContext): More {
  const { imagination, signal } = context;
  const places = new Map<string, HTMLElement>();
  const text = h("span", {}, "Fetching the numbers…");
  const retry = button("Try again", {}, () => void load(), signal);
  const message = h("div", { class: "rlv-hint rlv-coming", role: "status" }, text, retry);
  retry.hidden = true;
  let panels: CounterfactualPanel[] = [];
  const load = async () => {
    retry.hidden = true;
    try {
      const { PARTS } = await loadBundle<Module>(imagination, "counterfactual_more");
      if (signal.aborted) return;
      message.remove();
      panels = [...places].flatMap(([name, place]) => {
        const panel = PARTS[name]?.(context);
        if (panel) place.replaceChildren(panel.element);
        return panel ?? [];
      });
      imagination.invalidate();
    } catch (error) {
      setText(text, `The numbers could not be fetched: ${error instanceof Error ? error.message : error}`);
      retry.hidden = false;
    }
  };
  void load();
  return {
    place(name) {
      const place = h("div", { class: `rlv-more rlv-more-${name}` });
      if (places.size === 0) place.append(message);
      places.set(name, place);
      return place;
    },
    draw(scene) {
      for (const panel of panels) panel.draw(scene);
    },
  };
}
