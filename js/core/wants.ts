/** What the view needs from Python, most urgent first. */
import { type Study, stored } from "./study.ts";

export type Params = Record<string, number | string>;

export interface Want {
  key: string;
  method: string;
  params: Params;
}

/** Up to this many steps a whole trajectory is fetched ahead of time; beyond, keyframes stand in during sweeps. */
export const PREFETCH_STEPS = 2048;

/** One name for a request, the same in Python: the method and its params as JSON with sorted keys. */
export function requestKey(method: string, params: Params): string {
  const sorted = Object.fromEntries(Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1)));
  return method + JSON.stringify(sorted);
}

/** Steps in a part of a strip; the same in Python. */
export const STRIP_PART = 1024;

export const want = (method: string, params: Params): Want => ({
  key: requestKey(method, params),
  method,
  params,
});

export interface Place {
  trajectory: number;
  step: number;
  layer: string;
  /** One of each row of panels, without repetition. */
  outputs: readonly string[];
  direction: number;
  /** The step before is needed too: at a chunk's first step it is in the chunk before. */
  looksBack?: boolean;
}

/** Chunk numbers around `chunk`: the next two in the playing direction, one behind; all of them, outward, if few. */
export function chunkOrder(chunk: number, count: number, direction: number, all: boolean): number[] {
  const order = [chunk, chunk + direction, chunk + 2 * direction, chunk - direction];
  if (all)
    for (let away = 2; away < count; away++) order.push(chunk + away * direction, chunk - away * direction);
  return [...new Set(order)].filter((index) => index >= 0 && index < count);
}

/** The want-list at `place`. `computing` is the output whose attribution there is on its way, if any. */
export function wanted(study: Study, place: Place, computing: string | null): Want[] {
  const { trajectory, layer } = place;
  const numSteps = study.trajectories[trajectory]?.num_steps ?? 0;
  if (numSteps === 0) return [];
  const outputs = place.outputs.filter(
    (output) => output === computing || stored(study, layer, output) !== "none",
  );
  const current = Math.floor(place.step / study.chunk);
  const count = Math.ceil(numSteps / study.chunk);
  const chunks = chunkOrder(current, count, place.direction < 0 ? -1 : 1, numSteps <= PREFETCH_STEPS);
  const attributionOf = (chunk: number): Want[] =>
    outputs.map((output) => want("attribution", { trajectory, layer, output, chunk }));
  const framesOf = (chunk: number): Want[] => [
    want("observations", { trajectory, chunk }),
    ...attributionOf(chunk),
  ];
  const once = [want("curves", { trajectory })];
  for (const output of outputs) once.push(want("totals", { trajectory, layer, output }));
  if (outputs.length > 0) once.push(want("examples", { layer }));
  once.push(want("strip", { trajectory }));
  if (numSteps > PREFETCH_STEPS) once.push(want("preview", { trajectory }));
  const [now = 0, ...later] = chunks;
  const before = place.looksBack && current > 0 ? attributionOf(current - 1) : [];
  // Without repetition: what stands twice would count twice towards what the store can hold.
  const all = [...framesOf(now), ...before, ...once, ...later.flatMap(framesOf)];
  return [...new Map(all.map((one) => [one.key, one])).values()];
}
