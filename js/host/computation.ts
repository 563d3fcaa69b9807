/** What Python computes for the views: one output's attribution at a time. */
import type { ChunkStore } from "../core/store.ts";
import { stored } from "../core/study.ts";
import { requestKey } from "../core/wants.ts";
import { isPartial, type Loaded } from "./replies.ts";
import type { Rpc } from "./rpc.ts";
import type { Computing, Scene } from "./scene.ts";

interface Needs {
  rpc: Rpc;
  store: ChunkStore<Loaded>;
  /** Something moved on: what is wanted changes, and all views are drawn. */
  moved: () => void;
  failed: (error: unknown) => void;
}

export class Computation {
  state: Computing | null = null;
  #needs: Needs;
  #control: AbortController | null = null;
  /** Outputs whose turn comes after the one that is computed. */
  #queue: string[] = [];

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** Asks, one after another, for what the rows of `scene` lack; what runs already and is still wanted goes on. */
  async start(scene: Scene): Promise<void> {
    const { trajectory, layerName } = scene;
    const lacking = outputsLacking(scene);
    const running = this.state;
    const isHere = running?.trajectory === trajectory && running.layer === layerName;
    if (isHere && lacking.includes(running.output)) {
      this.#queue = lacking.filter((output) => output !== running.output);
      return;
    }
    this.cancel();
    const control = new AbortController();
    this.#control = control;
    this.#queue = lacking;
    for (let output = this.#queue.shift(); output !== undefined; output = this.#queue.shift()) {
      await this.#compute(scene, output, control);
      if (this.#control !== control) return;
    }
    this.#forget();
    this.#needs.moved();
  }

  /** Computes one output; its chunks can be read as each is announced. */
  async #compute(scene: Scene, output: string, control: AbortController): Promise<void> {
    const { trajectory, layerName: layer, step } = scene;
    const { rpc, store, moved, failed } = this.#needs;
    const report = (progress: Computing["progress"]) => {
      if (this.#control === control) this.state = { trajectory, layer, output, progress };
    };
    const refresh = (chunk?: number) => {
      const keys = [requestKey("totals", { trajectory, layer, output }), requestKey("examples", { layer })];
      if (chunk !== undefined) keys.push(requestKey("attribution", { trajectory, layer, output, chunk }));
      store.refresh((key, value) => keys.includes(key) || isPartial(value));
    };
    report({ stage: "starting", done: 0, total: 0 });
    moved();
    try {
      const options = {
        signal: control.signal,
        timeout: Number.POSITIVE_INFINITY,
        progress: (progress: Computing["progress"]) => {
          if (progress.stage === "chunk") refresh(progress.done);
          else report(progress);
          moved();
        },
      };
      await rpc.request("compute", { trajectory, layer, output, step }, options);
    } catch (error) {
      if (!control.signal.aborted) failed(error);
    } finally {
      refresh();
      moved();
    }
  }

  /** Stops it; the chunks that are done stay. */
  cancel(): void {
    this.#control?.abort(new DOMException("cancelled by the user", "AbortError"));
    this.#forget();
  }

  #forget(): void {
    this.#control = null;
    this.#queue = [];
    this.state = null;
  }
}

/** What rows explain and the study does not hold whole at this layer: what it lacks altogether comes first. */
function outputsLacking({ study, layerName, rows }: Scene): string[] {
  const outputs = [...new Set(rows.map(({ output }) => output))];
  const held = (output: string) => stored(study, layerName, output);
  return [
    ...outputs.filter((output) => held(output) === "none"),
    ...outputs.filter((output) => held(output) === "some"),
  ];
}
