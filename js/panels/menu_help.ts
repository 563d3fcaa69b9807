/** What the panels mean, in a few lines. */
import type { LazyPanel } from "../host/lazy.ts";
import { h } from "../views/dom.ts";
import { menu } from "./menu.ts";
import type { Context } from "./panel.ts";

const LINES: [term: string, text: string][] = [
  ["observation", "What the agent saw at this step, pixel by pixel."],
  [
    "raises",
    "Where the picture holds what pushes the output up. For the value that is good news: the agent expects more reward because of it.",
  ],
  ["lowers", "Where it holds what pushes the output down. For the value that is bad news."],
  [
    "features",
    "Colour says which feature of the layer it is; the list beside the panels shows what each looks for. Hover to see one alone, click to keep it.",
  ],
  [
    "the numbers",
    "A feature's bar is its attribution summed over the picture. All bars and the residual add up to the output less its value for a blank layer, up to the completeness error.",
  ],
  ["residual", "What the features leave unexplained. Where it is large, the features miss something."],
  [
    "can I trust it",
    "The completeness error is what the attribution as a whole misses of the output; R² is how much of it the features keep. “High” marks a step that is above 99 % of this study's steps in one of them.",
  ],
  [
    "colour scale",
    "The ramp above each row: how much attribution of one cell is drawn at full strength, and in which unit.",
  ],
  ["what changed", "Under Settings: this step's attribution less the last one's."],
  [
    "rows",
    "“+ row” explains a second output beside the first. The features' bars are of the row last clicked.",
  ],
  ["objects", "Outlined from the game's own state, which the agent never sees: what is where."],
  [
    "edit agent",
    "Takes features out of the network, or makes them stronger: what it expects and does then, here and when it plays on.",
  ],
  ["forks", "What else could have happened from a step on. Click a line to compare it step by step."],
];

const WARNING =
  "Fast playback can flicker. If you are sensitive to flashing light, keep the speed below 3 frames a second or step by hand; a system that asks for reduced motion never starts playback by itself.";

export function help(_: Context): LazyPanel {
  const list = h("dl", {}, ...LINES.flatMap(([term, text]) => [h("dt", {}, term), h("dd", {}, text)]));
  return menu([list, h("p", { class: "rlv-warning" }, h("strong", {}, "Flicker. "), WARNING)]);
}
