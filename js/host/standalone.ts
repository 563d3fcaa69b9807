/** Shows views in a page without a kernel: everything they ask for is embedded in the page. */
import { assert } from "../core/assert.ts";
import { followAddress } from "./address.ts";
import type { Result } from "./rpc.ts";
import { StaticModel, type StoredReply } from "./static_model.ts";

interface Hooks {
  model: StaticModel;
  signal: AbortSignal;
  experimental: unknown;
  host: unknown;
}

interface View {
  initialize?: (hooks: Hooks) => unknown;
  render?: (hooks: Hooks & { el: HTMLElement }) => unknown;
}

const unescaped = (text: string): string => text.replaceAll("<\\/", "</");

function bytesOf(base64: string): DataView {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < bytes.length; index++) bytes[index] = text.charCodeAt(index);
  return new DataView(bytes.buffer);
}

/** Finds the reply embedded under a request's key; it is parsed only when asked for. */
function replies(root: ParentNode): (key: string) => StoredReply | undefined {
  const elements = new Map<string, Element>();
  for (const element of root.querySelectorAll("script[data-rlv-reply]"))
    elements.set(element.getAttribute("data-rlv-reply") ?? "", element);
  return (key) => {
    const text = elements.get(key)?.textContent;
    if (!text) return undefined;
    const { result, buffers } = JSON.parse(text) as { result: Result; buffers: string[] };
    return { result, buffers: buffers.map(bytesOf) };
  };
}

/** The view that an ES module's text exports. */
async function viewOf(text: string): Promise<View> {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    const { default: view } = (await import(url)) as { default: View | (() => View | Promise<View>) };
    return typeof view === "function" ? await view() : view;
  } finally {
    URL.revokeObjectURL(url);
  }
}

const noKernel = (): Promise<never> => Promise.reject(new Error("snapshot: no kernel"));

async function mount(root: HTMLElement): Promise<void> {
  const el = root.querySelector<HTMLElement>("[data-rlv-view]");
  const state = root.querySelector("[data-rlv-state]")?.textContent;
  const module = root.querySelector("[data-rlv-esm]")?.textContent;
  assert(
    el && state && module,
    "a view's root holds elements with data-rlv-view, data-rlv-state and data-rlv-esm",
  );
  const initial = { ...JSON.parse(state), _offline: true };
  const model = new StaticModel(initial, replies(root));
  followAddress(model, initial);
  const view = await viewOf(unescaped(module));
  const hooks = {
    model,
    signal: new AbortController().signal,
    experimental: { invoke: noKernel },
    host: { getModel: noKernel, getWidget: noKernel },
  };
  await view.initialize?.(hooks);
  await view.render?.({ ...hooks, el });
}

for (const root of document.querySelectorAll<HTMLElement>("[data-rlv-root]"))
  mount(root).catch((error: unknown) => {
    const message = document.createElement("pre");
    message.setAttribute("role", "alert");
    message.textContent = `This view could not be shown: ${error}`;
    root.append(message);
  });
