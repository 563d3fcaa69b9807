/** What Python would answer about the features of a synthetic study: grids of patches, and numbers. */
import { type Density, type Origin, ZOOMS } from "../core/grid.ts";
import type { Study } from "../core/study.ts";
import type { Params } from "../core/wants.ts";
import type { StoredReply } from "../host/static_model.ts";
import { reply } from "./answers.ts";
import { CELLS, drawFrame, noise, SIZE, things } from "./world.ts";

export const NUM_OBSERVATIONS = 300;
export const SIDES: Record<Density, number> = { "1/4": 7, "1/2": 16, "1": 32, "2": 65 };
const PIXELS = SIZE / CELLS;
const TRIED = 24;
const BANDS = 4;
const RANKS = 8;

/** Trajectory and step that frame `number` of an origin is drawn from. */
function drawnFrom(study: Study, origin: Origin, number: number): [trajectory: number, step: number] {
  if (origin === "observations") return [9 + number, Math.floor(400 * noise(21, number))];
  const numSteps = study.trajectories[0]?.num_steps ?? 1;
  return [Math.floor(number / numSteps), number % numSteps];
}

function frameOf(study: Study, origin: Origin, number: number): Uint8Array {
  const data = new Uint8Array(SIZE * SIZE * 3);
  drawFrame(...drawnFrom(study, origin, number), data, 0);
  return data;
}

/** How much feature `feature` sees at a place, in cells. */
function strengthAt(
  study: Study,
  origin: Origin,
  number: number,
  feature: number,
  y: number,
  x: number,
): number {
  return things(...drawnFrom(study, origin, number))
    .filter((thing) => thing.feature === feature)
    .reduce((sum, thing) => sum + Math.exp(-(((thing.x / 2 - x) ** 2 + (thing.y / 2 - y) ** 2) / 4)), 0);
}

function cut(frame: Uint8Array, y: number, x: number, zoom: number, out: Uint8Array, offset: number): void {
  const side = zoom * PIXELS;
  const [top, left] = [y, x].map((place) => Math.floor((place + 0.5) * PIXELS - side / 2 + 0.5)) as [
    number,
    number,
  ];
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      const [py, px] = [top + row, left + column];
      const inside = py >= 0 && py < SIZE && px >= 0 && px < SIZE;
      for (let colour = 0; colour < 3; colour++)
        out[offset + 3 * (row * side + column) + colour] = inside
          ? (frame[3 * (py * SIZE + px) + colour] ?? 0)
          : (py + px) % 2 === 0
            ? 191
            : 255;
    }
}

function grid(study: Study, { feature, origin, density, zoom }: Params): StoredReply {
  const side = SIDES[density as Density];
  const from = origin as Origin;
  const count =
    from === "observations"
      ? NUM_OBSERVATIONS
      : study.trajectories.length * (study.trajectories[0]?.num_steps ?? 0);
  const places = Float32Array.from(
    { length: side },
    (_, index) => -1 + ((CELLS + 1) * (index + 1)) / (side + 1),
  );
  const [found, strength] = [new Int32Array(side * side), new Float32Array(side * side)];
  const pixels = (Number(zoom) * PIXELS) ** 2 * 3;
  const patch = new Uint8Array(side * side * pixels);
  for (let index = 0; index < side * side; index++) {
    const [y, x] = [places[Math.floor(index / side)] ?? 0, places[index % side] ?? 0];
    strength[index] = -1;
    for (let trial = 0; trial < TRIED; trial++) {
      const number = Math.floor(count * noise(22, index, trial, Number(feature)));
      const seen = strengthAt(study, from, number, Number(feature), y, x);
      if (seen > (strength[index] ?? 0)) [strength[index], found[index]] = [seen, number];
    }
    cut(frameOf(study, from, found[index] ?? 0), y, x, Number(zoom), patch, index * pixels);
  }
  const strongest = strength.toSorted()[Math.floor(0.9 * strength.length)] || 1;
  const opacity = Uint8Array.from(strength, (one) =>
    one > 1e-3 ? Math.min(255, 15 + (240 * one) / strongest) : 0,
  );
  const patchSide = Number(zoom) * PIXELS;
  return reply(
    {
      computed: true,
      zoom,
      patch_height: patchSide,
      patch_width: patchSide,
      shrunk: 1,
      num_observations: count,
      most_uses: 3,
    },
    [
      [
        "patch",
        ["grid_y", "grid_x", "patch_height", "patch_width", "rgb"],
        [side, side, patchSide, patchSide, 3],
        patch,
      ],
      ["opacity", ["grid_y", "grid_x"], [side, side], opacity],
      ["strength", ["grid_y", "grid_x"], [side, side], strength],
      ["found_in", ["grid_y", "grid_x"], [side, side], found],
      ["row", ["grid_y"], [side], places],
      ["column", ["grid_x"], [side], places.slice()],
    ],
  );
}

function numbers(study: Study, feature: number): StoredReply {
  const side = 4 * PIXELS;
  const patch = new Uint8Array(BANDS * RANKS * side * side * 3);
  const strength = new Float32Array(BANDS * RANKS);
  for (let index = 0; index < BANDS * RANKS; index++) {
    const band = Math.floor(index / RANKS);
    strength[index] = [1.3, 0.9, 0.4, 0.05][band] ?? 0;
    const number = Math.floor(NUM_OBSERVATIONS * noise(23, index, feature));
    const seen = things(...drawnFrom(study, "observations", number)).find(
      (thing) => thing.feature === feature,
    );
    const away = band * 2;
    cut(
      frameOf(study, "observations", number),
      (seen?.y ?? 30) / 2 + away,
      (seen?.x ?? 30) / 2 + away,
      4,
      patch,
      index * side * side * 3,
    );
  }
  const histogram = Int32Array.from({ length: 64 }, (_, bin) =>
    bin < 45 ? Math.floor(9e4 * Math.exp(-bin / 4)) : 0,
  );
  const direction = Float32Array.from({ length: 32 }, (_, channel) =>
    channel === 3 * feature ? 0.97 : 0.05 * noise(24, channel, feature),
  );
  return reply(
    {
      surveyed: true,
      one_hot: 0.94,
      effective_channels: 1.13,
      stability: feature === 1 ? null : 0.91,
      shares: [
        { output: "value", raised: 0.21, lowered: 0.04, num_steps: 4096 },
        { output: "RIGHT", raised: 0.07, lowered: 0.002, num_steps: 4096 },
      ],
      num_observations: NUM_OBSERVATIONS,
      bin_width: 0.03125,
      inactive: 150_000,
      band_from: [1.2, 0.8, 0.3, 0.03],
      band_to: [1.4, 1.2, 0.8, 0.06],
      half_mass_radius: 5.4,
      num_gradients: 16,
      receptive_height: 24,
      receptive_width: 24,
      receptive_cut: false,
    },
    [
      ["direction", ["channel"], [32], direction],
      ["histogram", ["bin"], [64], histogram],
      ["band_strength", ["band", "rank"], [BANDS, RANKS], strength],
      ["band_found_in", ["band", "rank"], [BANDS, RANKS], new Int32Array(BANDS * RANKS)],
      [
        "band_patch",
        ["band", "rank", "patch_height", "patch_width", "rgb"],
        [BANDS, RANKS, side, side, 3],
        patch,
      ],
    ],
  );
}

/** Answers the requests of a feature grid; undefined for others, and for what is not there. */
export function answerGrid(study: Study, method: string, params: Params): StoredReply | undefined {
  const layer = study.layers.find(({ name }) => name === params.layer);
  const isThere = Number(params.feature) < (layer?.features.length ?? 0);
  if (method === "sample")
    return reply({}, [
      [
        "frame",
        ["height", "width", "rgb"],
        [SIZE, SIZE, 3],
        frameOf(study, params.origin as Origin, Number(params.number)),
      ],
    ]);
  if (method === "grid" && isThere && ZOOMS.some((zoom) => zoom === params.zoom))
    return layer?.name === "2b" ? grid(study, params) : reply({ computed: false }, []);
  if (method === "feature" && isThere) return numbers(study, Number(params.feature));
  return undefined;
}
