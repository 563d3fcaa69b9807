// Made by `python js/generated/generate.py` from rlvision_widgets/widgets; edit those instead.

/** Something that members can be aligned at, and how many of them have it. */
export interface AlignmentChoice {
  name: string;
  label: string;
  members: number;
}

/** Members on one shared time; the reply to the request `alignment`. */
export interface AlignmentDescription {
  name: string;
  label: string;
  tracks: (TrackDescription | null)[];
  num_steps: number;
  zero: number;
  pairs: PairDescription[];
}

/** A step that went unexpectedly well or badly. */
export interface BookmarkDescription {
  trajectory: number;
  step: number;
  advantage: number;
  kind: "high" | "low";
}

/** A fork: what was tried from one step on; `taken` steps and the `causes` of their ends are one a branch. */
export interface BranchesDescription {
  name: string;
  trajectory: number;
  step: number;
  num_steps: number;
  seed: number;
  agent: string;
  actions: string;
  edits: string[];
  taken: number[];
  causes: string[];
  completed: boolean[];
  note: string;
}

/** One episode; `stop` is exclusive, `return` is the sum of its raw rewards so far. */
export interface EpisodeDescription {
  start: number;
  stop: number;
  level_seed: number;
  return: number;
  outcome: "completed" | "failed" | "ended" | "unfinished";
  cause?: string;
}

/** A trajectory's episodes as columns; each stops where the next one starts. */
export interface EpisodesDescription {
  start: number[];
  level_seed: number[];
  return: (number | null)[];
  outcome: string;
  cause?: string[];
}

/** One direction of a layer. */
export interface FeatureDescription {
  name: string;
  colour: string | null;
}

/** Pixels of an observation. */
export interface FrameDescription {
  height: number;
  width: number;
}

/** Edits of the agent that the study keeps under a name: entries of a view's list, and each in words. */
export interface KeptEdits {
  name: string;
  note: string;
  edits: Record<string, unknown>[];
  described: string[];
}

/** A layer of the agent; without `features` nothing of it has been computed. */
export interface LayerDescription {
  name: string;
  channels: number;
  height: number;
  width: number;
  features: FeatureDescription[];
  quality: Record<string, number | null>;
  outputs: StoredOutputDescription[];
}

/** One of the trajectories that are compared: `study` counts the view's studies. */
export interface MemberDescription {
  study: number;
  trajectory: number;
}

/** A note of a story; `outputs` has none, one, or one a step, and None stands for what it does not say. */
export interface NoteDescription {
  trajectory: number;
  start: number;
  stop: number;
  text: string;
  layer: string | null;
  outputs: string[];
  feature: number | null;
  mode: "attribution" | "change" | null;
  combine: boolean | null;
}

/** An output that can be shown, or computed when an agent is connected. */
export interface OutputDescription {
  name: string;
  label: string;
}

/** Where two members part: shared steps, null while frames or actions never differ (or have different sizes). */
export interface PairDescription {
  members: number[];
  overlap: number;
  comparable: boolean;
  observation: number | null;
  action: number | null;
}

/** A counterfactual that the study keeps: what was asked, what was done in words, and which requests it answers. */
export interface StoredCounterfactual {
  trajectory: number;
  step: number;
  edits: string;
  actions: string;
  layer: string;
  output: string;
  label: string;
  has: string[];
}

/** What the study keeps of an edited agent at a step; a race has [num_steps, seed], a measurement [levels, seed]. */
export interface StoredEdit {
  trajectory: number;
  step: number;
  edits: string;
  layer: string;
  output: string;
  label: string;
  has: string[];
  race: number[];
  measure: number[];
}

/** An output whose attribution the study holds, wholly (`complete`) or in part. */
export interface StoredOutputDescription {
  name: string;
  complete: boolean;
  tolerance: number | null;
}

/** A story and its notes, in the order in which they are read. */
export interface StoryDescription {
  name: string;
  notes: NoteDescription[];
}

/** All that a view has to know of a study before it asks for arrays. */
export interface StudyDescription {
  schema: number;
  agent: string;
  environment: string;
  action_names: string[];
  has_value: boolean;
  value_scale: number | null;
  observation: FrameDescription;
  chunk: number;
  seed: number | null;
  trajectories: TrajectoryDescription[];
  bookmarks: BookmarkDescription[];
  layers: LayerDescription[];
  outputs: OutputDescription[];
  stories: StoryDescription[];
  endings?: string;
  world?: WorldDescription;
  branches?: BranchesDescription[];
}

/** A member's steps from `start` to `stop` (exclusive) on the shared time: its step is the shared one + `offset`. */
export interface TrackDescription {
  start: number;
  stop: number;
  offset: number;
}

/** One environment's sequence of steps. */
export interface TrajectoryDescription {
  num_steps: number;
  episodes: EpisodesDescription;
}

/** The classes of objects that the study's masks tell apart; none, and a `note` that says why, where it has none. */
export interface WorldDescription {
  classes: string[];
  colours: string[];
  note: string;
}

/** The parameters of requests, besides `study`, which picks one of several. */
export interface Requests {
  add_note: {
    story: string;
    position: number;
    trajectory: number;
    start: number;
    stop: number;
    text: string;
    layer: string;
    output: string;
    feature: number;
    mode: "" | "attribution" | "change";
    combine: number;
  };
  alignment: { members: string; at: string };
  attribution: { trajectory: number; layer: string; output: string; chunk: number };
  branch: {
    trajectory: number;
    step: number;
    edits: string;
    actions: string;
    num_branches: number;
    num_steps: number;
    seed: number;
  };
  branch_frames: { name: string; branch: number };
  bundle: { name: string };
  compute: { trajectory: number; layer: string; output: string; step: number };
  curves: { trajectory: number };
  edit_note: {
    story: string;
    note: number;
    trajectory: number;
    start: number;
    stop: number;
    text: string;
    layer: string;
    output: string;
    feature: number;
    mode: "" | "attribution" | "change";
    combine: number;
  };
  edited: { trajectory: number; step: number; edits: string; layer: string; output: string };
  effects: {
    trajectory: number;
    step: number;
    edits: string;
    actions: string;
    layer: string;
    output: string;
  };
  ending: { trajectory: number; episode: number };
  examples: { layer: string };
  feature: { layer: string; feature: number };
  fork: {
    trajectory: number;
    step: number;
    actions: string;
    num_branches: number;
    num_steps: number;
    seed: number;
    name: string;
  };
  grid: {
    layer: string;
    feature: number;
    origin: "observations" | "rollout";
    density: "1/4" | "1/2" | "1" | "2";
    zoom: number;
  };
  imagine: {
    trajectory: number;
    step: number;
    edits: string;
    actions: string;
    layer: string;
    output: string;
  };
  keep_edits: { name: string; edits: string };
  large: { trajectory: number; step: number; edits: string; actions: string };
  look_at_world: Record<string, never>;
  masks: { trajectory: number; chunk: number };
  measure: { edits: string; levels: number; seed: number };
  new_story: { story: string };
  objects: { trajectory: number; step: number };
  observations: { trajectory: number; chunk: number };
  play_on: {
    trajectory: number;
    step: number;
    edits: string;
    actions: string;
    num_steps: number;
    seed: number;
  };
  preview: { trajectory: number };
  race: { trajectory: number; step: number; edits: string; num_steps: number; seed: number };
  recolour: { layer: string; feature: number; colour: string };
  remove_branches: { name: string };
  remove_note: { story: string; note: number };
  rename: { layer: string; feature: number; name: string };
  sample: { origin: "observations" | "rollout"; number: number };
  strip: { trajectory: number };
  strip_part: { trajectory: number; part: number };
  survey: { layer: string };
  survival: { name: string };
  totals: { trajectory: number; layer: string; output: string };
  trace: {
    trajectory: number;
    step: number;
    layer: string;
    feature: number;
    row: number;
    column: number;
    source_layer: string;
  };
}

/** The synced state of Explorer. */
export interface ExplorerTraits {
  _edited: StoredEdit[];
  _presets: KeptEdits[];
  _study: StudyDescription;
  branch: string;
  branch_member: number;
  can_compute: boolean;
  cell: number[];
  centred: boolean;
  combine: boolean;
  cursor_x: number[];
  direction: number;
  editing: boolean;
  edits: Record<string, unknown>[];
  feature: number | null;
  fps: number;
  history: Record<string, unknown>[][];
  hovered: number | null;
  layer: string;
  look: "standard" | "article";
  loop: boolean;
  mode: "attribution" | "change";
  more_outputs: string[];
  note: number | null;
  num_steps: number;
  num_trajectories: number;
  objects: "off" | "outlines" | "fill";
  opened: number | null;
  output: string;
  overlay: boolean;
  playing: boolean;
  scale: "study" | "trajectory";
  selected_range: number[];
  show_residual: boolean;
  step: number;
  story: string;
  trajectory: number;
  undone: Record<string, unknown>[][];
  view_range: number[];
}

/** The synced state of Compare. */
export interface CompareTraits {
  _choices: AlignmentChoice[];
  _members: MemberDescription[];
  _studies: StudyDescription[];
  align: string;
  combine: boolean;
  direction: number;
  features: (number | null)[];
  fps: number;
  layers: string[];
  loop: boolean;
  members: string[];
  num_steps: number;
  output: string;
  overlay: boolean;
  playing: boolean;
  selected: number;
  show_difference: boolean;
  step: number;
}

/** The synced state of Counterfactual. */
export interface CounterfactualTraits {
  _stored: StoredCounterfactual[];
  _study: StudyDescription;
  actions: number[];
  can_compute: boolean;
  edits: Record<string, unknown>[];
  feature: number | null;
  hovered: number | null;
  layer: string;
  num_branches: number;
  num_steps: number;
  output: string;
  seed: number;
  selected: string;
  step: number;
  trajectory: number;
  undone: Record<string, unknown>[];
}

/** The synced state of Editor. */
export interface EditorTraits {
  _edited: StoredEdit[];
  _presets: KeptEdits[];
  _study: StudyDescription;
  can_compute: boolean;
  edits: Record<string, unknown>[];
  feature: number | null;
  history: Record<string, unknown>[][];
  hovered: number | null;
  layer: string;
  levels: number;
  num_steps: number;
  output: string;
  seed: number;
  step: number;
  trajectory: number;
  undone: Record<string, unknown>[][];
}

/** The synced state of FeatureGrid. */
export interface FeatureGridTraits {
  _study: StudyDescription;
  can_compute: boolean;
  density: "1/4" | "1/2" | "1" | "2";
  feature: number;
  layer: string;
  opaque: boolean;
  origin: "observations" | "rollout";
  step: number;
  trajectory: number;
  zoom: number;
}
