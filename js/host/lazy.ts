/** Parts of a view that are fetched when they are first shown: they would weigh on everyone who never opens them. */
import type { Panel } from "../panels/panel.ts";
import type { Session } from "./session.ts";

/** Names of the bundles, each built from `views/<name>.ts`; Python serves these and no other files. */
export type BundleName =
  | "grid"
  | "cell"
  | "compare_time"
  | "menus"
  | "story"
  | "time"
  | "world"
  | "forks"
  | "counterfactual_more"
  | "editing";

/** A panel that can go: `close` takes away its listeners, timers and object URLs. */
export interface LazyPanel extends Panel {
  close(): void;
}

/** Fetched as a view opens, maybe behind a running cell: they come when it ends, however long it takes. */
const PATIENT: BundleName[] = ["time", "compare_time", "counterfactual_more"];

const arrived = new Map<string, Promise<unknown>>();

/** The module of a bundle; asked for once a page and again only after a failure. */
export function loadBundle<Module>(session: Pick<Session, "request">, name: BundleName): Promise<Module> {
  const known = arrived.get(name) ?? fetchBundle(session, name);
  arrived.set(name, known);
  known.catch(() => arrived.delete(name));
  return known as Promise<Module>;
}

async function fetchBundle(session: Pick<Session, "request">, name: BundleName): Promise<unknown> {
  const timeout = PATIENT.includes(name) ? Number.POSITIVE_INFINITY : undefined;
  const [{ text }] = await session.request("bundle", { name }, timeout ? { timeout } : {});
  if (typeof text !== "string" || text === "") throw new Error(`the part "${name}" of this view came empty`);
  // A blob is the one address that works in a notebook, on a page without a network, and under its policy.
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}
