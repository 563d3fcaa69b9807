/**
 * Edits of a synthetic agent, without Jupyter. The page's query sets traits (`?step=40&edits=[…]`), the theme
 * (`&theme=dark`) and the kernel: `&latency=200` answers late, `&kernel=gone` never, `&kernel=closed` has gone away,
 * `&offline=1` has only what is kept, `&agent=0` cannot compute. `window.rlv` serves tests.
 */
import type { AnyModel } from "@anywidget/types";
import type { EditorTraits } from "../host/editor_model.ts";
import { editorModel } from "../test/synthetic_editor.ts";
import editor from "../views/editor.ts";
import { countListeners } from "./listening.ts";

const query = new URLSearchParams(location.search);
document.documentElement.dataset.theme = query.get("theme") ?? "light";
const changes: Record<string, unknown> = {};
for (const name of ["trajectory", "step", "feature", "num_steps", "levels", "seed"])
  if (query.has(name)) changes[name] = Number(query.get(name));
for (const name of ["layer", "output"]) if (query.has(name)) changes[name] = query.get(name);
if (query.has("edits")) changes.edits = JSON.parse(query.get("edits") ?? "[]");
if (query.get("agent") === "0") changes.can_compute = false;
const model = editorModel(changes, { offline: query.has("offline") });
const listening = countListeners(model);

const kernel = { latency: Number(query.get("latency") ?? 0), state: query.get("kernel") ?? "" };
const send = model.send.bind(model);
const sent: unknown[] = [];
const cancelled: string[] = [];
model.send = (message: unknown) => {
  const { kind, id = "" } = message as { kind?: string; id?: string };
  sent.push(message);
  if (kind === "rlv-cancel") cancelled.push(id);
  if (kernel.state === "closed") throw new Error("the channel is closed");
  if (kernel.state === "gone" || kind !== "rlv-request") return;
  setTimeout(() => {
    if (!cancelled.includes(id)) send(message);
  }, kernel.latency);
};

const el = document.querySelector<HTMLElement>("#view");
if (!el) throw new Error("the page has no place for the view");
const life = new AbortController();
const absent = () => Promise.reject(new Error("no kernel"));
const hooks = {
  model: model as unknown as AnyModel<EditorTraits>,
  signal: life.signal,
  experimental: { invoke: absent },
  host: { getModel: absent, getWidget: absent },
};
const view = editor();
await view.initialize?.(hooks);
await view.render?.({ ...hooks, el });
Object.assign(window, { rlv: { model, life, sent, cancelled, kernel, listening } });
