/** What an editor shares with Python, wherever it sits: in a widget of its own, or in the explorer. */
import type { NetworkEdit } from "../core/editor.ts";
import type { Params } from "../core/wants.ts";
import type { EditorTraits as Described, KeptEdits } from "../generated/traits.d.ts";
import type { Reply, RequestOptions } from "./rpc.ts";

/** A list of edits that the study keeps under a name. */
export type Preset = Omit<KeptEdits, "edits"> & { edits: NetworkEdit[] };

interface Lists {
  edits: NetworkEdit[];
  history: NetworkEdit[][];
  undone: NetworkEdit[][];
  _presets: Preset[];
}

/** As a mapped type, because anywidget asks for an index signature, which an interface lacks. */
export type EditorTraits = {
  [Name in keyof Described]: Name extends keyof Lists ? Lists[Name] : Described[Name];
};

/** How a race is run and a difference measured: traits of the editor; the explorer keeps the usual ones. */
export type RaceOptions = Pick<EditorTraits, "num_steps" | "seed" | "levels">;

/** Traits that both the editor and the explorer have. */
export type EditingTraits = Omit<EditorTraits, keyof RaceOptions>;

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

/** Another value of one of these is another question, as is another list of edits. */
export const ASKED = ["trajectory", "step", "output"] as const;

/** As are these, and the sliders are others then. */
export const REBUILDS = ["layer", "edits"] as const;

/** These change only what is drawn. */
export const LOOKS = [
  ...["history", "undone", "feature", "hovered", "_edited", "_presets"],
  ...["num_steps", "seed", "levels"],
] as const;
