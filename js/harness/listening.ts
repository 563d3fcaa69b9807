/** Counts who listens to a model, so that a test can tell whether a view left anyone behind. */
import type { StaticModel } from "../host/static_model.ts";

export function countListeners(model: StaticModel): () => number {
  const listening = new Map<string, Set<unknown>>();
  const on = model.on.bind(model);
  const off = model.off.bind(model);
  model.on = (event, listener) => {
    listening.set(event, (listening.get(event) ?? new Set()).add(listener));
    on(event, listener);
  };
  model.off = (event, listener) => {
    if (!event) listening.clear();
    else if (listener) listening.get(event)?.delete(listener);
    else listening.delete(event);
    off(event, listener);
  };
  return () => [...listening.values()].reduce((count, { size }) => count + size, 0);
}
