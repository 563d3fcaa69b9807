/** Sends changed traits to Python at most sixty times a second; the last value always arrives. */
import type { ExplorerModel } from "./model.ts";

const SAVE_EVERY_MS = 1000 / 60;

export class Saver {
  #model: Pick<ExplorerModel, "save_changes">;
  #saved = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(model: Pick<ExplorerModel, "save_changes">) {
    this.#model = model;
  }

  /** Saves now, or as soon as the rate allows. */
  request(): void {
    const wait = this.#saved + SAVE_EVERY_MS - performance.now();
    if (wait <= 0) this.#save();
    else this.#timer ??= setTimeout(this.#save, wait);
  }

  /** Saves at once what still waits. */
  flush(): void {
    if (this.#timer !== undefined) this.#save();
  }

  #save = (): void => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#saved = performance.now();
    this.#model.save_changes();
  };
}
