/** One moment of the explorer, gathered for drawing: traits and whatever of the data has arrived. */

import { size } from "../core/arrays.ts";
import type { Cells, Direction } from "../core/composite.ts";
import type { ChunkStore } from "../core/store.ts";
import { clamp, type Episode, episodeAt, type Layer, layerNamed, type Study, stored } from "../core/study.ts";
import { type Params, requestKey } from "../core/wants.ts";
import type { ExplorerModel } from "./model.ts";
import { type Loaded, numbers, slice } from "./replies.ts";
import type { Progress } from "./rpc.ts";

export interface Picture {
  pixels: Uint8Array;
  /** Changes with the content: panels redraw only then. */
  key: string;
}

export interface Computing {
  layer: string;
  output: string;
  progress: Progress;
}

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
  output: string;
  numFeatures: number;
  isolated: number | null;
  pinned: number | null;
  playing: boolean;
  direction: number;
  fps: number;
  loop: boolean;
  overlay: boolean;
  combine: boolean;
  showResidual: boolean;
  canCompute: boolean;
  observation: Picture | null;
  /** The observation is a keyframe near the step, not the step's own. */
  approximate: boolean;
  cells: (Cells & { key: string }) | null;
  attribution: "ready" | "loading" | "absent";
  displayScale: number;
  curves: Loaded | undefined;
  totals: Loaded | undefined;
  examples: Loaded | undefined;
  strip: Loaded | undefined;
  /** Set while the attribution shown is being computed. */
  computing: Computing | null;
  /** Set while any attribution is. */
  activity: Computing | null;
  notice: Notice | null;
  stale: boolean;
}

export const panelsShown = (scene: Scene): Direction[] => (scene.combine ? ["both"] : ["raises", "lowers"]);

interface Source {
  model: ExplorerModel;
  store: ChunkStore<Loaded>;
  computing: Computing | null;
  notice: Notice | null;
}

export const isStudy = (value: unknown): value is Study =>
  typeof value === "object" && value !== null && "trajectories" in value && "layers" in value;

/** What there is to draw now; null while Python has not described a study. */
export function gather({ model, store, computing, notice }: Source): Scene | null {
  const study = model.get("_study");
  if (!isStudy(study)) return null;
  const trajectory = clamp(model.get("trajectory"), 0, study.trajectories.length - 1);
  const { num_steps: numSteps = 0, episodes = [] } = study.trajectories[trajectory] ?? {};
  const step = clamp(model.get("step"), 0, Math.max(0, numSteps - 1));
  const layerName = model.get("layer");
  const output = model.get("output");
  const layer = layerNamed(study, layerName);
  const chunk = Math.floor(step / study.chunk);
  const find = (method: string, params: Params) => store.get(requestKey(method, params));

  const frames = find("observations", { trajectory, chunk });
  const pixels = slice(frames, "observation", step - chunk * study.chunk) as Uint8Array | null;
  let observation: Picture | null = pixels && { pixels, key: `${trajectory}/${step}` };
  const approximate = observation === null;
  if (!observation) observation = nearestKeyframe(find("preview", { trajectory }), trajectory, step);

  const attributed = find("attribution", { trajectory, layer: layerName, output, chunk });
  const cells = cellsAt(
    attributed,
    step - chunk * study.chunk,
    `${trajectory}/${step}/${layerName}/${output}`,
  );
  const running = computing?.layer === layerName && computing.output === output;
  const missing = attributed ? cells === null : !running && stored(study, layerName, output) === "none";
  const totals = find("totals", { trajectory, layer: layerName, output });
  const pinned = model.get("feature");
  return {
    study,
    trajectory,
    step,
    numSteps,
    episodes,
    episode: episodeAt(episodes, step),
    layerName,
    layer,
    output,
    numFeatures: layer?.features.length || cells?.numFeatures || 0,
    isolated: model.get("hovered") ?? pinned,
    pinned,
    playing: model.get("playing"),
    direction: model.get("direction") < 0 ? -1 : 1,
    fps: clamp(model.get("fps"), 1, 120),
    loop: model.get("loop"),
    overlay: model.get("overlay"),
    combine: model.get("combine"),
    showResidual: model.get("show_residual"),
    canCompute: model.get("can_compute"),
    observation,
    approximate,
    cells,
    attribution: cells ? "ready" : missing ? "absent" : "loading",
    displayScale: Number(totals?.result.display_scale ?? 0) || peak(cells),
    curves: find("curves", { trajectory }),
    totals,
    examples: find("examples", { layer: layerName }),
    strip: find("strip", { trajectory }),
    computing: running ? computing : null,
    activity: computing,
    notice,
    stale: approximate || (!cells && !missing),
  };
}

/** Full strength until the totals, which carry the study's own scale, have arrived. */
const peak = (cells: Cells | null): number => (cells ? 127 * cells.scale : 1);

function cellsAt(loaded: Loaded | undefined, index: number, key: string): Scene["cells"] {
  const attribution = slice(loaded, "attribution", index);
  const residual = slice(loaded, "residual", index);
  const scale = numbers(loaded, "scale")[index];
  const array = loaded?.arrays.attribution;
  if (!array || !attribution || !residual || scale === undefined || !Number.isFinite(scale)) return null;
  return {
    height: size(array, "y"),
    width: size(array, "x"),
    numFeatures: size(array, "feature"),
    attribution: attribution as Int8Array,
    residual: residual as Int8Array,
    scale,
    key,
  };
}

function nearestKeyframe(preview: Loaded | undefined, trajectory: number, step: number): Picture | null {
  const steps = numbers(preview, "keyframe_step");
  let nearest = 0;
  for (let index = 1; index < steps.length; index++)
    if (Math.abs((steps[index] ?? 0) - step) <= Math.abs((steps[nearest] ?? 0) - step)) nearest = index;
  const pixels = slice(preview, "observation", nearest) as Uint8Array | null;
  return pixels && { pixels, key: `${trajectory}/key ${nearest}` };
}
