/** Several members in lock-step: one shared time, one clock, one session of its own for each. */
import { memberStep, nearestStep, phase, sharedStep } from "../core/align.ts";
import { Clock } from "../core/clock.ts";
import { clamp } from "../core/study.ts";
import { type Params, requestKey } from "../core/wants.ts";
import type { AlignmentDescription } from "../generated/traits.d.ts";
import { Alignments } from "./alignments.ts";
import { type CompareScene, landmarks, type MemberScene, outputsOffered } from "./compare_scene.ts";
import { type Reply, type RequestOptions, Rpc } from "./rpc.ts";
import { Saver } from "./saver.ts";
import { gather } from "./scene.ts";
import { type CompareModel, type CompareTraits, type Own, scopedModel } from "./scoped_model.ts";
import { Session } from "./session.ts";

const WATCHED = [
  "step",
  "members",
  "output",
  "layers",
  "features",
  "selected",
  "playing",
  "direction",
  "fps",
  "loop",
  "overlay",
  "combine",
  "show_difference",
  "_studies",
] as const satisfies readonly (keyof CompareTraits)[];

interface Member {
  own: Own;
  session: Session;
}

export class Comparison {
  readonly model: CompareModel;
  readonly members: readonly Member[];
  #alignment: AlignmentDescription | null;
  #notice: string | null = null;
  #rpc: Rpc;
  #alignments: Alignments;
  #saver: Saver;
  #clock = new Clock();
  #views = new Set<(scene: CompareScene) => void>();
  #detach: (() => void)[] = [];
  #frame = 0;
  #tick = 0;

  constructor(model: CompareModel) {
    this.model = model;
    this.members = model.get("_members").map((_, index) => {
      const own: Own = { track: null, hovered: null };
      return { own, session: new Session(scopedModel(model, index, own)) };
    });
    // After the sessions, so that in a frame their drawing comes first and this one finds what they found.
    this.#rpc = new Rpc(model);
    this.#saver = new Saver(model);
    for (const trait of WATCHED) model.on(`change:${trait}`, this.invalidate);
    model.on("change:align", this.#realign);
    this.#alignments = new Alignments(model, this.#rpc);
    this.#alignment = this.#alignments.bySteps();
    this.#place();
  }

  get alignment(): AlignmentDescription | null {
    return this.#alignment;
  }

  attach(draw: (scene: CompareScene) => void): () => void {
    const isFirst = this.#views.size === 0;
    this.#views.add(draw);
    if (isFirst) {
      this.#detach = this.members.map(({ session }) => session.attach(() => this.invalidate()));
      this.#realign();
    }
    this.invalidate();
    return () => {
      this.#views.delete(draw);
      if (this.#views.size === 0) this.#rest();
    };
  }

  invalidate = (): void => {
    if (this.#views.size === 0) return;
    if (this.#frame === 0) this.#frame = requestAnimationFrame(this.#draw);
    this.#continue();
  };

  set<K extends keyof CompareTraits>(name: K, value: CompareTraits[K]): void {
    if (this.model.get(name) === value) return;
    this.model.set(name, value);
    this.#saver.request();
  }

  goTo(step: number): void {
    this.set("step", clamp(Math.round(step), 0, this.#numSteps() - 1));
  }

  stepBy(count: number): void {
    this.set("playing", false);
    this.goTo(this.model.get("step") + count);
  }

  /** Goes to the next landmark (1) or the one before (-1): where an episode begins or ends, or members part. */
  goToLandmark(direction: number): void {
    const step = this.model.get("step");
    const marks = landmarks(this.gather());
    const next = direction > 0 ? marks.find((mark) => mark > step) : marks.findLast((mark) => mark < step);
    this.goTo(next ?? (direction > 0 ? this.#numSteps() - 1 : 0));
  }

  play(direction: number): void {
    const { playing, loop, step, numSteps, direction: before } = this.#now();
    const running = playing && before === direction;
    const [start, end] = direction > 0 ? [0, numSteps - 1] : [numSteps - 1, 0];
    if (!running && !loop && step === end) this.goTo(start);
    this.set("direction", direction);
    this.set("playing", !running);
  }

  /** Shows one feature of member `index` alone, or (null) all, in every member that has the same features. */
  isolate(index: number, feature: number | null, hovering: boolean): void {
    const same = this.#withFeaturesOf(index);
    if (!hovering) {
      this.set(
        "features",
        this.model.get("features").map((old, other) => (same.includes(other) ? feature : old)),
      );
      return;
    }
    for (const other of same) {
      const member = this.members[other];
      if (!member) continue;
      member.own.hovered = feature;
      member.session.invalidate();
    }
    this.invalidate();
  }

  setLayer(index: number, layer: string): void {
    const layers = this.model.get("layers").map((old, other) => (other === index ? layer : old));
    this.set(
      "features",
      this.model.get("features").map((old, other) => (other === index ? null : old)),
    );
    this.set("layers", layers);
  }

  /** Aligns the members anew, and keeps the moment that the selected one shows, if it is still there. */
  async align(at: string): Promise<void> {
    const found = await this.#ask(at);
    if (!found) return;
    const before = this.members[this.model.get("selected")]?.own.track;
    const after = found.tracks[this.model.get("selected")];
    const step = before ? nearestStep(before, this.model.get("step")) : null;
    const shared = step !== null && after ? sharedStep(after, step) : found.zero;
    const stays = after !== undefined && after !== null && phase(after, shared) === "during";
    this.#use(found);
    this.model.set("align", found.name);
    this.set("step", clamp(stays ? shared : found.zero, 0, found.num_steps - 1));
    this.#saver.request();
  }

  /** Asks Python for something that no drawing waits for; whoever asks keeps the answer. */
  request(method: string, params: Params, options: RequestOptions = {}): Promise<Reply> {
    return this.#rpc.request(method, params, options);
  }

  retry(): void {
    this.#notice = null;
    for (const { session } of this.members) session.retry();
    this.#realign();
  }

  dismiss(): void {
    this.#notice = null;
    for (const { session } of this.members) session.dismiss();
    this.invalidate();
  }

  dispose(): void {
    this.#views.clear();
    this.#rest();
    for (const trait of WATCHED) this.model.off(`change:${trait}`, this.invalidate);
    this.model.off("change:align", this.#realign);
    this.#rpc.close();
    for (const { session } of this.members) session.dispose();
  }

  /** What there is to draw now. */
  gather(): CompareScene {
    const get = this.model.get.bind(this.model);
    const now = this.#now();
    const members = this.members.map((member, index) => this.#memberScene(member, index, now.step));
    const failed = this.members.map(({ session }) => session.notice).find((notice) => notice !== null);
    return {
      ...now,
      members,
      aligned: this.#alignment,
      choices: get("_choices"),
      selected: clamp(get("selected"), 0, members.length - 1),
      output: get("output"),
      outputs: outputsOffered(get("_studies")),
      overlay: get("overlay"),
      combine: get("combine"),
      showDifference: get("show_difference"),
      notice: failed ?? (this.#notice === null ? null : { kind: "error", text: this.#notice }),
      stale: this.#alignment === null || members.some(({ scene }) => scene?.stale ?? true),
    };
  }

  /** The shared time and how it passes: what playback needs of `gather`. */
  #now() {
    const { model } = this;
    const numSteps = this.#numSteps();
    return {
      step: clamp(model.get("step"), 0, numSteps - 1),
      numSteps,
      playing: model.get("playing"),
      direction: model.get("direction") < 0 ? -1 : 1,
      fps: clamp(model.get("fps"), 1, 120),
      loop: model.get("loop"),
    };
  }

  #memberScene({ own, session }: Member, index: number, shared: number): MemberScene {
    const { track } = own;
    return {
      index,
      letter: String.fromCharCode(65 + index),
      label: this.model.get("members")[index] ?? "",
      scene: gather(session),
      track,
      phase: track ? phase(track, shared) : "absent",
      step: track && memberStep(track, shared),
    };
  }

  #numSteps = (): number => Math.max(1, this.#alignment?.num_steps ?? this.model.get("num_steps"));

  #realign = (): void => {
    if (this.#views.size > 0)
      void this.#ask(this.model.get("align")).then((found) => found && this.#use(found));
  };

  async #ask(at: string): Promise<AlignmentDescription | null> {
    try {
      return await this.#alignments.ask(at);
    } catch (error) {
      this.#notice = error instanceof Error ? error.message : String(error);
      this.invalidate();
      return null;
    }
  }

  #use(found: AlignmentDescription): void {
    this.#alignment = found;
    this.#place();
    for (const { session } of this.members) session.invalidate();
    this.invalidate();
  }

  #place(): void {
    for (const [index, { own }] of this.members.entries()) own.track = this.#alignment?.tracks[index] ?? null;
  }

  #withFeaturesOf(index: number): number[] {
    const name = (other: number) =>
      `${this.model.get("_members")[other]?.study}/${this.model.get("layers")[other]}`;
    return [...this.members.keys()].filter((other) => name(other) === name(index));
  }

  #rest(): void {
    cancelAnimationFrame(this.#frame);
    cancelAnimationFrame(this.#tick);
    this.#frame = 0;
    this.#tick = 0;
    this.#saver.flush();
    for (const detach of this.#detach.splice(0)) detach();
  }

  #draw = (): void => {
    this.#frame = 0;
    const scene = this.gather();
    for (const draw of this.#views) draw(scene);
  };

  /** Moves the shared step as time passes. It asks for its next turn last, so that in a frame it comes after drawing. */
  #advance = (now: number): void => {
    this.#tick = 0;
    if (!this.model.get("playing")) return;
    this.#move(now);
    // A step that changed has asked for the next tick already: a second one would never be cancelled.
    this.#continue();
  };

  #continue(): void {
    if (this.#tick === 0 && this.model.get("playing")) this.#tick = requestAnimationFrame(this.#advance);
  }

  /** Goes to the step that playback has reached; waits where a member's frame has not come yet. */
  #move(now: number): void {
    const playing = this.#now();
    const { step, ended } = this.#clock.advance(now, playing.step, playing);
    if (ended) this.set("playing", false);
    if (step === playing.step) return;
    if (this.members.every((member) => this.#isLoaded(member, step))) this.set("step", step);
    else this.#clock.hold();
  }

  #isLoaded({ own, session }: Member, shared: number): boolean {
    const step = own.track && memberStep(own.track, shared);
    if (step === null) return true;
    const chunk = Math.floor(step / session.model.get("_study").chunk);
    const trajectory = session.model.get("trajectory");
    return session.store.get(requestKey("observations", { trajectory, chunk })) !== undefined;
  }
}
