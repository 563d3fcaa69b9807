/** Plays a story step by step, at a reader's pace. */

/** Moves on and says after how many milliseconds to do so again; null ends it. */
export type Turn = () => number | null;

export class Player {
  #turn: Turn;
  #changed: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(turn: Turn, changed: () => void) {
    this.#turn = turn;
    this.#changed = changed;
  }

  get playing(): boolean {
    return this.#timer !== undefined;
  }

  /** The first turn comes after `wait` milliseconds: the step shown has its time, too. */
  start(wait: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#go, wait);
    this.#changed();
  }

  stop(): void {
    if (!this.playing) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#changed();
  }

  #go = (): void => {
    const wait = this.#turn();
    if (wait === null) this.stop();
    else if (this.playing) this.#timer = setTimeout(this.#go, wait);
  };
}
