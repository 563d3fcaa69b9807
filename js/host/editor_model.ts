/** What an editor shares with Python, wherever it sits: in a widget of its own, or in the explorer. */
import type { NetworkEdit } from "../core/editor.ts";
import type { Params } from "../core/wants.ts";
import type { KeptEdits, StoredEdit } from "../generated/traits.d.ts";
import type { Reply, RequestOptions } from "./rpc.ts";

/** A list of edits that the study keeps under a name. */
export type Preset = Omit<KeptEdits, "edits"> & { edits: NetworkEdit[] };

/** Traits that both the editor and the explorer have. */
export interface EditingTraits {
  trajectory: number;
  step: number;
  layer: string;
  output: string;
  edits: NetworkEdit[];
  history: NetworkEdit[][];
  undone: NetworkEdit[][];
  feature: number | null;
  hovered: number | null;
  can_compute: boolean;
  _study: unknown;
  /** Questions whose answers the study keeps: a page without a kernel has these and no others. */
  _edited: StoredEdit[];
  _presets: Preset[];
}

/** How a race is run and a difference measured: traits of the editor; the explorer keeps the usual ones. */
export interface RaceOptions {
  num_steps: number;
  /** -1: the luck that was recorded. */
  seed: number;
  levels: number;
}

export const USUAL: RaceOptions = { num_steps: 100, seed: -1, levels: 256 };

/** Where an editor sits. */
export interface Seat {
  get<K extends keyof EditingTraits>(name: K): EditingTraits[K];
  set<K extends keyof EditingTraits>(name: K, value: EditingTraits[K]): void;
  on(event: string, listener: () => void): void;
  off(event: string, listener: () => void): void;
  option<K extends keyof RaceOptions>(name: K): RaceOptions[K];
  setOption<K extends keyof RaceOptions>(name: K, value: RaceOptions[K]): void;
  request(method: string, params: Params, options?: RequestOptions): Promise<Reply>;
  readonly offline: boolean;
}

/** Another value of one of these is another question. */
export const ASKED = ["trajectory", "step", "edits", "layer", "output"] as const;

/** These change only what is drawn. */
export const LOOKS = ["history", "undone", "feature", "hovered", "_edited", "_presets"] as const;
