/** Tracing a feature at a cell to an earlier layer: the way back so far, the request under way, and what came. */
import { inOrder, size } from "../core/arrays.ts";
import type { Place } from "../core/cell.ts";
import type { Cells } from "../core/composite.ts";
import { type Params, requestKey } from "../core/wants.ts";
import { type Loaded, load } from "../host/replies.ts";
import type { Progress } from "../host/rpc.ts";
import type { Scene } from "../host/scene.ts";
import type { Session } from "../host/session.ts";

/** A feature at a cell, and the layer whose features are asked for it. */
export interface Link {
  layer: string;
  feature: number;
  place: Place;
  source: string;
}

export interface Trace {
  cells: Cells;
  /** One number a feature of the source layer; units of the activation, as all that follows. */
  totals: number[];
  residual: number;
  activation: number;
  baseline: number;
  /** What the integral misses. */
  error: number;
  examples: Loaded | undefined;
  /** Names and colours as they were then; those of a layer that the study holds may have changed since. */
  features: { name: string; colour: string | null }[];
}

type Moment = Pick<Scene, "trajectory" | "step">;

const KEPT = 24;

export class Tracer {
  /** From the feature that was picked backwards; the last one is shown. */
  chain: Link[] = [];
  progress: Progress | null = null;
  failure = "";
  #session: Pick<Session, "request" | "invalidate">;
  #found = new Map<string, Trace>();
  #control: AbortController | null = null;

  constructor(session: Pick<Session, "request" | "invalidate">) {
    this.#session = session;
  }

  get link(): Link | undefined {
    return this.chain.at(-1);
  }

  /** What is known of the last link at this moment. */
  found(moment: Moment): Trace | undefined {
    return this.link && this.#found.get(keyOf(this.link, moment));
  }

  /** Shows another way back; what is under way is of no use any more. */
  follow(chain: Link[]): void {
    this.cancel();
    this.failure = "";
    this.chain = chain;
    this.#session.invalidate();
  }

  cancel(): void {
    this.#control?.abort(new DOMException("cancelled by the user", "AbortError"));
    this.#control = null;
    this.progress = null;
    this.#session.invalidate();
  }

  /** Asks Python for the last link at this moment. */
  async run(moment: Moment): Promise<void> {
    const link = this.link;
    if (!link || this.found(moment)) return;
    this.cancel();
    const control = new AbortController();
    this.#control = control;
    this.failure = "";
    this.progress = { stage: "starting", done: 0, total: 0 };
    this.#session.invalidate();
    const options = {
      signal: control.signal,
      timeout: Number.POSITIVE_INFINITY,
      progress: (progress: Progress) => {
        if (this.#control === control) this.progress = progress;
        this.#session.invalidate();
      },
    };
    try {
      const reply = await this.#session.request("trace", paramsOf(link, moment), options);
      this.#keep(keyOf(link, moment), read(await load("trace", reply), await this.#examples(link.source)));
    } catch (error) {
      if (!control.signal.aborted) this.failure = error instanceof Error ? error.message : String(error);
    }
    if (this.#control === control) {
      this.#control = null;
      this.progress = null;
    }
    this.#session.invalidate();
  }

  async #examples(layer: string): Promise<Loaded | undefined> {
    try {
      return await load("examples", await this.#session.request("examples", { layer }));
    } catch {
      return undefined; // names and colours do without pictures
    }
  }

  #keep(key: string, trace: Trace): void {
    this.#found.set(key, trace);
    for (const old of this.#found.keys()) if (this.#found.size > KEPT) this.#found.delete(old);
  }
}

function paramsOf({ layer, feature, place, source }: Link, { trajectory, step }: Moment): Params {
  return { trajectory, step, layer, feature, row: place[0], column: place[1], source_layer: source };
}

const keyOf = (link: Link, moment: Moment): string => requestKey("trace", paramsOf(link, moment));

function read({ result, arrays }: Loaded, examples: Loaded | undefined): Trace {
  const { traced, traced_residual: residual } = arrays;
  if (!traced || !residual) throw new Error("the trace came without its arrays");
  const number = (name: string) => Number(result[name] ?? Number.NaN);
  return {
    cells: {
      height: size(traced, "y"),
      width: size(traced, "x"),
      numFeatures: size(traced, "feature"),
      attribution: inOrder(traced, ["y", "x", "feature"]).data as Float32Array,
      residual: inOrder(residual, ["y", "x"]).data as Float32Array,
      scale: 1,
    },
    totals: (result.totals as (number | null)[]).map((total) => total ?? Number.NaN),
    residual: number("residual_total"),
    activation: number("activation"),
    baseline: number("baseline"),
    error: number("completeness_error"),
    examples,
    features: (result.features ?? []) as Trace["features"],
  };
}
