/** A note's text, with the features that it names in their colours: a dot and a line beneath, never colour alone. */
import { pieces } from "../core/story.ts";
import { layerNamed } from "../core/study.ts";
import type { Scene } from "../host/scene.ts";
import type { Session } from "../host/session.ts";
import { h } from "../views/dom.ts";

/** What of a scene the text depends on. */
type Shown = Pick<Scene, "study" | "article">;

/** As in the legend, the pointer on a feature's name isolates it and a click keeps it. */
export function storyText(
  session: Session,
  text: string,
  { study, article }: Shown,
  layer: string,
): HTMLElement {
  const element = h("div", { class: "rlv-story-text" });
  for (const piece of pieces(text, study.layers, layer)) {
    if (piece.kind === "text") element.append(piece.text);
    else if (piece.kind === "bold") element.append(h("strong", {}, piece.text));
    else {
      const count = layerNamed(study, piece.layer)?.features.length ?? 0;
      const colour = article?.articleColour(piece.feature, count) ?? piece.colour;
      element.append(featureName(session, { ...piece, colour }));
    }
  }
  return element;
}

function featureName(
  session: Session,
  { text, layer, feature, colour }: { text: string; layer: string; feature: number; colour: string },
): HTMLElement {
  const title = "the pointer isolates this feature, a click keeps it";
  const element = h("button", { class: "rlv-story-feature", title }, text);
  element.style.setProperty("--rlv-colour", colour);
  const isShown = () => session.model.get("layer") === layer;
  const hover = (over: boolean) => {
    if (over && isShown()) session.set("hovered", feature);
    else if (!over && session.model.get("hovered") === feature) session.set("hovered", null);
  };
  const over = { pointerenter: true, pointerleave: false, focus: true, blur: false };
  for (const [event, isOver] of Object.entries(over)) element.addEventListener(event, () => hover(isOver));
  element.addEventListener("click", () => {
    if (isShown()) session.set("feature", session.model.get("feature") === feature ? null : feature);
  });
  return element;
}
