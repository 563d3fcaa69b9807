/** A model without a kernel: it keeps traits, tells listeners, and answers requests from what the page carries. */
import { type Params, requestKey } from "../core/wants.ts";
import type { Result } from "./rpc.ts";

export interface StoredReply {
  result: Result;
  buffers: DataView[];
}

type Listener = (...args: unknown[]) => void;

export const NEEDS_KERNEL = "this needs a running kernel: open the notebook";

interface Request {
  kind?: string;
  id?: string;
  method?: string;
  params?: Params;
}

export class StaticModel {
  #state: Record<string, unknown>;
  #listeners = new Map<string, Set<Listener>>();
  #find: (key: string) => StoredReply | undefined;

  constructor(
    state: Record<string, unknown>,
    find: (key: string) => StoredReply | undefined = () => undefined,
  ) {
    this.#state = { ...state };
    this.#find = find;
  }

  get(name: string): unknown {
    return this.#state[name];
  }

  set(name: string, value: unknown): void {
    if (Object.is(this.#state[name], value)) return;
    this.#state[name] = value;
    this.emit(`change:${name}`);
    this.emit("change");
  }

  on(event: string, listener: Listener): void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
  }

  /** Without a listener all of the event's go; without an event all there are. */
  off(event?: string | null, listener?: Listener | null): void {
    if (!event) this.#listeners.clear();
    else if (listener) this.#listeners.get(event)?.delete(listener);
    else this.#listeners.delete(event);
  }

  save_changes(): void {}

  send(message: unknown): void {
    const { kind, id, method = "", params = {} } = message as Request;
    if (kind !== "rlv-request") return;
    // Later, as a kernel would: whoever asks is not yet waiting for the reply.
    queueMicrotask(() => {
      try {
        const reply = this.#find(requestKey(method, params));
        if (reply) this.emit("msg:custom", { kind: "rlv-reply", id, result: reply.result }, reply.buffers);
        else this.emit("msg:custom", { kind: "rlv-reply", id, error: NEEDS_KERNEL }, []);
      } catch (error) {
        this.emit("msg:custom", { kind: "rlv-reply", id, error: String(error) }, []);
      }
    });
  }

  /** Calls the listeners of `event`; hosts that play the kernel use it too. */
  emit(event: string, ...args: unknown[]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(...args);
  }
}
