/** How an episode ended, in words: what did it, and what taking its last step again has proven. */

/** What Python answers to the request `ending`; where `found` is false, nothing else. */
export interface Ending {
  found: boolean;
  at_step: number;
  cause: string;
  objects: Culprit[];
  sufficient: boolean;
  necessary: boolean;
}

/** Its class and centre (in cells) are known where the study holds masks. */
export interface Culprit {
  key: string;
  object_class?: string;
  x?: number;
  y?: number;
}

/** "saw at 12.5, 3.5 (entity 5)", or its key alone. */
export const culpritInWords = ({ key, object_class, x, y }: Culprit): string =>
  object_class === undefined || x === undefined || y === undefined
    ? key
    : `${object_class.replaceAll("_", " ")} at ${x.toFixed(1)}, ${y.toFixed(1)} (${key})`;

/** All of them; what is no thing, as the clock, has none. */
export const culpritsInWords = (objects: readonly Culprit[]): string =>
  objects.map(culpritInWords).join("; ") || "no object";

const UNPROVEN = "not proven by replay";

export const necessityInWords = ({ necessary }: Pick<Ending, "necessary">): string =>
  necessary ? "yes: with the cause out of force, the same step does not end the episode" : UNPROVEN;

export const sufficiencyInWords = ({ sufficient }: Pick<Ending, "sufficient">): string =>
  sufficient ? "yes: with nothing else in force, the same step ends it as well" : UNPROVEN;
