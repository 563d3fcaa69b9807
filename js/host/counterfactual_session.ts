/** Everything of one counterfactual view: the world shown, the one that is asked for, and the way between them. */
import {
  askedAs,
  EDITS,
  type Edit,
  isPlaced,
  isPlay,
  keyOf,
  type Point,
  placeAfter,
  sameWorld,
  type World,
  withEdit,
  withoutEdits,
  worldOf,
} from "../core/counterfactual.ts";
import { carried, type WorldObject } from "../core/counterfactual_sight.ts";
import { clamp, layerNamed, type Study, studyOf } from "../core/study.ts";
import type { Params } from "../core/wants.ts";
import { Aside } from "./counterfactual_aside.ts";
import {
  type CounterfactualModel,
  type CounterfactualTraits,
  EXPLAINED,
  LOOKS,
  PLACE,
  type Stored,
} from "./counterfactual_model.ts";
import { Pictures } from "./counterfactual_pictures.ts";
import { type Asker, noticeOf } from "./counterfactual_question.ts";
import type { Imagined } from "./counterfactual_reply.ts";
import type { CounterfactualScene, Notice } from "./counterfactual_scene.ts";
import { Wishes } from "./counterfactual_wishes.ts";
import { NoAnswer, type Progress, type Reply, type RequestOptions, Rpc } from "./rpc.ts";
import { Saver } from "./saver.ts";

/** Milliseconds that a moving slider rests before its step is asked for. */
const REST = 60;

export class Imagination {
  readonly model: CounterfactualModel;
  /** What is computed beside the picture: effects, the large frame, futures. */
  readonly aside: Aside;
  /** Keys act in the world instead of on the view. */
  playing = false;
  pointed: string | null = null;
  #rpc: Rpc;
  #saver: Saver;
  #wishes = new Wishes();
  #views = new Set<(scene: CounterfactualScene) => void>();
  #frame = 0;
  #pictures: Pictures;
  #shown: Imagined | null = null;
  /** The world that the pictures show, as the traits had it when they came. */
  #shownWorld: World | null = null;
  #control: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #notice: Notice | null = null;
  #settling = false;
  /** The study's layers with their features, as text. */
  #features = "";
  #progress: Progress | null = null;

  constructor(model: CounterfactualModel) {
    this.model = model;
    this.#rpc = new Rpc(model);
    this.#saver = new Saver(model);
    const asker: Asker = {
      request: (method, params, options) => this.request(method, params, options),
      failed: this.#failed,
      changed: this.invalidate,
      canCompute: () => this.canCompute,
    };
    this.aside = new Aside(asker);
    this.#pictures = new Pictures(asker, async (trajectory, step) => {
      const { study } = this;
      const pixels = study && (await this.aside.frame(study, trajectory, step));
      return pixels && { pixels, size: study.observation };
    });
    this.#features = JSON.stringify(this.study?.layers);
    for (const [event, listener] of this.#listeners) model.on(event, listener);
  }

  get study(): Study | null {
    return studyOf(this.model.get("_study"));
  }

  /** A page without a kernel: what is stored can be looked at, nothing computed. */
  get offline(): boolean {
    return (this.model as { get(name: string): unknown }).get("_offline") === true;
  }

  get canCompute(): boolean {
    return this.model.get("can_compute") && !this.offline;
  }

  /** The world that is asked for, or else the one that the traits name. */
  get world(): World {
    return this.#wishes.world ?? this.#settled;
  }

  get imagined(): Imagined | null {
    return this.#shown;
  }

  get pending(): boolean {
    return this.#control !== null || this.#timer !== undefined;
  }

  /** Which world a future belongs to. */
  get worldKey(): string {
    return keyOf(this.#shownWorld ?? this.#settled);
  }

  /** Which world a table of objects belongs to, and what in it is explained. */
  get key(): string {
    return `${this.worldKey} ${this.model.get("layer")} ${this.model.get("output")}`;
  }

  attach(draw: (scene: CounterfactualScene) => void): () => void {
    this.#views.add(draw);
    // While nobody looked nothing was asked for, whatever was wished for or set.
    if (this.#views.size === 1) this.#ask();
    this.invalidate();
    return () => {
      this.#views.delete(draw);
      if (this.#views.size === 0) this.#rest();
    };
  }

  invalidate = (): void => {
    if (this.#frame === 0 && this.#views.size > 0) this.#frame = requestAnimationFrame(this.#draw);
  };

  set<K extends keyof CounterfactualTraits>(name: K, value: CounterfactualTraits[K]): void {
    if (this.model.get(name) === value) return;
    this.model.set(name, value);
    this.#saver.request();
  }

  point(key: string | null): void {
    if (this.pointed === key) return;
    this.pointed = key;
    this.invalidate();
  }

  /** Where an object is in the world that is wished for; null where it has gone. */
  placeOf(object: WorldObject): Point | null {
    return placeAfter(object, this.#shownWorld ?? this.#settled, this.world);
  }

  /** Asks Python for something that no drawing waits for. */
  request(method: string, params: Params, options: RequestOptions = {}): Promise<Reply> {
    return this.#rpc.request(method, params, options);
  }

  // -- changing the world -------------------------------------------------------------------------------------------

  /** Tries an edit, or the first of several that can be done. The edit is kept when its picture comes. */
  edit(...choices: Edit[]): void {
    if (this.#wishes.repeats(choices[0])) return;
    this.#change((world) => choices.map((edit) => ({ ...world, edits: withEdit(world.edits, edit) })));
  }

  /** Several edits at once, one step for undoing: a brush's stroke. */
  editAll(edits: readonly Edit[]): void {
    if (edits.length > 0)
      this.#change((world) => [{ ...world, edits: edits.reduce(withEdit, [...world.edits]) }]);
  }

  drop(index: number, count = 1): void {
    const { world } = this;
    this.propose([{ ...world, edits: withoutEdits(world.edits, index, count) }]);
  }

  reset(): void {
    this.propose([{ ...this.world, edits: [], actions: [] }]);
  }

  /** Goes to another frame. Edits come along as far as they mean something there. */
  moveTo(trajectory: number, step: number): void {
    const last = Math.max(0, (this.study?.trajectories[trajectory]?.num_steps ?? 1) - 1);
    const { world } = this;
    const at = { trajectory, step: clamp(Math.round(step), 0, last), actions: [] };
    const edits = world.edits.filter((edit) => !isPlay(edit));
    const unplaced = edits.filter((edit) => !isPlaced(edit));
    const same = trajectory === world.trajectory && unplaced.length < edits.length ? [{ ...at, edits }] : [];
    this.propose([...same, { ...at, edits: unplaced }], REST);
  }

  /** Presses buttons in the world. */
  press(action: number): void {
    this.edit(EDITS.play(action));
  }

  /** Takes the last button back that was pressed. */
  unpress(): void {
    const { edits } = this.world;
    const index = edits.findLastIndex(isPlay);
    if (index >= 0) this.drop(index);
  }

  /** Undoes, or (1) does again. What has not come yet is given up. */
  travel(direction: -1 | 1): void {
    this.#asksIf(this.#wishes.travel(direction, this.#settled));
  }

  show(stored: Stored): void {
    this.set("layer", stored.layer);
    this.set("output", stored.output);
    this.propose([worldOf(stored)]);
  }

  /** Asks for the first of these worlds that there can be; whatever was asked for before is not waited for. */
  propose(worlds: World[], rest = 0): void {
    this.#asksIf(this.#wishes.propose(worlds, this.#settled), rest);
  }

  #change(change: (world: World) => World[]): void {
    this.#asksIf(this.#wishes.change(change, this.#settled));
  }

  #asksIf(wished: boolean, rest = 0): void {
    if (!wished) return;
    this.#notice = null;
    this.#ask(rest);
  }

  /** Asks again for what got no answer. */
  retry(): void {
    this.#wishes.again();
    this.#asksIf(true);
  }

  dismiss(): void {
    this.#notice = null;
    this.invalidate();
  }

  fail(text: string): void {
    this.#notice = { kind: "error", text };
    this.invalidate();
  }

  dispose(): void {
    this.#views.clear();
    this.#rest();
    for (const [event, listener] of this.#listeners) this.model.off(event, listener);
    this.#rpc.close();
  }

  /** What there is to draw now; null while Python has not described a study. */
  gather(): CounterfactualScene | null {
    const { study, model } = this;
    if (!study) return null;
    const objects = this.#shown?.after.objects ?? [];
    const find = (key: string | null) => objects.find((object) => object.key === key) ?? null;
    return {
      study,
      world: this.world,
      layerName: model.get("layer"),
      layer: layerNamed(study, model.get("layer")),
      output: model.get("output"),
      imagined: this.#shown,
      pending: this.pending,
      progress: this.#progress,
      preview: this.#preview(study),
      selected: find(model.get("selected")),
      pointed: find(this.pointed),
      ...this.aside.gather(this.key, this.worldKey, objects),
      isolated: model.get("hovered") ?? model.get("feature"),
      pinned: model.get("feature"),
      canCompute: this.canCompute,
      offline: this.offline,
      canUndo: this.#wishes.canUndo,
      canRedo: this.#wishes.canRedo,
      playing: this.playing,
      notice: this.#notice,
    };
  }

  /** What futures and effects are asked for with. */
  get params(): Params {
    return this.#asked(this.#shownWorld ?? this.#settled);
  }

  #asked(world: World): Params {
    return { ...askedAs(world, this.model.get("_stored") ?? []) };
  }

  get #explained(): { layer: string; output: string } {
    return { layer: this.model.get("layer"), output: this.model.get("output") };
  }

  get #settled(): World {
    const get = this.model.get.bind(this.model);
    return { trajectory: get("trajectory"), step: get("step"), edits: get("edits"), actions: get("actions") };
  }

  #preview(study: Study): Uint8Array | null {
    const { trajectory, step, edits, actions } = this.world;
    if (!this.pending || edits.length > 0 || actions.length > 0) return null;
    return this.aside.recorded(study, trajectory, step);
  }

  /** Somebody set a trait: another view, or Python. */
  #placed = (): void => {
    if (this.#settling) return;
    this.#wishes.giveUp();
    this.#ask();
  };

  /** Another layer or output is explained; what is wished for in the world stays. */
  #turned = (): void => this.#ask();

  /** Features may be others now: their pictures were of the old ones. */
  #described = (): void => {
    const features = JSON.stringify(this.study?.layers);
    if (features !== this.#features) {
      this.#features = features;
      this.#pictures.clear();
      this.#ask();
    }
    this.invalidate();
  };

  get #listeners(): [event: `change:${keyof CounterfactualTraits & string}`, listener: () => void][] {
    return [
      ...PLACE.map((trait) => [`change:${trait}`, this.#placed] as const),
      ...EXPLAINED.map((trait) => [`change:${trait}`, this.#turned] as const),
      ...LOOKS.map((trait) => [`change:${trait}`, this.invalidate] as const),
      ["change:_study", this.#described] as const,
    ].map(([event, listener]) => [event as `change:${keyof CounterfactualTraits & string}`, listener]);
  }

  #ask(rest = 0): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#control?.abort();
    this.#control = null;
    if (this.#views.size === 0) return;
    if (rest > 0)
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        void this.#fetch();
      }, rest);
    else void this.#fetch();
    this.invalidate();
  }

  /** A layer without features gets them first, which takes its time. */
  #goesOn = (progress: Progress): void => {
    this.#progress = progress;
    this.invalidate();
  };

  async #fetch(): Promise<void> {
    const control = new AbortController();
    this.#control = control;
    this.#progress = null;
    const { world } = this;
    try {
      const params = { ...this.#asked(world), ...this.#explained };
      const found = await this.#pictures.get(params, control.signal, this.#goesOn);
      if (this.#control !== control) return;
      this.#control = null;
      this.#settle(world, found);
    } catch (error) {
      if (this.#control !== control) return;
      this.#control = null;
      this.#refused(error);
    }
    this.invalidate();
  }

  /** The picture has come: what was tried is so. */
  #settle(world: World, found: Imagined): void {
    const before = this.#settled;
    this.#carry(this.#shownWorld ?? before, world, found);
    this.#shown = found;
    this.#shownWorld = world;
    const reason = this.#wishes.came(world, before);
    if (reason !== undefined) this.#failed(reason);
    if (!sameWorld(before, world)) {
      this.#settling = true;
      for (const name of ["trajectory", "step", "edits", "actions"] as const)
        if (JSON.stringify(before[name]) !== JSON.stringify(world[name]))
          this.model.set(
            name,
            (name === "edits" || name === "actions" ? [...world[name]] : world[name]) as never,
          );
      this.#settling = false;
      this.#saver.request();
    }
    this.aside.follow(this.key, this.worldKey, { ...this.params, ...this.#explained });
  }

  /** Keeps the same objects selected and pointed at: their keys may be others now. */
  #carry(before: World, after: World, found: Imagined): void {
    const old = this.#shown?.after.objects ?? [];
    const anew = (key: string | null): string => {
      const object = old.find((one) => one.key === key);
      const place = object && placeAfter(object, before, after);
      return (object && place && carried(object, found.after.objects, place)?.key) || "";
    };
    if (this.#shown && this.#shown !== found) {
      this.set("selected", anew(this.model.get("selected")));
      this.pointed = anew(this.pointed) || null;
    }
  }

  /** The next attempt, or all stays as it was and says why. */
  #refused(error: unknown): void {
    if (error instanceof NoAnswer) {
      this.#wishes.unanswered();
      this.#failed(error);
    } else if (this.#wishes.refused(error)) this.#ask();
    else {
      const { reason = error } = this.#wishes;
      this.#wishes.giveUp();
      this.#failed(reason);
    }
  }

  #failed = (error: unknown): void => {
    this.#notice = noticeOf(error);
    this.invalidate();
  };

  #rest(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = 0;
    this.#timer = undefined;
    this.#control?.abort();
    this.#control = null;
    this.aside.rest();
    this.#saver.flush();
  }

  #draw = (): void => {
    this.#frame = 0;
    const scene = this.gather();
    if (scene) for (const draw of this.#views) draw(scene);
  };
}
