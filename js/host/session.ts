/** Everything of one model that its views share: data, requests, playback and the one drawing loop. */
import { Clock, stretch } from "../core/clock.ts";
import { ChunkStore } from "../core/store.ts";
import { clamp, episodeJump, stored } from "../core/study.ts";
import { type Params, requestKey, type Want, wanted } from "../core/wants.ts";
import { Computation } from "./computation.ts";
import { loadBundle } from "./lazy.ts";
import { type ExplorerModel, type ExplorerTraits, WATCHED } from "./model.ts";
import { isPartial, type Loaded, load } from "./replies.ts";
import { Rows } from "./rows.ts";
import { NoAnswer, type Reply, type RequestOptions, Rpc } from "./rpc.ts";
import { Saver } from "./saver.ts";
import { type Computing, type Extras, gather, type Notice, outputsOf, type Scene } from "./scene.ts";

export class Session {
  readonly model: ExplorerModel;
  readonly store: ChunkStore<Loaded>;
  readonly rows = new Rows(this);
  notice: Notice | null = null;
  /** What a panel that is still being fetched is to do first. */
  errand: "" | "add a note" = "";
  #rpc: Rpc;
  #clock = new Clock();
  #views = new Set<(scene: Scene | null) => void>();
  #frame = 0;
  #saver: Saver;
  #computation: Computation;
  #wantedAt = "";
  #extra = new Map<string, Want[]>();
  #extras: Extras | null | undefined;

  constructor(model: ExplorerModel) {
    this.model = model;
    this.#rpc = new Rpc(model);
    this.store = new ChunkStore<Loaded>({
      load: async (want, signal) =>
        load(want.method, await this.#rpc.request(want.method, want.params, { signal })),
      bytes: (loaded) => loaded.bytes,
      changed: this.#arrived,
      failed: this.#failed,
    });
    this.#saver = new Saver(model);
    const [rpc, store] = [this.#rpc, this.store];
    this.#computation = new Computation({ rpc, store, moved: this.#moved, failed: this.#failed });
    for (const trait of WATCHED) model.on(`change:${trait}`, this.invalidate);
    model.on("change:_study", this.#refresh);
  }

  get computing(): Computing | null {
    return this.#computation.state;
  }

  /** A page without a kernel: nothing can be computed or written. */
  get offline(): boolean {
    return (this.model as { get(name: string): unknown }).get("_offline") === true;
  }

  /** What only some scenes need to be drawn: fetched for the first that does, null until it is there. */
  extras(): Extras | null {
    if (this.#extras === undefined) {
      this.#extras = null;
      loadBundle<Extras>(this, "menus").then((extras) => {
        this.#extras = extras;
        this.invalidate();
      }, this.#failed);
    }
    return this.#extras;
  }

  get focusedRow(): number {
    return this.rows.focused;
  }

  /** Adds a view, drawn from the next frame on; the function returned removes it. */
  attach(draw: (scene: Scene | null) => void): () => void {
    this.#views.add(draw);
    this.#moved();
    return () => {
      this.#views.delete(draw);
      if (this.#views.size === 0) this.#rest();
    };
  }

  /** Draws all views in the next animation frame. */
  invalidate = (): void => {
    if (this.#frame === 0 && this.#views.size > 0) this.#frame = requestAnimationFrame(this.#draw);
  };

  set<K extends keyof ExplorerTraits>(name: K, value: ExplorerTraits[K]): void {
    if (this.model.get(name) === value) return;
    this.model.set(name, value);
    this.#saver.request();
  }

  /** Moves to a step of the trajectory shown, clipped to its ends. */
  goTo(step: number): void {
    const scene = gather(this);
    if (scene) this.set("step", clamp(Math.round(step), 0, scene.numSteps - 1));
  }

  stepBy(count: number): void {
    this.set("playing", false);
    this.goTo(this.model.get("step") + count);
  }

  goToEpisode(direction: number): void {
    const scene = gather(this);
    const trajectory = scene?.study.trajectories[scene.trajectory];
    if (trajectory) this.goTo(episodeJump(trajectory, scene.step, direction));
  }

  goToTrajectory(trajectory: number, step?: number): void {
    const scene = gather(this);
    const target = scene?.study.trajectories[trajectory];
    if (!target) return;
    this.set("trajectory", trajectory);
    this.set("step", clamp(step ?? scene.step, 0, target.num_steps - 1));
  }

  /** Plays in `direction`, or pauses when it already does. From where playback ends it starts over. */
  play(direction: number): void {
    const scene = gather(this);
    if (!scene) return;
    const running = scene.playing && scene.direction === direction;
    const { first, last } = stretch(scene, scene.step);
    const [start, end] = direction > 0 ? [first, last] : [last, first];
    if (!running && !scene.loop && scene.step === end) this.goTo(start);
    this.set("direction", direction);
    this.set("playing", !running);
  }

  /** Shows a layer; what is not computed there yet is computed if an agent is there. */
  chooseLayer(layer: string): void {
    this.set("hovered", null);
    this.set("layer", layer);
    this.set("feature", null);
    this.computeMissing();
  }

  /** Computes what the rows lack altogether, if that can be done. */
  computeMissing(): void {
    const scene = gather(this);
    if (!scene?.canCompute) return;
    const { study, layerName, rows } = scene;
    if (rows.some(({ output }) => stored(study, layerName, output) === "none")) this.compute();
  }

  /** Asks Python for the attribution of all rows that have none here; chunks appear as they are ready. */
  compute(): void {
    const scene = gather(this);
    if (!scene) return;
    this.notice = null;
    void this.#computation.start(scene);
  }

  cancelCompute(): void {
    this.#computation.cancel();
    this.invalidate();
  }

  /** Also fetches what only a part of the view shows, in place of what it asked for before, after all more urgent. */
  alsoWant(wants: Want[], who = "menu"): void {
    this.#extra.set(who, wants);
    this.#moved();
  }

  /** Asks Python for something that no drawing waits for; whoever asks keeps the answer. */
  request(method: string, params: Params, options: RequestOptions = {}): Promise<Reply> {
    return this.#rpc.request(method, params, options);
  }

  retry(): void {
    this.notice = null;
    this.#extras ??= undefined;
    this.store.retry();
    this.#moved();
  }

  dismiss(): void {
    this.notice = null;
    this.invalidate();
  }

  dispose(): void {
    this.#views.clear();
    this.#rest();
    for (const trait of WATCHED) this.model.off(`change:${trait}`, this.invalidate);
    this.model.off("change:_study", this.#refresh);
    this.#rpc.close();
  }

  /** No view is left: no frame, timer or request goes on. */
  #rest(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#saver.flush();
    this.#computation.cancel();
    this.#extra.clear();
    this.store.rest();
  }

  #draw = (now: number): void => {
    this.#frame = 0;
    let scene = gather(this);
    if (scene?.playing && this.#advance(scene, now)) scene = gather(this);
    if (scene) this.#want(scene);
    for (const draw of this.#views) draw(scene);
    if (scene?.playing) this.invalidate();
  };

  /** Moves to the step that playback has reached; waits where its frame has not come yet. */
  #advance(scene: Scene, now: number): boolean {
    const { step, ended } = this.#clock.advance(now, scene.step, scene);
    if (ended) this.set("playing", false);
    if (step === scene.step) return ended;
    const chunk = Math.floor(step / scene.study.chunk);
    if (!this.store.get(requestKey("observations", { trajectory: scene.trajectory, chunk }))) {
      this.#clock.hold();
      this.#want({ ...scene, step });
      return false;
    }
    this.set("step", step);
    return true;
  }

  #want(scene: Scene): void {
    const chunk = Math.floor(scene.step / scene.study.chunk);
    const { trajectory, layerName: layer, direction, step, mode } = scene;
    const outputs = [...new Set(outputsOf(this.model))];
    const at = [trajectory, chunk, layer, direction, mode, ...outputs].join("/");
    if (at === this.#wantedAt) return;
    this.#wantedAt = at;
    const running = this.computing;
    const computing = running?.trajectory === trajectory && running.layer === layer ? running.output : null;
    const looksBack = mode === "change";
    const place = { trajectory, step, layer, outputs, direction: scene.playing ? direction : 1, looksBack };
    this.store.want([...wanted(scene.study, place, computing), ...[...this.#extra.values()].flat()]);
  }

  /** What is wanted is to be worked out anew. */
  #moved = (): void => {
    this.#wantedAt = "";
    this.invalidate();
  };

  #arrived = (): void => {
    if (this.notice?.kind === "gone") this.notice = null;
    this.invalidate();
  };

  #failed = (error: unknown): void => {
    const text = error instanceof Error ? error.message : String(error);
    this.notice = { kind: error instanceof NoAnswer ? "gone" : "error", text };
    this.invalidate();
  };

  #refresh = (): void => {
    this.store.refresh((key, value) => isPartial(value) || key.startsWith("examples"));
    this.#wantedAt = "";
  };
}
