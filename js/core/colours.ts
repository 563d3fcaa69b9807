/** Feature colours: those of the study, with Okabe and Ito's eight for features that name none. */

export type Rgb = readonly [red: number, green: number, blue: number];

/** Okabe and Ito (2008), with grey for their black, which a dark frame would hide. */
export const PALETTE = [
  "#e69f00",
  "#56b4e9",
  "#009e73",
  "#f0e442",
  "#0072b2",
  "#d55e00",
  "#cc79a7",
  "#999999",
] as const;

export const RESIDUAL: Rgb = [255, 255, 255];

/** Channels of "#rrggbb"; grey for anything else. */
export function parseHex(text: string): Rgb {
  const match = /^#([0-9a-f]{6})$/i.exec(text);
  if (!match?.[1]) return [153, 153, 153];
  const packed = Number.parseInt(match[1], 16);
  return [packed >> 16, (packed >> 8) & 255, packed & 255];
}

/** The colour of feature `index`, as the study says or from the palette. */
export function featureColour(features: readonly { colour: string | null }[], index: number): string {
  return features[index]?.colour ?? PALETTE[index % PALETTE.length] ?? PALETTE[0];
}
