/** The one attribution that Python is computing for the views, if any. */
import type { ChunkStore } from "../core/store.ts";
import { requestKey } from "../core/wants.ts";
import type { Loaded } from "./replies.ts";
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

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  /** Asks for the attribution that `scene` shows; its chunks can be read as each is announced. */
  async start({ trajectory, layerName: layer, output, step }: Scene): Promise<void> {
    this.cancel();
    const { rpc, store, moved, failed } = this.#needs;
    const control = new AbortController();
    this.#control = control;
    const report = (progress: Computing["progress"]) => {
      if (this.#control === control) this.state = { layer, output, progress };
    };
    const refresh = (chunk?: number) => {
      const keys = [requestKey("totals", { trajectory, layer, output }), requestKey("examples", { layer })];
      if (chunk !== undefined) keys.push(requestKey("attribution", { trajectory, layer, output, chunk }));
      store.refresh((key, value) => keys.includes(key) || value?.result.computed === false);
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
      if (this.#control === control) this.#forget();
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
    this.state = null;
  }
}
