/** Keeps what a page shows in its address, so that a copied link opens it just so. */
import { fromAddress, toAddress } from "../core/permalink.ts";
import type { StaticModel } from "./static_model.ts";

const QUIET = 300;

/** Shows what the address names, and follows it; then writes it, a little after each change. */
export function followAddress(model: StaticModel, initial: Record<string, unknown>): void {
  // A page inside another, as in a notebook, has no address of its own.
  if (!/^(file|https?):$/.test(location.protocol)) return;
  const show = () => {
    for (const [name, value] of Object.entries(fromAddress(location.hash, initial))) model.set(name, value);
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  show();
  window.addEventListener("hashchange", show);
  model.on("change", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const address = toAddress((name) => model.get(name), initial);
      history.replaceState(null, "", address ? `#${address}` : location.pathname + location.search);
    }, QUIET);
  });
}
