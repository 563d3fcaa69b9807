/** The list of edits of an agent: what can be done to it, how it is asked for, and the way back. */
import { clamp, layerNamed, type Study } from "./study.ts";

/** Where a direction is projected out: of the kernel that reads the layer, or of the layer's own activations. */
export type Where = "next_kernel" | "layer";

/**
 * One entry of the list, as the trait `edits` has it: a feature of the study, an edit that the study keeps under a name
 * (kind "stored"), or a whole edit as Python's `network_edits_to_json` writes it.
 */
export interface NetworkEdit {
  kind: string;
  /** Absent means on. */
  enabled?: boolean;
  /** Absent means 1: 0 is no edit at all, negative ones amplify. */
  strength?: number;
  layer?: string;
  feature?: number;
  where?: Where;
  name?: string;
  [field: string]: unknown;
}

export type Edits = readonly NetworkEdit[];

export const WEAKEST = -2;
export const STRONGEST = 2;
/** Strengths that a slider sticks to. */
const NOTCHES = [0, 1];
const STICKY = 0.08;

/** A slider's value as a strength: to hundredths, and drawn to the notches. */
export function snapped(value: number): number {
  const inside = clamp(value, WEAKEST, STRONGEST);
  const notch = NOTCHES.find((one) => Math.abs(inside - one) <= STICKY);
  return notch ?? Math.round(100 * inside) / 100;
}

export const isOn = ({ enabled }: NetworkEdit): boolean => enabled !== false;
export const strengthOf = ({ strength }: NetworkEdit): number => strength ?? 1;

/** Whether an entry does anything. */
export const isActive = (edit: NetworkEdit): boolean => isOn(edit) && strengthOf(edit) !== 0;

/** Number of the entry about a feature, or -1. */
export const indexOfFeature = (edits: Edits, layer: string, feature: number): number =>
  edits.findIndex((edit) => edit.kind === "feature" && edit.layer === layer && edit.feature === feature);

/** The entry about a feature, if there is one. */
export const entryOfFeature = (edits: Edits, layer: string, feature: number): NetworkEdit | undefined =>
  edits[indexOfFeature(edits, layer, feature)];

/** The list with one entry changed. */
export const withEntry = (edits: Edits, index: number, change: Partial<NetworkEdit>): NetworkEdit[] =>
  edits.map((edit, other) => (other === index ? { ...edit, ...change } : edit));

/**
 * The list with a feature's entry changed; one is added, enabled and of strength 1 if not said otherwise, in the place
 * where the layer's other features are edited, or else in the usual one: of a residual layer only one is possible.
 */
export function withFeature(
  edits: Edits,
  layer: string,
  feature: number,
  change: { strength?: number; enabled?: boolean; where?: Where } = {},
  usual: Where = "next_kernel",
): NetworkEdit[] {
  const index = indexOfFeature(edits, layer, feature);
  if (index >= 0) return withEntry(edits, index, change);
  const like = edits.findLast((edit) => edit.kind === "feature" && edit.layer === layer);
  const where = like?.where ?? usual;
  const added = { kind: "feature", layer, feature, strength: 1, where, enabled: true } as const;
  return [...edits, { ...added, ...change }];
}

/** Switches a feature: a new entry at strength 1, or its entry on or off. One of strength 0 comes back with 1. */
export function toggledFeature(edits: Edits, layer: string, feature: number, usual?: Where): NetworkEdit[] {
  const entry = entryOfFeature(edits, layer, feature);
  if (!entry || !isActive(entry)) {
    const strength = entry && strengthOf(entry) !== 0 ? strengthOf(entry) : 1;
    return withFeature(edits, layer, feature, { enabled: true, strength }, usual);
  }
  return withFeature(edits, layer, feature, { enabled: false });
}

export const withoutEntry = (edits: Edits, index: number): NetworkEdit[] =>
  edits.filter((_, other) => other !== index);

/** The list with entry `from` taken out and put in so that it is number `to`. */
export function movedEntry(edits: Edits, from: number, to: number): NetworkEdit[] {
  const list = [...edits];
  const [edit] = list.splice(from, 1);
  if (edit) list.splice(clamp(to, 0, list.length), 0, edit);
  return list;
}

/** Entries that do something, without what only a list knows of them, their fields in order. */
const essence = (edits: Edits): object[] =>
  edits.filter(isActive).map(({ enabled: _, ...edit }) => {
    const fields = Object.entries({ ...edit, strength: strengthOf(edit) });
    return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
  });

/** One text for all lists that make the same agent: as requests carry it. */
export const textOfEdits = (edits: Edits): string => JSON.stringify(essence(edits));

/** As `textOfEdits`, but what the study keeps an answer to is asked for in its own words: a page finds it by them. */
export function askedAs(edits: Edits, kept: readonly { edits: string }[]): string {
  const text = textOfEdits(edits);
  return kept.find((one) => textOfEdits(JSON.parse(one.edits) as NetworkEdit[]) === text)?.edits ?? text;
}

/** A list with those that were there before it and those that undoing left, newest last. */
export interface Past {
  edits: Edits;
  history: readonly Edits[];
  undone: readonly Edits[];
}

const LONGEST = 64;

/** Leaves the list for another one; null where it is the same. What was undone is forgotten. */
export function changed({ edits, history }: Past, next: Edits): Past | null {
  if (JSON.stringify(edits) === JSON.stringify(next)) return null;
  return { edits: next, history: [...history, edits].slice(-LONGEST), undone: [] };
}

/** Undoes, or (1) does again; null where there is nothing. */
export function travelled({ edits, history, undone }: Past, direction: -1 | 1): Past | null {
  const target = (direction < 0 ? history : undone).at(-1);
  if (!target) return null;
  return direction < 0
    ? { edits: target, history: history.slice(0, -1), undone: [...undone, edits] }
    : { edits: target, history: [...history, edits], undone: undone.slice(0, -1) };
}

const KINDS: Record<string, string> = {
  ablate: "direction",
  ablate_channels: "channels",
  steer: "steering",
  erase: "concept",
};

/** What an entry is about, as it is listed: a feature by its name. */
export function nameOf(edit: NetworkEdit, study: Study): string {
  if (edit.kind === "feature") {
    const feature = edit.feature ?? 0;
    return layerNamed(study, edit.layer ?? "")?.features[feature]?.name ?? `feature ${feature}`;
  }
  if (edit.kind === "stored") return edit.name ?? "stored";
  if (edit.kind === "erase" && typeof edit.concept === "string") return edit.concept;
  if (edit.kind === "ablate_channels" && Array.isArray(edit.channels))
    return `channels ${edit.channels.slice(0, 4).join(", ")}${edit.channels.length > 4 ? ", …" : ""}`;
  return KINDS[edit.kind] ?? edit.kind.replaceAll("_", " ");
}

/** Whether an entry can be told where its direction is projected out. */
export const hasWhere = ({ kind }: NetworkEdit): boolean => kind === "feature" || kind === "ablate";
