/** One moment of a comparison, gathered for drawing. */
import { overlap, type Phase, sharedStep, type Track } from "../core/align.ts";
import type {
  AlignmentChoice,
  AlignmentDescription,
  OutputDescription,
  PairDescription,
} from "../generated/traits.d.ts";
import type { Notice, Scene } from "./scene.ts";

export interface MemberScene {
  index: number;
  /** A, B, …: short, for curves and numbers. */
  letter: string;
  label: string;
  /** The member's own moment; its last or first one where it has no step. Null until Python has described a study. */
  scene: Scene | null;
  track: Track | null;
  /** Whether it has a step here; "absent" when it lacks what the others are aligned at. */
  phase: Phase | "absent";
  /** Its own step, null where it has none. */
  step: number | null;
}

export interface CompareScene {
  members: MemberScene[];
  /** Of the shared time. */
  step: number;
  numSteps: number;
  /** Null while Python has not answered how members are aligned. */
  aligned: AlignmentDescription | null;
  choices: readonly AlignmentChoice[];
  /** The member that the others are compared with. */
  selected: number;
  output: string;
  outputs: readonly OutputDescription[];
  playing: boolean;
  direction: number;
  fps: number;
  loop: boolean;
  overlay: boolean;
  combine: boolean;
  showDifference: boolean;
  notice: Notice | null;
  stale: boolean;
}

/** Every output that one of the studies offers, once. */
export function outputsOffered(studies: readonly { outputs: OutputDescription[] }[]): OutputDescription[] {
  const offered = new Map<string, OutputDescription>();
  for (const { outputs } of studies)
    for (const output of outputs) if (!offered.has(output.name)) offered.set(output.name, output);
  return [...offered.values()];
}

/** Where two members part, whichever comes first; undefined while that is not known. */
export const pairOf = ({ aligned }: CompareScene, a: number, b: number): PairDescription | undefined =>
  aligned?.pairs.find(({ members }) => members.includes(a) && members.includes(b));

/** The first shared step that both members have. */
export function startOf({ members }: CompareScene, a: number, b: number): number {
  const [first, second] = [members[a]?.track, members[b]?.track];
  return first && second ? overlap(first, second).start : 0;
}

/** The members that the selected one is compared with. */
export const othersOf = ({ members, selected }: CompareScene): MemberScene[] =>
  members.filter(({ index }) => index !== selected);

/** The shared steps worth jumping to, in order. */
export function landmarks(compared: CompareScene): number[] {
  const steps = new Set<number>();
  for (const { scene, track } of compared.members) {
    if (!scene || !track) continue;
    for (const { start, stop } of scene.episodes)
      for (const step of [start, stop - 1])
        if (step >= track.start && step < track.stop) steps.add(sharedStep(track, step));
  }
  for (const { observation, action } of compared.aligned?.pairs ?? [])
    for (const step of [observation, action]) if (step !== null) steps.add(step);
  return [...steps].sort((a, b) => a - b);
}

/** Whether steps count from an event within, before which there are others. */
export const hasEvent = ({ aligned }: CompareScene): boolean => (aligned?.zero ?? 0) > 0;

/** How the shared step is called: counted from the event that members are aligned at, where there is one. */
export function stepName(compared: CompareScene, at = compared.step): string {
  if (!hasEvent(compared)) return String(at);
  const away = at - (compared.aligned?.zero ?? 0);
  return away === 0 ? "0" : away > 0 ? `+${away}` : `−${-away}`;
}
