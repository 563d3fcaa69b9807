/** A made-up world for tests and the harness: round things on a scrolling level, and the attribution they earn. */
import { PALETTE, parseHex } from "../core/colours.ts";

export const SIZE = 64;
export const CELLS = 32;
export const ACTIONS = [
  ..."LEFT+DOWN LEFT LEFT+UP DOWN NOOP UP RIGHT+DOWN RIGHT RIGHT+UP D A W S Q E".split(" "),
];
/** Each feature is named for what it sees. */
export const NAMES = [
  "buzzsaw",
  "coin",
  "enemy moving left",
  "agent or enemy moving right",
  "platform edge",
  "step",
  "gap below",
  "crate",
];
export const FEATURES = NAMES.length;
export const CHUNK = 64;

/** Deterministic noise in 0…1. */
export function noise(...seeds: number[]): number {
  let state = 0x9e3779b9;
  for (const seed of seeds) {
    state = Math.imul(state ^ Math.round(seed * 64), 0x85ebca6b);
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
    state ^= state >>> 16;
  }
  return (state >>> 0) / 4294967296;
}

interface Thing {
  feature: number;
  x: number;
  y: number;
  radius: number;
}

/** What is on screen: things on a scrolling level, each with the feature that sees it. */
export function things(trajectory: number, step: number): Thing[] {
  const scroll = step * 1.3;
  const list: Thing[] = [{ feature: 3, x: 29, y: 42 - 7 * Math.abs(Math.sin(step / 7)), radius: 4 }];
  for (let slot = Math.floor((scroll - 16) / 16); slot * 16 - scroll < 80; slot++) {
    const kind = Math.floor(9 * noise(7, trajectory, slot));
    if (kind >= 8) continue;
    const x = slot * 16 - scroll + (kind === 2 ? 5 * Math.sin(step / 9) : 0);
    list.push({
      feature: kind,
      x,
      y: [43, 28, 43, 43, 36, 47, 52, 44][kind] ?? 40,
      radius: kind === 1 ? 3 : 4.5,
    });
  }
  return list;
}

export function ground(trajectory: number, x: number): number {
  const slot = Math.floor(x / 12);
  return 48 + Math.floor(3 * noise(8, trajectory, slot)) * 2;
}

const HUES = [
  [112, 116, 122],
  [250, 208, 54],
  [196, 64, 72],
  [72, 96, 180],
  [150, 110, 70],
  [110, 80, 52],
  [40, 60, 90],
  [176, 128, 72],
];

export function drawFrame(trajectory: number, step: number, out: Uint8Array, offset: number): void {
  const scroll = Math.floor(step * 1.3);
  const put = (x: number, y: number, colour: readonly number[], shade = 1) => {
    const pixel = offset + 3 * (y * SIZE + x);
    for (let channel = 0; channel < 3; channel++)
      out[pixel + channel] = Math.min(255, (colour[channel] ?? 0) * shade);
  };
  for (let x = 0; x < SIZE; x++) {
    const top = ground(trajectory, x + scroll);
    for (let y = 0; y < SIZE; y++)
      if (y < top) put(x, y, [118 + y, 168 + y / 2, 214]);
      else if (y < top + 2) put(x, y, [104, 158, 62]);
      else put(x, y, [122, 88, 58], 1 + 0.1 * noise(x + scroll, y));
  }
  for (const { feature, x: cx, y: cy, radius } of things(trajectory, step))
    for (let y = Math.floor(cy - radius); y <= cy + radius; y++)
      for (let x = Math.max(0, Math.floor(cx - radius)); x <= Math.min(SIZE - 1, cx + radius); x++) {
        const distance = Math.hypot(x - cx, y - cy);
        if (distance <= radius)
          put(x, y, HUES[feature] ?? [], distance > radius - 1 ? 0.6 : 1 + 0.15 * Math.sin(x * 2 + y));
      }
}

export const SIGN = [-1, 1, -0.8, 0.25, 0.3, 0.2, -0.6, -0.15];

/** `numFeatures` may be larger than there are things to see: the others are silent. */
export function attributionAt(
  trajectory: number,
  step: number,
  out: Int8Array | Float32Array,
  offset: number,
  numFeatures = FEATURES,
): void {
  for (const { feature, x, y, radius } of things(trajectory, step))
    for (let row = Math.max(0, Math.floor(y / 2 - radius)); row < Math.min(CELLS, y / 2 + radius); row++)
      for (
        let column = Math.max(0, Math.floor(x / 2 - radius));
        column < Math.min(CELLS, x / 2 + radius);
        column++
      ) {
        const distance = Math.hypot(2 * column + 1 - x, 2 * row + 1 - y) / radius;
        if (distance > 1.6) continue;
        const sign = noise(column, row, step, feature) > 0.86 ? -1 : 1;
        const value = 110 * (SIGN[feature] ?? 0) * Math.exp(-distance * distance) * sign;
        const index = offset + (row * CELLS + column) * numFeatures + (feature % numFeatures);
        out[index] = Math.max(-127, Math.min(127, (out[index] ?? 0) + value));
      }
}

/** 4 × 4 patches of 8 pixels: a coloured disc on a plain ground, fading towards weaker examples. */
export function thumbnails(numFeatures: number): Uint8Array {
  const data = new Uint8Array(numFeatures * 32 * 32 * 4);
  for (let feature = 0; feature < numFeatures; feature++) {
    const rgb = parseHex(PALETTE[feature % PALETTE.length] ?? "#999999");
    for (let y = 0; y < 32; y++)
      for (let x = 0; x < 32; x++) {
        const rank = Math.floor(y / 8) * 4 + Math.floor(x / 8);
        const inside = Math.hypot((x % 8) - 3.5, (y % 8) - 3.5) < 2.6 + noise(feature, rank);
        const at = 4 * ((feature * 32 + y) * 32 + x);
        for (let channel = 0; channel < 3; channel++)
          data[at + channel] = inside ? 40 + 0.7 * (rgb[channel] ?? 0) : 110 + 60 * noise(rank, feature);
        data[at + 3] = 255 - 14 * rank;
      }
  }
  return data;
}
