/** Answers about edited agents: asked for once and kept while others are looked at, so that undoing is immediate. */
import type { Study } from "../core/study.ts";
import type { Params } from "../core/wants.ts";
import type { Asker } from "./counterfactual_question.ts";
import { arraysOf } from "./counterfactual_reply.ts";
import { type Edited, editedOf, recordedFrame } from "./editor_reply.ts";
import { load, slice } from "./replies.ts";
import { NoAnswer, type Progress } from "./rpc.ts";

const KEPT = 64;
/** The first answer may wait for a running cell and for the agent's first batch. */
const PATIENCE = 300_000;

export class EditedAnswers {
  #asker: Asker;
  #study: () => Study | null;
  #kept = new Map<string, Edited>();
  #isAnswered = false;

  constructor(asker: Asker, study: () => Study | null) {
    this.#asker = asker;
    this.#study = study;
  }

  known(key: string): Edited | undefined {
    const found = this.#kept.get(key);
    if (found) this.#keep(key, found);
    return found;
  }

  clear(): void {
    this.#kept.clear();
  }

  async fetch(
    key: string,
    params: Params,
    signal: AbortSignal,
    progress: (progress: Progress) => void,
  ): Promise<Edited> {
    const options = { signal, progress, ...(!this.#isAnswered && { timeout: PATIENCE }) };
    try {
      const reply = await this.#asker.request("edited", params, options);
      const found = editedOf(key, await arraysOf(reply));
      signal.throwIfAborted();
      this.#isAnswered = true;
      this.#keep(key, found);
      return found;
    } catch (error) {
      if (this.#asker.canCompute() || error instanceof NoAnswer || signal.aborted) throw error;
      return await this.#recorded(key, params, error);
    }
  }

  /** Without an agent nothing can be edited, but a recorded frame can still be looked at. */
  async #recorded(key: string, params: Params, error: unknown): Promise<Edited> {
    const study = this.#study();
    if (params.edits !== "[]" || !study) throw error;
    const [trajectory, step] = [Number(params.trajectory), Number(params.step)];
    const chunk = Math.floor(step / study.chunk);
    const loaded = await load(
      "observations",
      await this.#asker.request("observations", { trajectory, chunk }),
    );
    const pixels = slice(loaded, "observation", step - chunk * study.chunk) as Uint8Array | null;
    if (!pixels) throw error;
    return recordedFrame(key, pixels, study.observation);
  }

  #keep(key: string, found: Edited): void {
    this.#kept.delete(key);
    this.#kept.set(key, found);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
  }
}
