/** Leads through a story: by hand from note to note, or by itself step by step. */
import { nextNote, readingMs } from "../core/story.ts";
import type { Session } from "../host/session.ts";
import type { Follower } from "./story_follow.ts";
import { Player } from "./story_player.ts";

const PATIENCE_MS = 100; // between two looks at whether the frame has come

export class Reader {
  msPerStep = 1000;
  /** At the end of a note playing goes on to the next, once its text can have been read; or it waits. */
  goesOn = true;
  /** The frame shown is not there yet: playing waits for it. */
  stale = true;
  #session: Session;
  #follower: Follower;
  #player: Player;
  #expected = -1;

  constructor(session: Session, follower: Follower) {
    this.#session = session;
    this.#follower = follower;
    this.#player = new Player(this.#turn, session.invalidate);
  }

  get playing(): boolean {
    return this.#player.playing;
  }

  /** The number of the note shown, if any. */
  get index(): number | null {
    return this.#session.model.get("note") ?? null;
  }

  neighbour(direction: 1 | -1): number | null {
    const { story } = this.#follower;
    const { model } = this.#session;
    return story ? nextNote(story, model.get("trajectory"), this.#step, this.index, direction) : null;
  }

  go(index: number | null): void {
    if (index !== null) this.#follower.go(index);
    this.#expected = this.#step;
  }

  move(direction: 1 | -1): void {
    this.stop();
    this.go(this.neighbour(direction));
  }

  stop(): void {
    this.#player.stop();
  }

  /** Plays from the step shown, from the next note where this one is at its end, or stops. */
  play(): void {
    if (this.playing) {
      this.stop();
      return;
    }
    this.#session.set("playing", false);
    const { note } = this.#follower;
    if (!note || this.#step >= note.stop - 1) {
      const next = this.neighbour(1);
      if (next !== null) this.go(next);
      else if (this.goesOn) this.go(0);
      else if (note) this.#session.goTo(note.start);
    }
    this.#expected = this.#step;
    this.#player.start(this.#pause());
  }

  get #step(): number {
    return this.#session.model.get("step");
  }

  /** One step on; null where it waits for the reader, or where the reader has moved it. */
  #turn = (): number | null => {
    const { note } = this.#follower;
    if (this.#step !== this.#expected || this.#session.model.get("playing")) return null;
    if (this.stale) return PATIENCE_MS;
    if (note && this.#expected < note.stop - 1) {
      this.#session.goTo(this.#expected + 1);
      this.#expected = this.#step;
      return this.#pause();
    }
    const next = this.goesOn ? this.neighbour(1) : null;
    if (next === null) return null;
    this.go(next);
    return this.#pause();
  };

  /** A step's time; the last one of a note lasts until its text can have been read. */
  #pause(): number {
    const { note } = this.#follower;
    if (!note || this.#expected < note.stop - 1 || !this.goesOn) return this.msPerStep;
    return Math.max(this.msPerStep, readingMs(note.text) - this.msPerStep * (note.stop - note.start - 1));
  }
}
