/** What Python would answer about layers before the one shown: whatever is near the cell makes the feature. */
import { PALETTE } from "../core/colours.ts";
import type { Study } from "../core/study.ts";
import type { Params } from "../core/wants.ts";
import type { StoredReply } from "../host/static_model.ts";
import { reply } from "./answers.ts";
import { attributionAt, CELLS, FEATURES, NAMES } from "./world.ts";

const MADE_OF = ["edge", "round outline", "dark patch", "yellow", "upright line", "shadow", "sky", "ground"];

/** Traces a feature of `layer` at a cell to `source_layer`, whose features are fitted if it has none. */
export function trace(study: Study, params: Params): StoredReply {
  const layer = study.layers.find(({ name }) => name === params.source_layer);
  if (!layer) throw new Error(`unknown source layer ${params.source_layer}`);
  if (layer.features.length === 0)
    layer.features = NAMES.map((_, k) => ({ name: MADE_OF[k] ?? "", colour: PALETTE[(3 * k) % 8] ?? null }));
  const size = CELLS * CELLS * FEATURES;
  const raw = new Float32Array(size);
  attributionAt(Number(params.trajectory), Number(params.step), raw, 0);
  const [row, column] = [Number(params.row), Number(params.column)];
  const scale = CELLS / (study.layers.find(({ name }) => name === params.layer)?.height ?? CELLS);
  const totals = new Array<number>(FEATURES).fill(0);
  const traced = raw.map((value, index) => {
    const cell = Math.floor(index / FEATURES);
    const away = Math.hypot(Math.floor(cell / CELLS) - row * scale, (cell % CELLS) - column * scale);
    const share = away < 7 ? (value / 400) * Math.exp(-away / 5) : 0;
    totals[index % FEATURES] = (totals[index % FEATURES] ?? 0) + share;
    return share;
  });
  const sum = totals.reduce((a, b) => a + b, 0);
  const result = {
    totals,
    residual_total: 0.02 * sum,
    completeness_error: 0.004,
    baseline: 0.1,
    activation: 0.104 + 1.02 * sum,
  };
  return reply(result, [
    ["traced", ["y", "x", "feature"], [CELLS, CELLS, FEATURES], traced],
    ["traced_residual", ["y", "x"], [CELLS, CELLS], new Float32Array(CELLS * CELLS)],
  ]);
}
