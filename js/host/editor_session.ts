/** Everything of one editor: the list of edits, what is asked about it, and what has come. */
import {
  askedAs,
  changed,
  type Edits,
  isActive,
  type NetworkEdit,
  type Past,
  textOfEdits,
  travelled,
  type Where,
} from "../core/editor.ts";
import { clamp, layerNamed, type Study, studyOf } from "../core/study.ts";
import { type Params, requestKey } from "../core/wants.ts";
import type { StoredEdit } from "../generated/traits.d.ts";
import { type Asker, noticeOf, Question } from "./counterfactual_question.ts";
import { arraysOf } from "./counterfactual_reply.ts";
import type { Notice } from "./counterfactual_scene.ts";
import { EditedAnswers } from "./editor_answers.ts";
import { ASKED, type EditingTraits, LOOKS, REBUILDS, type Seat } from "./editor_model.ts";
import { type Change, type Edited, type Measured, measuredOf, type Race, raceOf } from "./editor_reply.ts";
import type { EditorScene } from "./editor_scene.ts";
import type { Progress, Reply } from "./rpc.ts";

export class Workbench {
  readonly seat: Seat;
  #views = new Set<(scene: EditorScene) => void>();
  #frame = 0;
  #answers: EditedAnswers;
  #race: Question<Race>;
  #measured: Question<Measured>;
  #shown: Edited | null = null;
  /** The list that the answer shown is about, as it was asked. */
  #shownEdits: Edits = [];
  /** A slider is held: what it would make of the list. */
  #draft: Edits | null = null;
  #flying: { key: string; place: string; hasFeatures: boolean; control: AbortController } | null = null;
  #failedKey = "";
  #progress: Progress | null = null;
  #notice: Notice | null = null;
  #isSetting = false;
  #features = "";
  /** By layer, as far as answers have told it. */
  #usual = new Map<string, Where>();

  constructor(seat: Seat) {
    this.seat = seat;
    const asker: Asker = {
      request: (method, params, options) => seat.request(method, params, options),
      failed: this.#failed,
      changed: this.invalidate,
      canCompute: () => this.canCompute,
    };
    this.#answers = new EditedAnswers(asker, () => this.study);
    this.#race = new Question(asker);
    this.#measured = new Question(asker);
    this.#features = JSON.stringify(this.study?.layers);
    for (const [event, listener] of this.#listeners) seat.on(event, listener);
  }

  get study(): Study | null {
    return studyOf(this.seat.get("_study"));
  }

  get canCompute(): boolean {
    return this.seat.get("can_compute") && !this.seat.offline;
  }

  get edits(): Edits {
    return this.#draft ?? this.seat.get("edits") ?? [];
  }

  /** Where a feature of the layer shown is edited, unless one says it. */
  get usualPlace(): Where {
    return this.#usual.get(this.seat.get("layer")) ?? "next_kernel";
  }

  attach(draw: (scene: EditorScene) => void): () => void {
    this.#views.add(draw);
    this.#ask();
    return () => {
      this.#views.delete(draw);
      if (this.#views.size === 0) this.#rest();
    };
  }

  invalidate = (): void => {
    if (this.#frame === 0 && this.#views.size > 0) this.#frame = requestAnimationFrame(this.#draw);
  };

  set<K extends keyof EditingTraits>(name: K, value: EditingTraits[K]): void {
    this.seat.set(name, value);
  }

  // -- the list of edits --------------------------------------------------------------------------------------------

  /** Another list of edits, one step for undoing. */
  change(edits: Edits): void {
    this.#draft = null;
    this.#take(changed(this.#past, edits));
  }

  /** Shows what a list would do, as long as a slider is held; `change` keeps it, null drops it. */
  preview(edits: Edits | null): void {
    this.#draft = edits;
    this.#ask();
  }

  /** Undoes, or (1) does again. */
  travel(direction: -1 | 1): void {
    this.#draft = null;
    this.#take(travelled(this.#past, direction));
  }

  reset(): void {
    this.change([]);
  }

  get #past(): Past {
    const { seat } = this;
    return {
      edits: seat.get("edits") ?? [],
      history: seat.get("history") ?? [],
      undone: seat.get("undone") ?? [],
    };
  }

  #take(past: Past | null): void {
    if (past) {
      this.#notice = null;
      this.#isSetting = true;
      for (const name of ["edits", "history", "undone"] as const) this.set(name, past[name] as never);
      this.#isSetting = false;
    }
    this.#ask();
  }

  moveTo(trajectory: number, step: number): void {
    const last = Math.max(0, (this.study?.trajectories[trajectory]?.num_steps ?? 1) - 1);
    this.#isSetting = true;
    this.set("trajectory", trajectory);
    this.set("step", clamp(Math.round(step), 0, last));
    this.#isSetting = false;
    this.#ask();
  }

  /** Goes to a question whose answer is kept. */
  show({ trajectory, step, edits, layer, output }: StoredEdit): void {
    this.#isSetting = true;
    if (layer) this.set("layer", layer);
    if (output) this.set("output", output);
    this.set("trajectory", trajectory);
    this.set("step", step);
    this.#isSetting = false;
    this.change((JSON.parse(edits) as NetworkEdit[]).map((edit) => ({ ...edit, enabled: true })));
  }

  // -- what is asked for --------------------------------------------------------------------------------------------

  race(): void {
    const key = this.#raceKey;
    void this.#race.ask(
      "race",
      this.#raceParams,
      async (reply: Reply) => raceOf(key, await arraysOf(reply)),
      true,
    );
    this.invalidate();
  }

  measure(): void {
    const key = this.#measureKey;
    const read = async (reply: Reply) => measuredOf(key, await arraysOf(reply));
    void this.#measured.ask("measure", this.#measureParams, read, true);
    this.invalidate();
  }

  stop(what: "race" | "measure"): void {
    (what === "race" ? this.#race : this.#measured).stop();
    this.invalidate();
  }

  /** Keeps the list in the study under a name. */
  async keep(name: string): Promise<boolean> {
    try {
      await this.seat.request("keep_edits", { name, edits: JSON.stringify(this.edits) });
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  retry(): void {
    this.#notice = null;
    this.#failedKey = "";
    this.#ask();
  }

  dismiss(): void {
    this.#notice = null;
    this.invalidate();
  }

  dispose(): void {
    this.#views.clear();
    this.#rest();
    for (const [event, listener] of this.#listeners) this.seat.off(event, listener);
  }

  /** What there is to draw now; null while Python has not described a study. */
  gather(): EditorScene | null {
    const { study, seat } = this;
    if (!study) return null;
    const { key } = this.#question;
    return {
      study,
      trajectory: seat.get("trajectory"),
      step: seat.get("step"),
      layerName: seat.get("layer"),
      layer: layerNamed(study, seat.get("layer")),
      output: seat.get("output"),
      edits: this.edits,
      edited: this.#shown,
      pending: this.#shown?.key !== key && this.#failedKey !== key,
      progress: this.#progress,
      changes: this.#changes(),
      isolated: seat.get("hovered") ?? seat.get("feature"),
      pinned: seat.get("feature"),
      race: this.#race.at(this.#raceKey),
      measured: this.#measured.at(this.#measureKey),
      canRace: this.canCompute || this.#kept("race") !== undefined,
      canMeasure: this.canCompute || this.#kept("measure", seat.get("_edited")) !== undefined,
      presets: seat.get("_presets") ?? [],
      canUndo: this.#past.history.length > 0,
      canRedo: this.#past.undone.length > 0,
      canCompute: this.canCompute,
      offline: seat.offline,
      notice: this.#notice,
    };
  }

  /** What each entry did, as long as the answer is about this very list. */
  #changes(): ReadonlyMap<number, Change> {
    const { edits } = this;
    if (!this.#shown || textOfEdits(edits) !== textOfEdits(this.#shownEdits)) return new Map();
    const active = [...edits.keys()].filter((index) => isActive(edits[index] as NetworkEdit));
    return new Map(
      this.#shown.changes.flatMap((change, at) => {
        const index = active[change.index ?? at];
        return index === undefined ? [] : [[index, change]];
      }),
    );
  }

  get #place(): { trajectory: number; step: number } {
    return { trajectory: this.seat.get("trajectory"), step: this.seat.get("step") };
  }

  /** Kept answers about this frame: their words are those that a page knows them by. */
  get #keptHere() {
    const { trajectory, step } = this.#place;
    return (this.seat.get("_edited") ?? []).filter(
      (one) => one.trajectory === trajectory && one.step === step,
    );
  }

  /** What the study keeps of this list, wherever it was measured. */
  #kept(request: string, entries = this.#keptHere): StoredEdit | undefined {
    const text = textOfEdits(this.edits);
    return entries.find(
      (one) => one.has.includes(request) && textOfEdits(JSON.parse(one.edits) as NetworkEdit[]) === text,
    );
  }

  get #question(): { key: string; params: Params } {
    const { seat } = this;
    const edits = askedAs(this.edits, this.#keptHere);
    const params = { ...this.#place, edits, layer: seat.get("layer"), output: seat.get("output") };
    return { key: requestKey("edited", params), params };
  }

  /** Where nothing can be computed, with the numbers that the kept one was run with. */
  get #raceParams(): Params {
    const { seat } = this;
    const [steps, seed] = [seat.option("num_steps"), seat.option("seed")];
    const [num_steps = steps, noise = seed] = (!this.canCompute && this.#kept("race")?.race) || [];
    return { ...this.#place, edits: askedAs(this.edits, this.#keptHere), num_steps, seed: noise };
  }

  get #measureParams(): Params {
    const { seat } = this;
    const [count, seed] = [seat.option("levels"), Math.max(0, seat.option("seed"))];
    const known = this.canCompute ? undefined : this.#kept("measure", seat.get("_edited"));
    const [levels = count, first = seed] = known?.measure ?? [];
    return { edits: known?.edits ?? textOfEdits(this.edits), levels, seed: first };
  }

  get #raceKey(): string {
    return requestKey("race", { ...this.#raceParams, edits: textOfEdits(this.edits) });
  }

  get #measureKey(): string {
    return requestKey("measure", { ...this.#measureParams, edits: textOfEdits(this.edits) });
  }

  /** Somebody set a trait: another view, Python, or this one when all of them are set. */
  #asked = (): void => {
    if (!this.#isSetting) this.#ask();
  };

  /** Another list, or other sliders: whatever one that was held would have made of the list before. */
  #listed = (): void => {
    if (this.#isSetting) return;
    this.#draft = null;
    this.#ask();
  };

  /** Features may be others now: what came was said in the old ones. */
  #described = (): void => {
    const features = JSON.stringify(this.study?.layers);
    if (features !== this.#features) {
      this.#features = features;
      this.#answers.clear();
      this.#shown = null;
      // What is under way is about the old ones, unless these were found for it.
      if (this.#flying?.hasFeatures) {
        this.#flying.control.abort();
        this.#flying = null;
      }
      this.#ask();
    }
    this.invalidate();
  };

  /** What could not be computed may be now. */
  #connected = (): void => {
    this.#shown = null;
    this.#failedKey = "";
    this.#usual.clear();
    this.#ask();
  };

  get #listeners(): [event: string, listener: () => void][] {
    return [
      ...ASKED.map((trait): [string, () => void] => [`change:${trait}`, this.#asked]),
      ...LOOKS.map((trait): [string, () => void] => [`change:${trait}`, this.invalidate]),
      ...REBUILDS.map((trait): [string, () => void] => [`change:${trait}`, this.#listed]),
      ["change:_study", this.#described],
      ["change:can_compute", this.#connected],
    ];
  }

  /**
   * Shows what is known, or asks. One question is under way at a time and its answer is shown even if the slider has
   * moved on: so what is seen follows the hand as fast as Python answers. Another place or layer does not wait for it.
   */
  #ask(): void {
    this.invalidate();
    if (this.#views.size === 0 || !this.study) return;
    const { key, params } = this.#question;
    const known = this.#answers.known(key);
    if (known) this.#show(known);
    // A recorded frame without numbers is all there is while no agent is connected.
    if (known || [this.#shown?.key, this.#flying?.key, this.#failedKey].includes(key)) return;
    const place = JSON.stringify([params.trajectory, params.layer, params.output]);
    if (this.#flying && this.#flying.place === place) return;
    this.#flying?.control.abort();
    void this.#fly(key, params, place);
  }

  async #fly(key: string, params: Params, place: string): Promise<void> {
    const { study } = this;
    const hasFeatures = study !== null && (layerNamed(study, String(params.layer))?.features.length ?? 0) > 0;
    const flight = { key, place, hasFeatures, control: new AbortController() };
    this.#flying = flight;
    this.#progress = null;
    const edits = this.edits;
    const progress = (progress: Progress) => {
      this.#progress = progress;
      this.invalidate();
    };
    try {
      const found = await this.#answers.fetch(key, params, flight.control.signal, progress);
      if (this.#flying !== flight) return;
      if (this.#notice?.kind === "gone") this.#notice = null;
      if (found.places[0]) this.#usual.set(String(params.layer), found.places[0]);
      this.#show(found, edits);
    } catch (error) {
      if (this.#flying !== flight) return;
      if (this.#question.key === key) {
        this.#failedKey = key;
        this.#failed(error);
      }
    }
    this.#flying = null;
    this.#progress = null;
    this.#ask();
  }

  #show(found: Edited, edits: Edits = this.edits): void {
    this.#shown = found;
    this.#shownEdits = edits;
    // What went wrong elsewhere is no longer what is looked at.
    if (this.#failedKey !== "") this.#notice = null;
    this.#failedKey = "";
  }

  #failed = (error: unknown): void => {
    this.#notice = noticeOf(error);
    this.invalidate();
  };

  #rest(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#flying?.control.abort();
    this.#flying = null;
    this.#draft = null;
    this.#race.stop();
    this.#measured.stop();
  }

  #draw = (): void => {
    this.#frame = 0;
    const scene = this.gather();
    if (scene) for (const draw of this.#views) draw(scene);
  };
}
