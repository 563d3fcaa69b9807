/** What is computed beside the picture: what objects are worth, the large frame, and what follows. */
import type { Effect } from "../core/counterfactual_effects.ts";
import { BACKGROUND, type WorldObject } from "../core/counterfactual_sight.ts";
import type { Study } from "../core/study.ts";
import { type Params, requestKey } from "../core/wants.ts";
import { type Branches, branchesOf, type Future, futureOf } from "./counterfactual_futures.ts";
import { type Asker, Question } from "./counterfactual_question.ts";
import { arraysOf, type Effects, effectsOf, item } from "./counterfactual_reply.ts";
import type { CounterfactualScene } from "./counterfactual_scene.ts";
import { type Loaded, load, slice } from "./replies.ts";
import type { Reply } from "./rpc.ts";

/** Milliseconds of quiet before the objects' worth is computed: it costs a run of the network for each. */
const QUIET = 250;
const CHUNKS = 8;

export class Aside {
  isLarge = false;
  /** Nobody looks at the table while playing by hand. */
  quiet = false;
  #asker: Asker;
  #effects: Question<Effects>;
  #large: Question<{ key: string; pixels: Uint8Array }>;
  #future: Question<Future>;
  #branches: Question<Branches>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #followed: { key: string; world: string; params: Params } | null = null;
  #listed: { worth: Effects | null; objects: readonly WorldObject[]; effects: Effect[] } | null = null;
  #chunks = new Map<string, Loaded | null>();

  constructor(asker: Asker) {
    this.#asker = asker;
    this.#effects = new Question(asker, false);
    this.#large = new Question(asker);
    this.#future = new Question(asker);
    this.#branches = new Question(asker);
  }

  /** Another world is shown: what belongs to it is asked for. */
  follow(key: string, world: string, params: Params): void {
    this.#followed = { key, world, params };
    this.#effects.stop();
    if (this.isLarge) this.#askLarge();
    this.#follow();
  }

  #follow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { value, running } = this.#effects;
    if (!this.quiet && !running && value?.key !== this.#followed?.key)
      this.#timer = setTimeout(this.#askEffects, QUIET);
  }

  setQuiet(quiet: boolean): void {
    this.quiet = quiet;
    if (!quiet && this.#followed) this.#follow();
  }

  setLarge(large: boolean): void {
    this.isLarge = large;
    if (large) this.#askLarge();
    else this.#large.stop();
    this.#asker.changed();
  }

  playOn(key: string, params: Params): void {
    const read = async (reply: Reply) => futureOf(key, await arraysOf(reply));
    void this.#future.ask("play_on", params, read, true);
    this.#asker.changed();
  }

  branch(key: string, params: Params): void {
    const read = async (reply: Reply) => branchesOf(key, await arraysOf(reply));
    void this.#branches.ask("branch", params, read, true);
    this.#asker.changed();
  }

  stopFutures(): void {
    this.#future.stop();
    this.#branches.stop();
    this.#asker.changed();
  }

  gather(
    key: string,
    world: string,
    objects: readonly WorldObject[],
  ): Pick<
    CounterfactualScene,
    "effects" | "effectsState" | "large" | "isLarge" | "drawsLarge" | "future" | "branches"
  > {
    const known = this.#effects.value?.key === key ? this.#effects.value : null;
    const coming = this.#effects.running || this.#timer !== undefined;
    return {
      effects: this.#worths(known, objects),
      effectsState: known ? "here" : coming ? "coming" : this.#effects.failed ? "failed" : "none",
      isLarge: this.isLarge,
      drawsLarge: this.isLarge && this.#large.running,
      large: this.isLarge && this.#large.value?.key === world ? this.#large.value.pixels : null,
      future: this.#future.at(world),
      branches: this.#branches.at(world),
    };
  }

  /** The same list as long as nothing else is known: who draws it need not draw it again. */
  #worths(known: Effects | null, objects: readonly WorldObject[]): Effect[] {
    if (this.#listed && this.#listed.worth === known && this.#listed.objects === objects)
      return this.#listed.effects;
    const missing = { attributed: Number.NaN, lost: Number.NaN, why: "" };
    const own = objects.map((object): Effect => ({ object, ...(known?.of.get(object.key) ?? missing) }));
    const listed = new Set(objects.map((object) => object.key));
    // Walls and background are worth something too, and no objects: all together is the whole attribution.
    const others = [...(known?.of ?? [])]
      .filter(([name]) => !listed.has(name))
      .map(([name, worth]): Effect => ({ object: asObject(name), ...worth }));
    this.#listed = { worth: known, objects, effects: [...own, ...others] };
    return this.#listed.effects;
  }

  /** The recorded frame of a step where its chunk is there; it is asked for once. */
  recorded(study: Study, trajectory: number, step: number): Uint8Array | null {
    const chunk = Math.floor(step / study.chunk);
    const loaded = this.#chunks.get(requestKey("observations", { trajectory, chunk }));
    if (loaded === undefined)
      void this.frame(study, trajectory, step).then((found) => found && this.#asker.changed());
    return loaded ? frameOf(loaded, step - chunk * study.chunk) : null;
  }

  /** The same, waited for; null where it cannot be had. */
  async frame(study: Study, trajectory: number, step: number): Promise<Uint8Array | null> {
    const chunk = Math.floor(step / study.chunk);
    const params = { trajectory, chunk };
    const key = requestKey("observations", params);
    try {
      let loaded = this.#chunks.get(key);
      if (!loaded) {
        this.#chunks.set(key, null);
        loaded = await load("observations", await this.#asker.request("observations", params));
        this.#keep(key, loaded);
      }
      return frameOf(loaded, step - chunk * study.chunk);
    } catch {
      this.#chunks.delete(key);
      return null;
    }
  }

  rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const question of [this.#effects, this.#large, this.#future, this.#branches]) question.stop();
  }

  #askEffects = (): void => {
    this.#timer = undefined;
    if (!this.#followed) return;
    const { key, params } = this.#followed;
    void this.#effects.ask("effects", params, async (reply) => effectsOf(key, await arraysOf(reply)), true);
    this.#asker.changed();
  };

  #askLarge(): void {
    this.#large.stop();
    if (!this.#followed || this.#large.value?.key === this.#followed.world) return;
    const { world: key, params } = this.#followed;
    const { layer: _layer, output: _output, ...world } = params;
    const read = async (reply: Reply) => {
      const { arrays } = await arraysOf(reply);
      return { key, pixels: (item(arrays.large, 1) ?? new Uint8Array(0)) as Uint8Array };
    };
    void this.#large.ask("large", world, read, false);
  }

  #keep(key: string, loaded: Loaded): void {
    this.#chunks.set(key, loaded);
    for (const oldest of this.#chunks.keys()) {
      if (this.#chunks.size <= CHUNKS) break;
      this.#chunks.delete(oldest);
    }
  }
}

const asObject = (key: string): WorldObject => ({
  id: BACKGROUND,
  key,
  object_class: key,
  x: Number.NaN,
  y: Number.NaN,
  box: [0, 0, 0, 0],
  visible_pixels: Number.NaN,
  colour: "transparent",
});

const frameOf = (loaded: Loaded, index: number): Uint8Array | null =>
  slice(loaded, "observation", index) as Uint8Array | null;
