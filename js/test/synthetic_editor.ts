/** A stand-in for the kernel that edits a made-up agent. */
import { isActive, type NetworkEdit, strengthOf } from "../core/editor.ts";
import { softmax } from "../core/numbers.ts";
import type { Params } from "../core/wants.ts";
import { StaticModel, type StoredReply } from "../host/static_model.ts";
import { answer, reply } from "./answers.ts";
import { attributed, expected, frameAt, logitsOf, play, shares, worth } from "./editor_world.ts";
import { flat } from "./flat.ts";
import { packed, syntheticStudy } from "./synthetic.ts";
import { ACTIONS, CELLS, FEATURES, NAMES, SIZE } from "./world.ts";

const floats = (parts: Float32Array[]) => flat((size) => new Float32Array(size), parts);

const listed = ({ edits }: Params): NetworkEdit[] =>
  (JSON.parse(String(edits)) as NetworkEdit[]).filter(isActive);

/** How much is left of each feature for the original and for the edited agent. */
function both(edits: NetworkEdit[]): [number[], number[]] {
  for (const { kind, layer, feature, where } of edits) {
    if (kind === "feature" && (feature ?? 0) >= FEATURES)
      throw new Error(`ValueError: layer 2b has features 0 to ${FEATURES - 1}, got ${feature}`);
    if (layer === "4a" && where !== "layer")
      throw new Error('ValueError: several layers read "4a"; edit the layer itself: where="layer"');
  }
  return [shares([]), shares(edits)];
}

function edited(params: Params): StoredReply {
  const [trajectory, step] = [Number(params.trajectory), Number(params.step)];
  const edits = listed(params);
  const agents = both(edits);
  const totals = agents.map((left) => worth(trajectory, step, left));
  const logits = totals.map(logitsOf);
  const [p = [], q = []] = logits.map((one) => [...softmax(one)]);
  const kl = p.reduce((sum, chance, index) => sum + chance * Math.log(chance / (q[index] ?? 1)), 0);
  const changes = edits.map((edit, index) => ({
    index,
    text:
      edit.kind === "feature"
        ? `${NAMES[edit.feature ?? 0]} of ${edit.layer} × ${strengthOf(edit)}`
        : edit.kind,
    max_change: 0.31 * Math.abs(strengthOf(edit)),
    relative: 0.42 * Math.abs(strengthOf(edit)),
  }));
  const result = {
    computed: true,
    display_scale: 0.2,
    axis: { low: -1.6, high: 1.6 },
    changes,
    kl: Math.max(0, kl),
    places: params.layer === "4a" ? ["layer"] : ["next_kernel", "layer"],
  };
  const maps = agents.map((left) => attributed(trajectory, step, left));
  return reply(result, [
    ["observation", ["height", "width", "rgb"], [SIZE, SIZE, 3], frameAt(trajectory, step)],
    ["value", ["version"], [2], Float32Array.from(totals, expected)],
    ["policy_logits", ["version", "logit"], [2, ACTIONS.length], floats(logits)],
    [
      "attribution",
      ["version", "y", "x", "feature"],
      [2, CELLS, CELLS, FEATURES],
      flat((size) => new Int8Array(size), maps),
    ],
    ["residual", ["version", "y", "x"], [2, CELLS, CELLS], new Int8Array(2 * CELLS * CELLS)],
    ["scale", ["version"], [2], new Float32Array(2).fill(0.002)],
    ["total", ["version", "feature"], [2, FEATURES], floats(totals)],
    ["residual_total", ["version"], [2], Float32Array.from([0.03, 0.02])],
    ["completeness_error", ["version"], [2], Float32Array.from([0.004, -0.006])],
  ]);
}

function race(params: Params): StoredReply {
  const [trajectory, step, steps] = [
    Number(params.trajectory),
    Number(params.step),
    Number(params.num_steps),
  ];
  const films = both(listed(params)).map((left) => play(trajectory, step, left, steps));
  const [one, two] = films.map(({ actions }) => actions);
  const diverged = (one ?? []).findIndex((action, index) => action !== two?.[index]);
  const result = {
    length: films.map(({ length }) => length),
    cause: films.map(({ cause }) => cause),
    completed: films.map(({ cause }) => (cause === null ? null : cause === "coin")),
    total_reward: films.map(({ cause }) => (cause === "coin" ? 10 : 0)),
    diverged,
    apart: diverged < 0 ? -1 : diverged + 1,
  };
  const dims = ["version", "race_step"];
  return reply(result, [
    [
      "observation",
      ["version", "played", "height", "width", "rgb"],
      [2, steps + 1, SIZE, SIZE, 3],
      flat(
        (size) => new Uint8Array(size),
        films.map(({ frames }) => frames),
      ),
    ],
    ["value", dims, [2, steps], Float32Array.from(films.flatMap(({ values }) => values))],
    ["action", dims, [2, steps], Int32Array.from(films.flatMap(({ actions }) => actions))],
    ["reward", dims, [2, steps], Float32Array.from(films.flatMap(({ rewards }) => rewards))],
    [
      "policy_logits",
      [...dims, "logit"],
      [2, steps, ACTIONS.length],
      floats(films.map(({ logits }) => logits)),
    ],
  ]);
}

function measure(params: Params): StoredReply {
  const levels = Number(params.levels);
  const saws = Math.round(0.11 * levels * Math.abs(1 - (both(listed(params))[1][0] ?? 1)));
  const row = (cause: string, original: number, more: number, p: number, holm: number | null) => ({
    cause,
    original,
    edited: original + more,
    rate: [original / levels, (original + more) / levels],
    interval: [original, original + more].map((count) => [
      Math.max(0, (count - 2 * Math.sqrt(count)) / levels),
      (count + 3 * Math.sqrt(count) + 3) / levels,
    ]),
    b: more + 1,
    c: 1,
    p,
    holm,
  });
  const rows = [
    row("failed", 11, saws + 2, 2e-7, null),
    row("saw", 1, saws, 4e-8, 1.2e-7),
    row("enemy moving left", 4, 1, 0.453, 0.906),
    row("timeout", 6, 1, 1, 1),
  ];
  return reply({ levels, seed: params.seed, seconds: 12.4, rows }, []);
}

const ANSWERS: Record<string, (params: Params) => StoredReply> = { edited, race, measure };

/** What the made-up agent answers; undefined for what is not about edits. */
export const answerEditing = (method: string, params: Params): StoredReply | undefined =>
  ANSWERS[method]?.(params);

/** Traits of a view that edits, besides its place. */
export const editingTraits = (): Record<string, unknown> => ({
  edits: [],
  history: [],
  undone: [],
  _edited: [],
  _presets: [
    { name: "blind to saws", note: "the article's", edits: [entry(0)], described: ["buzzsaw removed"] },
    {
      name: "fearless",
      note: "",
      edits: [entry(0), entry(2, { strength: 0.75 })],
      described: ["buzzsaw removed", "enemy moving left by .75"],
    },
  ],
});

export interface EditorWorld {
  offline?: boolean;
}

/** What a page without a kernel knows. */
const KEPT = {
  trajectory: 0,
  step: 40,
  edits: '[{"feature":0,"kind":"feature","layer":"2b","strength":1.0,"where":"next_kernel"}]',
  layer: "2b",
  output: "value",
  label: "buzzsaw removed",
  has: ["edited", "race", "measure"],
  race: [60, 3],
  measure: [128, 5],
};

export const entry = (feature: number, changes: Partial<NetworkEdit> = {}): NetworkEdit => ({
  kind: "feature",
  layer: "2b",
  feature,
  strength: 1,
  where: "next_kernel",
  enabled: true,
  ...changes,
});

export function editorModel(
  changes: Record<string, unknown> = {},
  { offline }: EditorWorld = {},
): StaticModel {
  const study = syntheticStudy();
  const state = {
    trajectory: 0,
    step: 40,
    layer: "2b",
    output: "value",
    ...editingTraits(),
    feature: null,
    hovered: null,
    num_steps: 100,
    seed: -1,
    levels: 256,
    can_compute: !offline,
    _study: packed(study),
    ...(offline && { _offline: true, _edited: [KEPT] }),
  };
  const model: StaticModel = new StaticModel({ ...state, ...changes }, (key) => {
    const brace = key.indexOf("{");
    const [method, params] = [key.slice(0, brace), JSON.parse(key.slice(brace)) as Params];
    if (offline && method in ANSWERS && params.edits !== KEPT.edits) return undefined;
    if (method === "keep_edits") {
      const edits = JSON.parse(String(params.edits)) as NetworkEdit[];
      const kept = { name: String(params.name), note: "", edits, described: [] };
      model.set("_presets", [...(model.get("_presets") as object[]), kept]);
      return reply({}, []);
    }
    return answerEditing(method, params) ?? answer(study, method, params);
  });
  return model;
}
