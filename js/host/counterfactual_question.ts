/** Something computed that Python is asked for: one at a time, and the last question wins. */
import type { Params } from "../core/wants.ts";
import type { Computed, Notice } from "./counterfactual_scene.ts";
import { NoAnswer, type Progress, type Reply, type RequestOptions } from "./rpc.ts";

export interface Asker {
  request(method: string, params: Params, options?: RequestOptions): Promise<Reply>;
  failed(error: unknown): void;
  changed(): void;
  /** Without an agent a refusal is nothing to report: only what is kept can be had. */
  canCompute(): boolean;
}

export class Question<T extends { key: string }> {
  value: T | null = null;
  progress: Progress | null = null;
  failed = false;
  #control: AbortController | null = null;
  #asker: Asker;
  #isAskedFor: boolean;

  /** What nobody has asked for fails without a word while there is no agent. */
  constructor(asker: Asker, isAskedFor = true) {
    this.#asker = asker;
    this.#isAskedFor = isAskedFor;
  }

  get running(): boolean {
    return this.#control !== null;
  }

  async ask(
    method: string,
    params: Params,
    read: (reply: Reply) => Promise<T>,
    patient: boolean,
  ): Promise<void> {
    this.stop();
    const control = new AbortController();
    this.#control = control;
    const progress = (progress: Progress) => {
      this.progress = progress;
      this.#asker.changed();
    };
    const timeout = patient ? Number.POSITIVE_INFINITY : undefined;
    const options = { signal: control.signal, progress, ...(timeout ? { timeout } : {}) };
    try {
      const value = await read(await this.#asker.request(method, params, options));
      if (this.#control === control) this.value = value;
    } catch (error) {
      if (this.#control === control) {
        this.failed = this.#isAskedFor || this.#asker.canCompute();
        if (this.failed) this.#asker.failed(error);
      }
    } finally {
      if (this.#control === control) this.#control = null;
      this.#asker.changed();
    }
  }

  stop(): void {
    this.#control?.abort();
    this.#control = null;
    this.progress = null;
    this.failed = false;
  }

  at(key: string): Computed<T> {
    const { value, running, progress } = this;
    return { value, running, progress, stale: value !== null && value.key !== key };
  }
}

/** What is said about a refusal: "ValueError: an enemy …" without the first word, since no one here has raised it. */
export function noticeOf(error: unknown): Notice {
  const text = error instanceof Error ? error.message : String(error);
  const kind = error instanceof NoAnswer ? "gone" : "error";
  return { kind, text: text.replace(/^(\w*(Error|Here): )+/, "") };
}
