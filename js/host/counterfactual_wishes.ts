/** Which world is wished for: what is tried until Python takes one, and the way back. Asks nobody itself. */
import { type Edit, History, isPlay, sameWorld, type World } from "../core/counterfactual.ts";

/** Worlds tried for one wish; who edits faster than Python answers waits no longer than for these. */
const MOST = 8;

export class Wishes {
  #history = new History();
  /** The wish in all its forms, the best first, then what was wished before it and has not come. */
  #attempts: World[] = [];
  /** How many of the attempts are the wish itself. */
  #own = 0;
  #travel: -1 | 0 | 1 = 0;
  #reason: unknown;
  #unanswered: { attempts: World[]; own: number; travel: -1 | 0 | 1 } | null = null;

  get pending(): boolean {
    return this.#attempts.length > 0;
  }

  /** The world that is tried now, if any. */
  get world(): World | undefined {
    return this.#attempts[0];
  }

  /** The direction in which a wish that has not come goes: a change goes on. */
  get #goes(): -1 | 0 | 1 {
    return this.pending ? this.#travel || 1 : 0;
  }

  get canUndo(): boolean {
    return this.#goes > 0 || (!this.pending && this.#history.canUndo);
  }

  get canRedo(): boolean {
    return this.#goes < 0 || (!this.pending && this.#history.canRedo);
  }

  /** Why the last wish cannot be, if it was refused. */
  get reason(): unknown {
    return this.#reason;
  }

  /** Wishes for the first of these worlds that there can be. Whether there is something to ask for. */
  propose(worlds: readonly World[], settled: World): boolean {
    const [first] = worlds;
    if (!first || sameWorld(first, this.world ?? settled)) return false;
    this.#wish(worlds.slice(0, MOST), []);
    return true;
  }

  /**
   * Wishes for what `change` makes of the world: of each form that the wish before can take, if that has not come
   * yet. Where the new wish cannot be, the one before still can.
   */
  change(change: (world: World) => World[], settled: World): boolean {
    const before = this.#attempts;
    const bases = this.pending ? before.slice(0, Math.max(1, this.#own)) : [settled];
    const worlds = bases.flatMap(change);
    const [first] = worlds;
    if (!first || sameWorld(first, this.world ?? settled)) return false;
    this.#wish(worlds.slice(0, MOST), before);
    return true;
  }

  /** Whether the last edit of a wish that has not come is this one: pressed twice, and meant once. */
  repeats(edit: Edit | undefined): boolean {
    const last = this.world?.edits.at(-1);
    return (
      last !== undefined &&
      edit !== undefined &&
      !isPlay(edit) &&
      JSON.stringify(last) === JSON.stringify(edit)
    );
  }

  /** Wishes for the world before, or (1) the one that was undone; the way back from a wish is to give it up. */
  travel(direction: -1 | 1, settled: World): boolean {
    if (this.pending) {
      if (direction === this.#goes) return false;
      this.giveUp();
      return true;
    }
    const world = this.#history.pass(direction, settled);
    if (!world) return false;
    this.#wish([world], [], direction);
    return true;
  }

  /** Nothing is wished for but what is there. */
  giveUp(): void {
    this.#attempts = [];
    this.#own = 0;
    this.#travel = 0;
    this.#reason = undefined;
    this.#unanswered = null;
  }

  /** Nobody answered. What was wished for is kept for `again`. */
  unanswered(): void {
    const { length } = this.#attempts;
    const kept = length > 0 ? { attempts: this.#attempts, own: this.#own, travel: this.#travel } : null;
    this.giveUp();
    this.#unanswered = kept;
  }

  /** Wishes once more for what got no answer. */
  again(): void {
    if (!this.#unanswered) return;
    const { attempts, own, travel } = this.#unanswered;
    this.#wish(attempts.slice(0, own), attempts.slice(own), travel);
  }

  /** What is tried cannot be. Whether there is something else to try; if not, nothing is wished for any more. */
  refused(error: unknown): boolean {
    if (this.#own > 0) this.#reason = error;
    this.#own = Math.max(0, this.#own - 1);
    this.#attempts = this.#attempts.slice(1);
    if (!this.pending) this.#travel = 0;
    return this.pending;
  }

  /** The world has come; `before` is left. Returns why it is not the last wish, if it is an older one. */
  came(world: World, before: World): unknown {
    const reason = this.pending && this.#own === 0 ? this.#reason : undefined;
    if (!sameWorld(before, world)) {
      if (this.#travel === 0) this.#history.leave(before);
      else this.#history.take(this.#travel, before);
    }
    this.giveUp();
    return reason;
  }

  #wish(own: World[], others: World[], travel: -1 | 0 | 1 = 0): void {
    this.giveUp();
    this.#attempts = [...own, ...others].slice(0, MOST);
    this.#own = Math.min(own.length, MOST);
    this.#travel = travel;
  }
}
