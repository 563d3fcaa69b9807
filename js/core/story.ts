/** Stories: which note a step belongs to, what is shown meanwhile, and feature names in its text. */
import type { NoteDescription, StoryDescription } from "../generated/traits.d.ts";
import { featureColour } from "./colours.ts";
import type { Layer, Study } from "./study.ts";

export type Story = StoryDescription;
export type Note = NoteDescription;

/** A stretch of a note's text: plain, bold, or the name of a feature. */
export type Piece =
  | { kind: "text"; text: string }
  | { kind: "bold"; text: string }
  | { kind: "feature"; text: string; layer: string; feature: number; colour: string };

/** Half-open, as in Python. */
export interface Steps {
  start: number;
  stop: number;
}

// As in `rlvision_widgets/notes.py`.
const REFERENCE = /^\[feature (\d+)(?: of ([^\]\n]+))?\]$/;
const MARKS = /(\*\*(?=\S)[^*\n]+(?<=\S)\*\*|\[feature \d+(?: of [^\]\n]+)?\])/;

export const storyNamed = (study: Study, name: string): Story | undefined =>
  study.stories.find((story) => story.name === name);

const contains = (note: Note, trajectory: number, step: number): boolean =>
  note.trajectory === trajectory && step >= note.start && step < note.stop;

/** The note that is about a step: `current` while it is, else the first; null where nothing is said. */
export function noteAt(
  story: Story,
  trajectory: number,
  step: number,
  current: number | null = null,
): number | null {
  const shown = current === null ? undefined : story.notes[current];
  if (shown && contains(shown, trajectory, step)) return current;
  const found = story.notes.findIndex((note) => contains(note, trajectory, step));
  return found < 0 ? null : found;
}

/** The note before (-1) or after (1) the one shown, or the nearest in that direction where none is; null at an end. */
export function nextNote(
  story: Story,
  trajectory: number,
  step: number,
  current: number | null,
  direction: 1 | -1,
): number | null {
  const { notes } = story;
  if (current !== null) return current + direction in notes ? current + direction : null;
  const here = notes.flatMap((note, index) => (note.trajectory === trajectory ? [index] : []));
  const found =
    direction > 0
      ? here.find((index) => (notes[index]?.start ?? 0) > step)
      : here.findLast((index) => (notes[index]?.stop ?? 0) <= step);
  if (found !== undefined) return found;
  if (here.length === 0) return direction > 0 && notes.length > 0 ? 0 : null;
  const beyond = direction > 0 ? (here.at(-1) ?? 0) + 1 : (here[0] ?? 0) - 1;
  return beyond in notes ? beyond : null;
}

/** From the first step of the story's notes on a trajectory to the last one's end; null without any. */
export function storySpan(story: Story, trajectory: number): Steps | null {
  const notes = story.notes.filter((note) => note.trajectory === trajectory);
  if (notes.length === 0) return null;
  return {
    start: Math.min(...notes.map(({ start }) => start)),
    stop: Math.max(...notes.map(({ stop }) => stop)),
  };
}

/** The output that a note shows at a step; `taken` and `likeliest` become that step's action. Null: as it is. */
export function outputAt(
  note: Note,
  step: number,
  logits: ArrayLike<number> | null,
  taken: number | undefined,
  actions: readonly string[],
): string | null {
  const wanted = note.outputs.length > 1 ? note.outputs[step - note.start] : note.outputs[0];
  if (wanted === undefined) return null;
  const colon = wanted.indexOf(":");
  const names = wanted.slice(colon + 1).split(",");
  const automatic = names.filter((name) => !actions.includes(name) && isAutomatic(name));
  if (automatic.length === 0) return wanted;
  const resolved: string[] = [];
  for (const name of names) {
    if (!automatic.includes(name)) resolved.push(name);
    else {
      const action = actions[(name === "taken" ? taken : likeliest(logits)) ?? -1];
      if (action === undefined) return null;
      resolved.push(action);
    }
  }
  // The difference of an action and itself is none.
  return new Set(resolved).size < resolved.length ? null : wanted.slice(0, colon + 1) + resolved.join(",");
}

const isAutomatic = (name: string): boolean => name === "likeliest" || name === "taken";

function likeliest(logits: ArrayLike<number> | null): number | undefined {
  if (!logits || logits.length === 0) return undefined;
  let best = 0;
  for (let index = 1; index < logits.length; index++)
    if ((logits[index] ?? 0) > (logits[best] ?? 0)) best = index;
  return best;
}

/**
 * The text in pieces. `**name**` is bold, and a feature where it is the name of one of `layer`; `[feature 3]` is
 * feature 3 of that layer by its present name, `[feature 3 of 2a]` of another. What refers to nothing stays as it is.
 */
export function pieces(text: string, layers: readonly Layer[], layer: string): Piece[] {
  return text
    .split(MARKS) // what is marked stands at odd places
    .map((part, index) => (index % 2 === 1 ? marked(part, layers, layer) : plain(part, false)))
    .filter((piece) => piece.text !== "");
}

function marked(part: string, layers: readonly Layer[], layer: string): Piece {
  const bold = part.startsWith("**");
  const text = bold ? part.slice(2, -2) : part;
  const reference = REFERENCE.exec(text);
  if (reference)
    return featurePiece(layers, reference[2] ?? layer, Number(reference[1])) ?? plain(text, bold);
  const name = text.trim().toLowerCase();
  const features = layers.find((one) => one.name === layer)?.features ?? [];
  const index = features.findIndex((feature) => feature.name.toLowerCase() === name);
  return featurePiece(layers, layer, index, text) ?? plain(text, true);
}

const plain = (text: string, bold: boolean): Piece => ({ kind: bold ? "bold" : "text", text });

function featurePiece(layers: readonly Layer[], name: string, index: number, text?: string): Piece | null {
  const features = layers.find((one) => one.name === name)?.features ?? [];
  const feature = features[index];
  if (!feature) return null;
  return {
    kind: "feature",
    text: text ?? feature.name,
    layer: name,
    feature: index,
    colour: featureColour(features, index),
  };
}

/** The text as it is read out, without marks. */
export const spoken = (text: string, layers: readonly Layer[], layer: string): string =>
  pieces(text, layers, layer)
    .map((part) => part.text)
    .join("");

/** "step 4" or "steps 4–9": the last one is included, as people count. */
export const stepsText = ({ start, stop }: Steps): string =>
  stop - start === 1 ? `step ${start}` : `steps ${start}–${stop - 1}`;

/** How long a text takes to read, at two hundred words a minute. */
export const readingMs = (text: string): number => 300 * text.split(/\s+/).filter(Boolean).length;
