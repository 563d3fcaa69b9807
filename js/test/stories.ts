/** Stories about a synthetic study. */
import type { Note, Story } from "../core/story.ts";
import type { Study } from "../core/study.ts";

type Brief = Pick<Note, "start" | "stop" | "text"> & Partial<Note>;

export const note = (brief: Brief): Note => ({
  trajectory: 0,
  layer: "2b",
  outputs: ["value"],
  feature: null,
  mode: null,
  combine: null,
  ...brief,
});

/** The last steps of the first failed episode, and a note on another trajectory. */
export function syntheticStories({ trajectories }: Pick<Study, "trajectories">): Story[] {
  const failed = trajectories[0]?.episodes.find(({ outcome }) => outcome === "failed");
  const end = failed?.stop ?? trajectories[0]?.num_steps ?? 0;
  const at = (before: number): number => Math.max(0, end - before);
  const notes = [
    note({
      start: at(18),
      stop: at(14),
      text: "The agent runs to the right. [feature 1] raises the value, and a **buzzsaw** comes into sight, half hidden.",
    }),
    note({
      start: at(14),
      stop: at(9),
      feature: 0,
      text: "Now **buzzsaw** alone: its bad news is weak, because the step in front of it hides its teeth.\n\nThe value stays high.",
    }),
    note({
      start: at(9),
      stop: at(3),
      outputs: ["likeliest"],
      text: "It jumps. The attribution is of the likeliest action at each step; **step** and **platform edge** favour the jump.",
    }),
    note({ start: at(3), stop: end, text: "Too late: the value falls when nothing can be done any more." }),
  ];
  const elsewhere = note({
    trajectory: 1,
    start: 5,
    stop: 9,
    text: "The same in another trajectory, for comparison.",
  });
  return [
    { name: "Obscured saw", notes },
    { name: "Two of a kind", notes: trajectories.length > 1 ? [...notes.slice(0, 1), elsewhere] : [] },
  ];
}
