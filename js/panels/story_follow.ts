/** Keeps the view in step with its story: the note of the step shown, and what that note wants to be seen. */
import { type Note, noteAt, outputAt, type Story, storyNamed, storySpan } from "../core/story.ts";
import { layerNamed, type Study, stored, studyOf } from "../core/study.ts";
import { requestKey, type Want, want } from "../core/wants.ts";
import type { ExplorerModel } from "../host/model.ts";
import { numbers, slice } from "../host/replies.ts";
import type { Session } from "../host/session.ts";

const MARGIN = 0.25; // of the story's length, on either side of it in the timeline
const SHORTEST = 32; // steps

const same = (a: readonly number[], b: readonly number[]): boolean => a.join() === b.join();

export class Follower {
  #session: Session;
  #applied = "";
  #framed: number[] = [];
  #going = false;

  constructor(session: Session, signal: AbortSignal) {
    this.#session = session;
    const listen = (trait: Parameters<ExplorerModel["on"]>[0], act: () => void) => {
      session.model.on(trait, act);
      signal.addEventListener("abort", () => session.model.off(trait, act), { once: true });
    };
    listen("change:step", this.#moved);
    listen("change:trajectory", this.#moved);
    listen("change:note", this.#chosen);
    listen("change:story", this.#opened);
    listen("change:_study", this.#changed);
    this.#chosen();
    // What was opened afresh starts with its first note; a view that is restored stays where it was.
    if (session.errand === "" && session.model.get("view_range").length === 0) this.#opened();
    this.#changed();
  }

  get story(): Story | undefined {
    const study = this.#study;
    return study && storyNamed(study, this.#session.model.get("story"));
  }

  get note(): Note | undefined {
    return this.story?.notes[this.#session.model.get("note") ?? -1];
  }

  /** Moves to a note: to its first step, or stays where the step already is one of its own. */
  go(index: number): void {
    const note = this.story?.notes[index];
    if (!note) return;
    const { model } = this.#session;
    const [trajectory, step] = [model.get("trajectory"), model.get("step")];
    this.#session.set("playing", false);
    if (trajectory !== note.trajectory || step < note.start || step >= note.stop) {
      this.#going = true;
      this.#session.goToTrajectory(note.trajectory, note.start);
      this.#going = false;
    }
    this.#session.set("note", index);
    this.show();
    this.#prepare();
  }

  /** Shows what the note wants, once: what the reader changes then stays until a note wants something else. */
  show(): void {
    const { note, story } = this;
    const study = this.#study;
    if (!note || !story || !study) return;
    const session = this.#session;
    const output = this.#output(note, study);
    const { layer, feature, mode, combine } = note;
    const key = JSON.stringify([
      story.name,
      story.notes.indexOf(note),
      layer,
      output,
      feature,
      mode,
      combine,
    ]);
    if (key === this.#applied) return;
    this.#applied = key;
    const known = layer === null ? undefined : layerNamed(study, layer);
    if (known) session.set("layer", known.name);
    const count = (known ?? layerNamed(study, session.model.get("layer")))?.features.length ?? 0;
    session.set("feature", feature !== null && feature <= count ? feature : null);
    const offered = session.model.get("can_compute") || study.outputs.some(({ name }) => name === output);
    if (output !== null && offered) session.set("output", output);
    session.set("mode", mode ?? "attribution");
    if (combine !== null) session.set("combine", combine);
  }

  /** The timeline shows everything again. */
  close(): void {
    if (same(this.#session.model.get("view_range"), this.#framed)) this.#session.set("view_range", []);
    this.#session.alsoWant([]);
  }

  get #study(): Study | undefined {
    return studyOf(this.#session.model.get("_study")) ?? undefined;
  }

  #output(note: Note, study: Study): string | null {
    const { model, store } = this.#session;
    const curves = store.get(requestKey("curves", { trajectory: note.trajectory }));
    const step = model.get("step");
    const logits = slice(curves, "policy_logits", step);
    return outputAt(note, step, logits, numbers(curves, "action")[step], study.action_names);
  }

  #moved = (): void => {
    const { story } = this;
    if (this.#going || !story) return;
    const { model } = this.#session;
    const index = noteAt(story, model.get("trajectory"), model.get("step"), model.get("note"));
    this.#session.set("note", index);
    this.show();
    this.#prepare();
  };

  #chosen = (): void => {
    const index = this.#session.model.get("note");
    if (this.#going || index === null || index === undefined) return;
    if (this.note) this.go(index);
  };

  #opened = (): void => {
    const { story } = this;
    this.#applied = "";
    if (!story) return;
    const { model } = this.#session;
    const here = noteAt(story, model.get("trajectory"), model.get("step"), model.get("note"));
    if (here === null && story.notes.length > 0) this.go(0);
    else this.#moved();
  };

  #changed = (): void => {
    const count = this.story?.notes.length ?? 0;
    if ((this.#session.model.get("note") ?? -1) >= count) this.#session.set("note", null);
    this.#moved();
  };

  /** Fetches ahead what the story's notes explain here, and shows its stretch of time. */
  #prepare(): void {
    const [story, study] = [this.story, this.#study];
    if (!story || !study) return;
    const trajectory = this.#session.model.get("trajectory");
    this.#session.alsoWant(wants(story, study, trajectory));
    const span = storySpan(story, trajectory);
    const range = this.#session.model.get("view_range");
    if (!span || (range.length > 0 && !same(range, this.#framed))) return;
    const count = study.trajectories[trajectory]?.num_steps ?? 0;
    const margin = Math.max((span.stop - span.start) * MARGIN, (SHORTEST - span.stop + span.start) / 2, 1);
    const shown = [
      Math.max(0, Math.floor(span.start - margin)),
      Math.min(count, Math.ceil(span.stop + margin)),
    ];
    if (same(shown, this.#framed) && same(shown, range)) return;
    this.#framed = shown;
    this.#session.set("view_range", shown);
  }
}

/** The attribution that is stored of what a story's notes explain on a trajectory. */
function wants(story: Story, study: Study, trajectory: number): Want[] {
  const found = new Map<string, Want>();
  const add = (one: Want) => found.set(one.key, one);
  for (const note of story.notes) {
    if (note.trajectory !== trajectory || note.layer === null) continue;
    for (const output of new Set(note.outputs)) {
      const where = { trajectory, layer: note.layer, output };
      if (stored(study, note.layer, output) === "none") continue;
      add(want("totals", where));
      const last = Math.floor((note.stop - 1) / study.chunk);
      for (let chunk = Math.floor(note.start / study.chunk); chunk <= last; chunk++)
        add(want("attribution", { ...where, chunk }));
    }
  }
  return [...found.values()];
}
