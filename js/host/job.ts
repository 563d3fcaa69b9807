/** One computation that a part of a view asks Python for, with its progress; another takes its place. */
import type { Params } from "../core/wants.ts";
import type { Progress, Result } from "./rpc.ts";
import type { Session } from "./session.ts";

export class Job {
  /** Null while nothing runs. */
  progress: Progress | null = null;
  failure = "";
  #session: Pick<Session, "request" | "invalidate">;
  #control: AbortController | null = null;

  constructor(session: Pick<Session, "request" | "invalidate">) {
    this.#session = session;
  }

  /** The result; undefined when it was cancelled or failed, which `failure` then says. */
  async run(method: string, params: Params): Promise<Result | undefined> {
    this.cancel();
    const control = new AbortController();
    this.#control = control;
    this.failure = "";
    this.progress = { stage: "starting", done: 0, total: 0 };
    this.#session.invalidate();
    try {
      const [result] = await this.#session.request(method, params, {
        signal: control.signal,
        timeout: Number.POSITIVE_INFINITY,
        progress: (progress) => {
          if (this.#control === control) this.progress = progress;
          this.#session.invalidate();
        },
      });
      return result;
    } catch (error) {
      if (!control.signal.aborted) this.failure = error instanceof Error ? error.message : String(error);
      return undefined;
    } finally {
      if (this.#control === control) this.#end();
    }
  }

  cancel(): void {
    this.#control?.abort(new DOMException("cancelled by the user", "AbortError"));
    this.#end();
  }

  #end(): void {
    this.#control = null;
    this.progress = null;
    this.#session.invalidate();
  }
}
