/** One moment of the explorer, gathered for drawing: traits and whatever of the data has arrived. */

import { featureColour } from "../core/colours.ts";
import type { Direction } from "../core/composite.ts";
import type { ChunkStore } from "../core/store.ts";
import {
  clamp,
  type Episode,
  episodeAt,
  type Layer,
  layerNamed,
  type Study,
  studyOf,
} from "../core/study.ts";
import { type Params, requestKey } from "../core/wants.ts";
import type * as OnDemand from "../views/menus.ts";
import type { ExplorerModel } from "./model.ts";
import { type Loaded, numbers, slice } from "./replies.ts";
import { gatherRow, type Mode, type RowScene } from "./row_scene.ts";
import type { Progress } from "./rpc.ts";

export interface Picture {
  pixels: Uint8Array;
  /** Changes with the content: panels redraw only then. */
  key: string;
}

export interface Computing {
  trajectory: number;
  layer: string;
  output: string;
  progress: Progress;
}

/** The module that is fetched when something of it is first drawn. */
export type Extras = typeof OnDemand;

export interface Notice {
  kind: "error" | "gone";
  text: string;
}

export interface Scene {
  study: Study;
  trajectory: number;
  step: number;
  numSteps: number;
  episodes: Episode[];
  /** Index of the episode shown; -1 when unknown. */
  episode: number;
  layerName: string;
  layer: Layer | undefined;
  /** The layer is the picture itself: red, green and blue by their plain gradients. */
  gradients: boolean;
  /** One row of panels an output, never empty. */
  rows: RowScene[];
  /** The row whose numbers the legend and the status line show. */
  row: RowScene;
  /** The same as `row.output`. */
  output: string;
  /** Whether panels and numbers show the attribution of this step, or what has changed since the last one. */
  mode: Mode;
  scale: "study" | "trajectory";
  /** How the article's style is drawn; null in the standard style, and until it has been fetched. */
  article: Extras | null;
  numFeatures: number;
  isolated: number | null;
  pinned: number | null;
  playing: boolean;
  direction: number;
  fps: number;
  loop: boolean;
  /** [start, stop) of the steps that are brushed, or empty. */
  selectedRange: readonly number[];
  overlay: boolean;
  combine: boolean;
  showResidual: boolean;
  canCompute: boolean;
  observation: Picture | null;
  /** The observation is a keyframe near the step, not the step's own. */
  approximate: boolean;
  /** The same as `row.attribution`. */
  attribution: RowScene["attribution"];
  curves: Loaded | undefined;
  /** The same as `row.totals`. */
  totals: Loaded | undefined;
  examples: Loaded | undefined;
  strip: Loaded | undefined;
  /** The same as `row.computing`. */
  computing: Computing | null;
  /** Set while any attribution is being computed. */
  activity: Computing | null;
  notice: Notice | null;
  stale: boolean;
}

export const panelsShown = (scene: Scene): Direction[] => (scene.combine ? ["both"] : ["raises", "lowers"]);

/** The colour that feature `index` has in pictures, charts and swatches. */
export const colourOf = ({ article, layer, numFeatures }: Scene, index: number): string =>
  article?.articleColour(index, numFeatures) ?? featureColour(layer?.features ?? [], index);

interface Source {
  model: ExplorerModel;
  store: ChunkStore<Loaded>;
  computing: Computing | null;
  notice: Notice | null;
  focusedRow: number;
  extras(): Extras | null;
}

/** The pseudo-layer of the gradients by the picture itself. */
export const INPUT = "input";

/** The outputs of all rows of panels. */
export const outputsOf = (model: ExplorerModel): string[] => [
  model.get("output"),
  ...(model.get("more_outputs") ?? []), // absent in pages saved before there were rows
];

/** What there is to draw now; null while Python has not described a study. */
export function gather(source: Source): Scene | null {
  const { model, store, computing, notice, focusedRow } = source;
  const study = studyOf(model.get("_study"));
  if (!study) return null;
  const trajectory = clamp(model.get("trajectory"), 0, study.trajectories.length - 1);
  const { num_steps: numSteps = 0, episodes = [] } = study.trajectories[trajectory] ?? {};
  const step = clamp(model.get("step"), 0, Math.max(0, numSteps - 1));
  const episode = episodeAt(episodes, step);
  const layerName = model.get("layer");
  const layer = layerNamed(study, layerName);
  const find = (method: string, params: Params) => store.get(requestKey(method, params));
  const seen = observationAt(study, trajectory, step, find);

  const mode = model.get("mode") === "change" ? "change" : "attribution";
  const scale = model.get("scale") === "trajectory" ? "trajectory" : "study";
  const isFirst = step === (episodes[episode]?.start ?? 0);
  const place = {
    study,
    trajectory,
    step,
    layer: layerName,
    mode,
    scale,
    isFirst,
    store,
    computing,
  } as const;
  const rows = outputsOf(model).map((output, index) => gatherRow(place, output, index));
  const row = rows[clamp(focusedRow, 0, rows.length - 1)] as RowScene;
  const pinned = model.get("feature");
  return {
    study,
    trajectory,
    step,
    numSteps,
    episodes,
    episode,
    layerName,
    layer,
    gradients: layerName === INPUT,
    rows,
    row,
    output: row.output,
    mode,
    scale,
    article: model.get("look") === "article" ? source.extras() : null,
    numFeatures: layer?.features.length || rows.find(({ cells }) => cells)?.cells?.numFeatures || 0,
    isolated: model.get("hovered") ?? pinned,
    pinned,
    playing: model.get("playing"),
    direction: model.get("direction") < 0 ? -1 : 1,
    fps: clamp(model.get("fps"), 1, 120),
    loop: model.get("loop"),
    selectedRange: model.get("selected_range") ?? [],
    overlay: model.get("overlay"),
    combine: model.get("combine"),
    showResidual: model.get("show_residual"),
    canCompute: model.get("can_compute"),
    ...seen,
    attribution: row.attribution,
    curves: find("curves", { trajectory }),
    totals: row.totals,
    examples: find("examples", { layer: layerName }),
    strip: find("strip", { trajectory }),
    computing: row.computing,
    activity: computing,
    notice,
    stale: seen.approximate || rows.some(({ attribution }) => attribution === "loading"),
  };
}

type Find = (method: string, params: Params) => Loaded | undefined;

/** The step's own frame, else the nearest keyframe. */
function observationAt(
  study: Study,
  trajectory: number,
  step: number,
  find: Find,
): Pick<Scene, "observation" | "approximate"> {
  const chunk = Math.floor(step / study.chunk);
  const frames = find("observations", { trajectory, chunk });
  const pixels = slice(frames, "observation", step - chunk * study.chunk) as Uint8Array | null;
  if (pixels) return { observation: { pixels, key: `${trajectory}/${step}` }, approximate: false };
  const nearest = nearestKeyframe(find("preview", { trajectory }), trajectory, step);
  return { observation: nearest, approximate: true };
}

function nearestKeyframe(preview: Loaded | undefined, trajectory: number, step: number): Picture | null {
  const steps = numbers(preview, "keyframe_step");
  let nearest = 0;
  for (let index = 1; index < steps.length; index++)
    if (Math.abs((steps[index] ?? 0) - step) <= Math.abs((steps[nearest] ?? 0) - step)) nearest = index;
  const pixels = slice(preview, "observation", nearest) as Uint8Array | null;
  return pixels && { pixels, key: `${trajectory}/key ${nearest}` };
}
