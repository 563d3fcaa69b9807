/** Requests to Python over custom messages: replies, errors, progress, cancelling and time-outs. */

import type { WireArray } from "../core/arrays.ts";
import { assert } from "../core/assert.ts";
import type { Params } from "../core/wants.ts";
import type { ExplorerModel } from "./model.ts";

export interface Result {
  arrays?: WireArray[];
  [name: string]: unknown;
}

export interface Progress {
  stage: string;
  done: number;
  total: number;
}

export interface RequestOptions {
  signal?: AbortSignal;
  /** Milliseconds without reply or progress after which the kernel counts as gone. */
  timeout?: number;
  progress?: (progress: Progress) => void;
}

export type Reply = [result: Result, buffers: DataView[]];

/** No answer came in time, or there is nobody to ask. */
export class NoAnswer extends Error {}

interface Message {
  kind?: string;
  id?: string;
  result?: Result;
  error?: string;
  stage?: string;
  done?: number;
  total?: number;
}

interface Pending {
  reply: (message: Message, buffers: DataView[]) => void;
  drop: () => void;
}

/** Larger messages end the socket silently (the server's limit is 10 MiB); nothing of ours comes near. */
const LARGEST_MESSAGE = 1_000_000;

export class Rpc {
  #model: Pick<ExplorerModel, "on" | "off" | "send">;
  #pending = new Map<string, Pending>();
  #prefix = Math.random().toString(36).slice(2);
  #count = 0;

  constructor(model: Pick<ExplorerModel, "on" | "off" | "send">) {
    this.#model = model;
    model.on("msg:custom", this.#receive);
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** Sends a request; an abort also tells Python, which stops at its next batch. */
  request(method: string, params: Params, options: RequestOptions = {}): Promise<Reply> {
    const id = `${this.#prefix}:${this.#count++}`;
    const { signal, progress, timeout = 30_000 } = options;
    const message = { kind: "rlv-request", id, method, params };
    return new Promise((resolve, reject) => {
      assert(JSON.stringify(message).length < LARGEST_MESSAGE, `request ${method} is too large to send`);
      if (signal?.aborted) return reject(signal.reason);
      let timer: ReturnType<typeof setTimeout> | undefined;
      const finish = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", cancel);
        this.#pending.delete(id);
      };
      const cancel = () => {
        finish();
        this.#send({ kind: "rlv-cancel", id });
        reject(signal?.reason);
      };
      const wait = () => {
        clearTimeout(timer);
        if (!Number.isFinite(timeout)) return;
        timer = setTimeout(() => {
          finish();
          reject(new NoAnswer(`The kernel has not answered for ${Math.round(timeout / 1000)} s`));
        }, timeout);
      };
      const reply = (message: Message, buffers: DataView[]) => {
        if (message.kind === "rlv-progress") {
          wait();
          progress?.({ stage: message.stage ?? "", done: message.done ?? 0, total: message.total ?? 0 });
          return;
        }
        finish();
        if (message.error === undefined) resolve([message.result ?? {}, buffers]);
        else reject(new Error(message.error));
      };
      const drop = () => {
        finish();
        reject(new NoAnswer("The view was closed before the answer came"));
      };
      this.#pending.set(id, { reply, drop });
      signal?.addEventListener("abort", cancel);
      wait();
      try {
        this.#model.send(message);
      } catch (error) {
        finish();
        reject(
          new NoAnswer(`The kernel cannot be reached (${error instanceof Error ? error.message : error})`),
        );
      }
    });
  }

  /** Stops listening; what is still open fails, and waits no longer. */
  close(): void {
    this.#model.off("msg:custom", this.#receive);
    for (const { drop } of [...this.#pending.values()]) drop();
  }

  #send(message: Record<string, string>): void {
    try {
      this.#model.send(message);
    } catch {
      // The channel is closed: there is nobody left to tell.
    }
  }

  #receive = (message: unknown, buffers: DataView[] = []): void => {
    if (typeof message !== "object" || message === null) return;
    const { id } = message as Message;
    if (id !== undefined) this.#pending.get(id)?.reply(message as Message, buffers);
  };
}
