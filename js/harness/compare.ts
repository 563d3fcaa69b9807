/**
 * A comparison of synthetic studies, without Jupyter. The page's query sets traits (`?step=40&align=level:7`), the
 * theme (`&theme=dark`), the members (`&members=0/0,1/0,0/2`: study/trajectory) and the kernel (`&latency=200`).
 */
import type { AnyModel } from "@anywidget/types";
import type { CompareTraits } from "../host/scoped_model.ts";
import { comparedStudies, comparisonModel } from "../test/synthetic_compare.ts";
import compare from "../views/compare.ts";
import { countListeners } from "./listening.ts";

const query = new URLSearchParams(location.search);
document.documentElement.dataset.theme = query.get("theme") ?? "light";
const places = (query.get("members") ?? "0/0,1/1").split(",").map((text) => {
  const [study = 0, trajectory = 0] = text.split("/").map(Number);
  return { study, trajectory };
});
const changes: Record<string, unknown> = {};
for (const name of ["step", "selected", "fps", "direction"])
  if (query.has(name)) changes[name] = Number(query.get(name));
for (const name of ["playing", "loop", "overlay", "combine", "show_difference"])
  if (query.has(name)) changes[name] = query.get(name) === "true";
for (const name of ["align", "output"]) if (query.has(name)) changes[name] = query.get(name);
if (query.has("layers")) changes.layers = query.get("layers")?.split(",");
const model = comparisonModel(comparedStudies(Number(query.get("steps") ?? 384)), places, changes);
const listening = countListeners(model);

const latency = Number(query.get("latency") ?? 0);
const send = model.send.bind(model);
const sent: unknown[] = [];
model.send = (message: unknown) => {
  sent.push(message);
  const { id, method, params } = message as { id?: string; method?: string; params?: { name?: string } };
  if (method === "bundle") void bundle(id, params?.name ?? "");
  else setTimeout(() => send(message), latency);
};

/** The build puts the parts that are fetched on demand beside the page. */
async function bundle(id: string | undefined, name: string): Promise<void> {
  const text = await (await fetch(`${name}.js`)).text();
  model.emit("msg:custom", { kind: "rlv-reply", id, result: { text } }, []);
}

const el = document.querySelector<HTMLElement>("#view");
if (!el) throw new Error("the page has no place for the view");
const life = new AbortController();
const absent = () => Promise.reject(new Error("no kernel"));
const hooks = {
  model: model as unknown as AnyModel<CompareTraits>,
  signal: life.signal,
  experimental: { invoke: absent },
  host: { getModel: absent, getWidget: absent },
};
const view = compare();
await view.initialize?.(hooks);
await view.render?.({ ...hooks, el });
Object.assign(window, { rlv: { model, life, sent, listening } });
