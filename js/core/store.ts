/**
 * Decoded replies by key: least recently used out first, at most two requests at a time, and only for what is
 * still wanted. The list of wants is replaced at every move, so requests that a sweep has passed are never made.
 */
import type { Want } from "./wants.ts";

export interface StoreOptions<T> {
  load: (want: Want, signal: AbortSignal) => Promise<T>;
  bytes: (value: T) => number;
  /** A value has arrived. */
  changed: () => void;
  failed: (error: unknown, want: Want) => void;
  maxBytes?: number;
  inFlight?: number;
  now?: () => number;
}

interface Failure {
  count: number;
  until: number;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 32_000;

export class ChunkStore<T> {
  #values = new Map<string, T>();
  #flying = new Map<string, AbortController>();
  #failures = new Map<string, Failure>();
  #outdated = new Set<string>();
  #wants: Want[] = [];
  #bytes = 0;
  #options: Required<StoreOptions<T>>;

  constructor(options: StoreOptions<T>) {
    this.#options = { maxBytes: 128e6, inFlight: 2, now: () => performance.now(), ...options };
  }

  get bytes(): number {
    return this.#bytes;
  }

  get inFlight(): number {
    return this.#flying.size;
  }

  get size(): number {
    return this.#values.size;
  }

  /** The value at `key`, which thereby counts as recently used. */
  get(key: string): T | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, value);
    }
    return value;
  }

  /** Replaces the list of wants, most urgent first, and asks for what is missing. */
  want(wants: Want[]): void {
    this.#wants = wants;
    this.#pump();
  }

  /** Asks again for what `matches` names; what is there stays until the new value comes. */
  refresh(matches: (key: string, value: T | undefined) => boolean): void {
    for (const [key, value] of this.#values) if (matches(key, value)) this.#outdated.add(key);
    for (const [key, flight] of [...this.#flying]) {
      if (!matches(key, undefined)) continue;
      this.#flying.delete(key);
      flight.abort();
    }
    this.#pump();
  }

  /** Asks at once for what failed, without the pause that follows a failure, and anew for what hangs. */
  retry(): void {
    this.#failures.clear();
    this.#land();
    this.#pump();
  }

  /** Ends every request; values stay. A later `want` starts again. */
  rest(): void {
    this.#wants = [];
    this.#land();
  }

  #land(): void {
    for (const flight of this.#flying.values()) flight.abort();
    this.#flying.clear();
  }

  #drop(key: string, value: T): void {
    this.#values.delete(key);
    this.#outdated.delete(key);
    this.#bytes -= this.#options.bytes(value);
  }

  #pump(): void {
    let kept = 0;
    for (const want of this.#wants) {
      const value = this.#values.get(want.key);
      if (value !== undefined) kept += this.#options.bytes(value);
      // What is wanted must fit: fetching more would evict what was fetched before, forever.
      if (kept >= this.#options.maxBytes) return;
      if (this.#flying.size >= this.#options.inFlight) return;
      if ((value !== undefined && !this.#outdated.has(want.key)) || this.#flying.has(want.key)) continue;
      if ((this.#failures.get(want.key)?.until ?? 0) > this.#options.now()) continue;
      void this.#fly(want);
    }
  }

  async #fly(want: Want): Promise<void> {
    const flight = new AbortController();
    this.#flying.set(want.key, flight);
    try {
      const value = await this.#options.load(want, flight.signal);
      if (flight.signal.aborted) return;
      this.#failures.delete(want.key);
      this.#put(want.key, value);
      this.#options.changed();
    } catch (error) {
      if (flight.signal.aborted) return;
      const count = (this.#failures.get(want.key)?.count ?? 0) + 1;
      const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (count - 1));
      this.#failures.set(want.key, { count, until: this.#options.now() + pause });
      this.#options.failed(error, want);
    } finally {
      if (this.#flying.get(want.key) === flight) this.#flying.delete(want.key);
      if (!flight.signal.aborted) this.#pump();
    }
  }

  #put(key: string, value: T): void {
    const previous = this.#values.get(key);
    if (previous !== undefined) this.#drop(key, previous);
    this.#values.set(key, value);
    this.#bytes += this.#options.bytes(value);
    const urgent = new Set(this.#wants.map((want) => want.key));
    for (const [old, oldValue] of this.#values) {
      if (this.#bytes <= this.#options.maxBytes) return;
      if (old !== key && !urgent.has(old)) this.#drop(old, oldValue);
    }
    for (const [old, oldValue] of this.#values) {
      if (this.#bytes <= this.#options.maxBytes) return;
      if (old !== key && old !== this.#wants[0]?.key) this.#drop(old, oldValue);
    }
  }
}
