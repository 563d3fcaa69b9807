/** Pictures of worlds: asked for once, and kept while others are looked at, so that undoing is immediate. */
import { type Params, requestKey } from "../core/wants.ts";
import type { Asker } from "./counterfactual_question.ts";
import { arraysOf, type Imagined, imagined, recorded } from "./counterfactual_reply.ts";
import { NoAnswer, type Progress } from "./rpc.ts";

const KEPT = 32;
/** The first picture may wait for a running cell and for the agent's first batch. */
const PATIENCE = 300_000;

interface Frame {
  pixels: Uint8Array;
  size: Imagined["size"];
}

interface Kept {
  picture: Promise<Imagined>;
  signal: AbortSignal;
  isHere: boolean;
}

export class Pictures {
  #asker: Asker;
  #frame: (trajectory: number, step: number) => Promise<Frame | null>;
  #kept = new Map<string, Kept>();
  #isAnswered = false;

  /** `frame` gives a recorded observation, or null. */
  constructor(asker: Asker, frame: (trajectory: number, step: number) => Promise<Frame | null>) {
    this.#asker = asker;
    this.#frame = frame;
  }

  get(params: Params, signal: AbortSignal, progress: (progress: Progress) => void): Promise<Imagined> {
    const key = requestKey("imagine", params);
    const known = this.#kept.get(key);
    // One that was given up is on its way out: whoever asks now must not get its refusal.
    const usable = known && (known.isHere || !known.signal.aborted) ? known : undefined;
    const kept = usable ?? this.#ask(key, params, signal, progress);
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT) break;
      this.#kept.delete(oldest);
    }
    return kept.picture;
  }

  clear(): void {
    this.#kept.clear();
  }

  #ask(key: string, params: Params, signal: AbortSignal, progress: (progress: Progress) => void): Kept {
    const picture = this.#asker
      .request("imagine", params, { signal, progress, ...(!this.#isAnswered && { timeout: PATIENCE }) })
      .then(async (reply) => imagined(key, await arraysOf(reply)))
      .catch((error: unknown) => this.#recorded(key, params, error, signal));
    const kept: Kept = { picture, signal, isHere: false };
    picture.then(
      () => {
        this.#isAnswered = true;
        kept.isHere = true;
      },
      () => {
        if (this.#kept.get(key) === kept) this.#kept.delete(key);
      },
    );
    return kept;
  }

  /** Without an agent nothing can be imagined, but a recorded frame and its objects can still be looked at. */
  async #recorded(key: string, params: Params, error: unknown, signal: AbortSignal): Promise<Imagined> {
    const { trajectory = 0, step = 0, edits, actions } = params;
    const isRecorded = edits === "[]" && actions === "";
    if (!isRecorded || this.#asker.canCompute() || error instanceof NoAnswer || signal.aborted) throw error;
    const frame = await this.#frame(Number(trajectory), Number(step));
    if (!frame || signal.aborted) throw error;
    const known = this.#asker.request("objects", { trajectory, step }, { signal }).then(arraysOf);
    return recorded(key, frame, await known.catch(() => null));
  }
}
