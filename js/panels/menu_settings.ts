/** How attribution is drawn. */
import type { LazyPanel } from "../host/lazy.ts";
import type { ExplorerTraits } from "../host/model.ts";
import { h } from "../views/dom.ts";
import { copyState } from "./copy_state.ts";
import { choices, menu } from "./menu.ts";
import type { Context } from "./panel.ts";

const CHOICES = [
  {
    trait: "mode",
    legend: "Panels show",
    list: [
      { value: "attribution", text: "this step", note: "what raises and lowers the output now" },
      { value: "change", text: "what changed", note: "this step's attribution less the last step's" },
    ],
  },
  {
    trait: "scale",
    legend: "Colour scale",
    list: [
      { value: "study", text: "the study's", note: "one for all trajectories: colours can be compared" },
      {
        value: "trajectory",
        text: "the trajectory's",
        note: "the article's rule: weak trajectories show more",
      },
    ],
  },
  {
    trait: "look",
    legend: "Look",
    list: [
      { value: "standard", text: "standard", note: "exact cells, colours for every kind of colour vision" },
      {
        value: "article",
        text: "article",
        note: "its hues and smoothing; reds and greens, not for everyone",
      },
    ],
  },
  {
    trait: "objects",
    legend: "Objects in the observation",
    list: [
      { value: "off", text: "not marked", note: "the frame as the agent saw it" },
      { value: "outlines", text: "outlined", note: "a colour for each class, from the game's own state" },
      { value: "fill", text: "filled", note: "outlined, and tinted inside" },
    ],
  },
] as const;

const SWITCHES = [
  { trait: "overlay", text: "overlay", note: "over the observation, or on black" },
  { trait: "combine", text: "combine", note: "both signs in one panel; what lowers is hatched" },
  { trait: "show_residual", text: "residual", note: "also what no feature explains, in white" },
] as const;

export function settings({ session }: Context): LazyPanel {
  const groups = CHOICES.map(({ trait, legend, list }) => ({
    trait,
    group: choices(legend, list, (value) => session.set(trait, value as ExplorerTraits[typeof trait])),
  }));
  const boxes = SWITCHES.map(({ trait, text, note }) => {
    const box = h("input", { type: "checkbox" });
    box.addEventListener("change", () => session.set(trait, box.checked));
    return {
      trait,
      box,
      label: h("label", {}, box, h("span", {}, text, h("span", { class: "rlv-hint" }, note))),
    };
  });
  const drawing = h(
    "fieldset",
    { class: "rlv-choice" },
    h("legend", {}, "Drawing"),
    ...boxes.map(({ label }) => label),
  );
  const copy = copyState({ session });
  return menu([...groups.map(({ group }) => group.element), drawing, copy.element], (scene) => {
    copy.draw(scene);
    for (const { trait, group } of groups) group.show(session.model.get(trait));
    for (const { trait, box } of boxes) box.checked = Boolean(session.model.get(trait));
  });
}
