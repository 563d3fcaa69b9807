/**
 * The explorer on a synthetic study, without Jupyter. The page's query sets traits (`?step=40&combine=true`),
 * the theme (`&theme=dark`), the study's size (`&steps=20000`) and the kernel: `&latency=200` answers late,
 * `&kernel=gone` never, `&kernel=error` with errors, `&agent=1` can compute; `&spike=70` makes the value of one step 40. `window.rlv` serves tests.
 */
import type { AnyModel } from "@anywidget/types";
import { type Params, requestKey } from "../core/wants.ts";
import type { ExplorerTraits } from "../host/model.ts";
import { syntheticFork, WORLD } from "../test/opened.ts";
import { packed, syntheticModel, syntheticStudy } from "../test/synthetic.ts";
import { answerEditing, editingTraits } from "../test/synthetic_editor.ts";
import { trace } from "../test/traces.ts";
import { write } from "../test/writers.ts";
import explorer from "../views/explorer.ts";
import { countListeners } from "./listening.ts";

const query = new URLSearchParams(location.search);
document.documentElement.dataset.theme = query.get("theme") ?? "light";
const numSteps = Number(query.get("steps") ?? 512);
const study = syntheticStudy({
  numSteps,
  numTrajectories: Number(query.get("trajectories") ?? 8),
  stories: query.has("stories") || query.has("story"),
  numFeatures: Number(query.get("features") ?? 8),
  input: query.get("layer") === "input",
  world: query.has("world"),
  forks: query.has("forks"),
});

const changes: Record<string, unknown> = {
  ...editingTraits(),
  can_compute: query.has("agent"),
  _offline: query.has("offline"),
  _only: query.has("only"),
};
for (const name of [
  "trajectory",
  "step",
  "feature",
  "hovered",
  "fps",
  "direction",
  "note",
  "opened",
  "branch_member",
])
  if (query.has(name)) changes[name] = Number(query.get(name));
for (const name of ["playing", "loop", "overlay", "combine", "show_residual", "centred", "editing"])
  if (query.has(name)) changes[name] = query.get(name) === "true";
for (const name of ["layer", "output", "mode", "scale", "look", "story", "objects", "branch"])
  if (query.has(name)) changes[name] = query.get(name);
if (query.has("edits")) changes.edits = JSON.parse(query.get("edits") ?? "[]");
if (query.has("more_outputs")) changes.more_outputs = query.get("more_outputs")?.split(";");
for (const name of ["view_range", "selected_range", "cell"])
  if (query.has(name)) changes[name] = query.get(name)?.split(",").map(Number);
if (query.get("view") === "grid") {
  const shown = { origin: "observations", density: "1", zoom: 4, opaque: false };
  Object.assign(changes, { feature: 0, ...shown, ...changes });
  for (const name of ["origin", "density"]) if (query.has(name)) changes[name] = query.get(name);
  if (query.has("zoom")) changes.zoom = Number(query.get("zoom"));
}
const model = syntheticModel(study, changes);
const listening = countListeners(model);

if (query.has("spike")) {
  const emit = model.emit.bind(model);
  model.emit = (event, ...said) => {
    const [message, buffers] = said as [{ result?: { arrays?: { name: string }[] } }, DataView[]];
    const buffer = buffers?.[message?.result?.arrays?.findIndex(({ name }) => name === "value") ?? -1];
    buffer?.setFloat32(4 * Number(query.get("spike")), 40, true);
    emit(event, ...said);
  };
}

const latency = Number(query.get("latency") ?? 0);
const kernel = query.get("kernel");
const send = model.send.bind(model);
const say = (message: Record<string, unknown>, buffers: DataView[] = []) =>
  model.emit("msg:custom", message, buffers);

/** A computation of eight chunks, a third of a second each. */
function compute(id: string, { layer, output }: Params): void {
  const target = study.layers.find(({ name }) => name === layer);
  let done = 0;
  const timer = setInterval(() => {
    say({ kind: "rlv-progress", id, stage: `attribution of ${output}`, done: ++done, total: 8 });
    if (done < 8 && !cancelled.has(id)) return;
    clearInterval(timer);
    if (cancelled.has(id) || !target) return;
    target.features = study.layers[2]?.features ?? [];
    target.outputs.push({ name: String(output), complete: true, tolerance: 0.1 });
    model.set("_study", packed(study));
    say({ kind: "rlv-reply", id, result: {} });
  }, 300);
}

/** A trace in ten stages of a tenth of a second. */
function traceBack(id: string, params: Params): void {
  let done = 0;
  const timer = setInterval(() => {
    say({ kind: "rlv-progress", id, stage: "trace", done: ++done, total: 10 });
    if (done < 10 && !cancelled.has(id)) return;
    clearInterval(timer);
    if (cancelled.has(id)) return;
    const { result, buffers } = trace(study, params);
    model.set("_study", packed({ ...study }));
    say({ kind: "rlv-reply", id, result }, buffers);
  }, 100);
}

/** The build puts the parts that are fetched on demand beside the page. */
async function bundle(id: string, name: string): Promise<void> {
  const file = await fetch(`${name}.js`);
  if (file.ok) say({ kind: "rlv-reply", id, result: { text: await file.text() } });
  else say({ kind: "rlv-reply", id, error: `no bundle "${name}"` });
}

/** `&bare=1`: a study of an earlier version, without grids until they are looked up. */
let isBare = query.has("bare");
function survey(id: string): void {
  let done = 0;
  const timer = setInterval(() => {
    say({ kind: "rlv-progress", id, stage: "grids", done: ++done, total: 4 });
    if (done < 4) return;
    clearInterval(timer);
    isBare = false;
    say({ kind: "rlv-reply", id, result: {} });
  }, 200);
}

/** A fork in ten stages of a tenth of a second; looking into the world in as many. */
function inStages(id: string, stage: string, finish: () => Record<string, unknown>): void {
  let done = 0;
  const timer = setInterval(() => {
    say({ kind: "rlv-progress", id, stage, done: ++done, total: 10 });
    if (done < 10 && !cancelled.has(id)) return;
    clearInterval(timer);
    if (cancelled.has(id)) return;
    const result = finish();
    model.set("_study", packed({ ...study }));
    say({ kind: "rlv-reply", id, result });
  }, 100);
}

function fork(id: string, params: Params): void {
  inStages(id, "branches", () => {
    const name = String(params.name) || `step ${params.step}`;
    const numBranches = Number(params.num_branches);
    const options = {
      ...{ numBranches, numSteps: Number(params.num_steps), seed: Number(params.seed) },
      actions: String(params.actions),
    };
    const made = syntheticFork(name, Number(params.trajectory), Number(params.step), options);
    study.branches = [...(study.branches ?? []), made];
    return { name };
  });
}

/** What the edited agent does, which is made up as well. */
function edit(id: string, method: string, params: Params): void {
  setTimeout(() => {
    if (cancelled.has(id)) return;
    try {
      const found = answerEditing(method, params);
      if (found) say({ kind: "rlv-reply", id, result: { ...found.result } }, found.buffers);
    } catch (error) {
      say({ kind: "rlv-reply", id, error: error instanceof Error ? error.message : String(error) });
    }
  }, latency);
}

const cancelled = new Set<string>();
const requests: string[] = [];
model.send = (message: unknown) => {
  const {
    kind: what,
    id = "",
    method = "",
    params = {},
  } = message as { kind: string; id: string; method: string; params: Params };
  if (what === "rlv-cancel") cancelled.add(id);
  if (what !== "rlv-request") return;
  requests.push(requestKey(method, params));
  if (kernel === "gone") return;
  if (kernel === "error")
    queueMicrotask(() => say({ kind: "rlv-reply", id, error: "ValueError: no such study" }));
  else if (method === "compute" && query.has("agent")) compute(id, params);
  else if (method === "trace" && query.has("agent")) traceBack(id, params);
  else if (method === "bundle") void bundle(id, String(params.name));
  else if (method === "grid" && isBare)
    say({ kind: "rlv-reply", id, result: { computed: false, arrays: [] } });
  else if (method === "fork" && query.has("agent")) fork(id, params);
  else if (method === "look_at_world" && query.has("agent"))
    inStages(id, "looking", () => {
      study.world = WORLD;
      return {};
    });
  else if (method === "survey" && query.has("agent")) survey(id);
  else if (/^(edited|race|measure)$/.test(method) && query.has("agent")) edit(id, method, params);
  else setTimeout(() => writeOrRead(message, id, method, params), latency);
};

function writeOrRead(message: unknown, id: string, method: string, params: Params): void {
  try {
    const written = write(study, method, params);
    if (!written) {
      send(message);
      return;
    }
    model.set("_study", packed({ ...study, stories: study.stories.map((story) => ({ ...story })) }));
    say({ kind: "rlv-reply", id, result: written });
  } catch (error) {
    say({ kind: "rlv-reply", id, error: String(error) });
  }
}

const el = document.querySelector<HTMLElement>("#view");
if (!el) throw new Error("the page has no place for the view");
const typed = model as unknown as AnyModel<ExplorerTraits>;
const life = new AbortController();
const hooks = {
  model: typed,
  signal: life.signal,
  experimental: { invoke: () => Promise.reject(new Error("no kernel")) },
  host: {
    getModel: () => Promise.reject(new Error("no kernel")),
    getWidget: () => Promise.reject(new Error("no kernel")),
  },
};
/** `?view=grid`: the feature grid alone, from the bundle that the build puts beside the page. */
async function chosenView(): Promise<ReturnType<typeof explorer>> {
  const name = query.get("view");
  if (name === null) return explorer();
  const url = `./${name}.js`;
  const { default: make } = (await import(url)) as { default: typeof explorer };
  return make();
}
const view = await chosenView();
await view.initialize?.(hooks);
await view.render?.({ ...hooks, el });
Object.assign(window, { rlv: { model, life, requests, cancelled, study, listening } });
