/** One moment of an editor, gathered for drawing. */
import type { Edits } from "../core/editor.ts";
import type { Layer, Study } from "../core/study.ts";
import type { Computed, Notice } from "./counterfactual_scene.ts";
import type { Preset } from "./editor_model.ts";
import type { Change, Edited, Measured, Race } from "./editor_reply.ts";
import type { Progress } from "./rpc.ts";

export interface EditorScene {
  study: Study;
  trajectory: number;
  step: number;
  layerName: string;
  layer: Layer | undefined;
  output: string;
  /** As they are shown: while a slider is held, not yet those of the trait. */
  edits: Edits;
  /** What came last; while `pending`, of another frame or list. */
  edited: Edited | null;
  pending: boolean;
  /** How far a long wait has come. */
  progress: Progress | null;
  /** What each entry of the list does here, by its number. */
  changes: ReadonlyMap<number, Change>;
  isolated: number | null;
  pinned: number | null;
  race: Computed<Race>;
  measured: Computed<Measured>;
  /** Whether the race from here can be had: computed, or kept. */
  canRace: boolean;
  canMeasure: boolean;
  presets: readonly Preset[];
  canUndo: boolean;
  canRedo: boolean;
  canCompute: boolean;
  offline: boolean;
  notice: Notice | null;
}
