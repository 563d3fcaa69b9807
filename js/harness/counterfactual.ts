/**
 * Counterfactuals of a synthetic world, without Jupyter. The page's query sets traits (`?step=40&selected=entity 1`),
 * the theme (`&theme=dark`), the world (`&maze=1`) and the kernel: `&latency=200` answers late, `&kernel=gone` never,
 * `&kernel=closed` has gone away, `&offline=1` has only what is kept, `&agent=0` cannot compute. `window.rlv` serves tests.
 */
import type { AnyModel } from "@anywidget/types";
import type { CounterfactualTraits } from "../host/counterfactual_model.ts";
import { counterfactualModel } from "../test/synthetic_counterfactual.ts";
import counterfactual from "../views/counterfactual.ts";
import { countListeners } from "./listening.ts";

const query = new URLSearchParams(location.search);
document.documentElement.dataset.theme = query.get("theme") ?? "light";
const changes: Record<string, unknown> = {};
for (const name of ["trajectory", "step", "feature", "num_steps", "num_branches", "seed"])
  if (query.has(name)) changes[name] = Number(query.get(name));
for (const name of ["selected", "layer", "output"]) if (query.has(name)) changes[name] = query.get(name);
if (query.has("edits")) changes.edits = JSON.parse(query.get("edits") ?? "[]");
if (query.get("agent") === "0") changes.can_compute = false;
const model = counterfactualModel(changes, { isMaze: query.has("maze"), offline: query.has("offline") });
const listening = countListeners(model);

const kernel = { latency: Number(query.get("latency") ?? 0), state: query.get("kernel") ?? "" };
const send = model.send.bind(model);
const sent: { id?: string; kind?: string; method?: string; params?: unknown }[] = [];
const cancelled: string[] = [];
model.send = (message: unknown) => {
  const { kind, id = "" } = message as { kind?: string; id?: string };
  sent.push(message as (typeof sent)[number]);
  if (kind === "rlv-cancel") cancelled.push(id);
  if (kernel.state === "closed") throw new Error("the channel is closed");
  if (kernel.state === "gone" || kind !== "rlv-request") return;
  const { method, params } = message as { method?: string; params?: { name?: string } };
  if (method === "bundle") return void bundle(id, params?.name ?? "");
  setTimeout(() => {
    if (!cancelled.includes(id)) send(message);
  }, kernel.latency);
};

/** The build puts the parts that are fetched on demand beside the page. */
async function bundle(id: string, name: string): Promise<void> {
  const text = await (await fetch(`${name}.js`)).text();
  model.emit("msg:custom", { kind: "rlv-reply", id, result: { text } }, []);
}

const el = document.querySelector<HTMLElement>("#view");
if (!el) throw new Error("the page has no place for the view");
const life = new AbortController();
const absent = () => Promise.reject(new Error("no kernel"));
const hooks = {
  model: model as unknown as AnyModel<CounterfactualTraits>,
  signal: life.signal,
  experimental: { invoke: absent },
  host: { getModel: absent, getWidget: absent },
};
const view = counterfactual();
await view.initialize?.(hooks);
await view.render?.({ ...hooks, el });
Object.assign(window, { rlv: { model, life, sent, cancelled, kernel, listening } });
