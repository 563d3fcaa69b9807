/** Switches of what is drawn in the panels. */
import { h, setAttribute } from "../views/dom.ts";
import type { Context, Panel } from "./panel.ts";

const SWITCHES = [
  {
    trait: "overlay",
    text: "overlay",
    title: "Draw the attribution over the dimmed observation, or on black",
  },
  { trait: "combine", text: "combine", title: "One panel for what raises and what lowers the output" },
  {
    trait: "show_residual",
    text: "residual",
    title: "Also draw, in white, what the features leave unexplained",
  },
] as const;

const OBJECTS = ["off", "outlines", "fill"] as const;

/** What the key goes on to: nothing, outlines, filled outlines. */
export const nextOf = (shown: (typeof OBJECTS)[number]) =>
  OBJECTS[(OBJECTS.indexOf(shown) + 1) % OBJECTS.length] ?? "off";

export function toggles({ session, signal }: Context): Panel {
  const buttons = SWITCHES.map(({ trait, text, title }) => {
    const button = h("button", { class: "rlv-toggle", title }, text);
    button.addEventListener("click", () => session.set(trait, !session.model.get(trait)), { signal });
    return { trait, button };
  });
  const objects = h(
    "button",
    { class: "rlv-toggle", title: "Outline the objects in the observation, from the game's own state (m)" },
    "objects",
  );
  const edit = h(
    "button",
    { class: "rlv-toggle", title: "Switch features of the network off or up, and see what changes (t)" },
    "edit agent",
  );
  edit.addEventListener("click", () => session.set("editing", !session.model.get("editing")), { signal });
  const shown = () => (session.model.get("objects") ?? "off") !== "off";
  objects.addEventListener("click", () => session.set("objects", shown() ? "off" : "outlines"), { signal });
  return {
    element: h(
      "div",
      { class: "rlv-toggles", role: "group", "aria-label": "Drawing" },
      ...buttons.map(({ button }) => button),
      objects,
      edit,
    ),
    draw() {
      setAttribute(objects, "aria-pressed", String(shown()));
      setAttribute(edit, "aria-pressed", String(Boolean(session.model.get("editing"))));
      for (const { trait, button } of buttons)
        setAttribute(button, "aria-pressed", String(Boolean(session.model.get(trait))));
    },
  };
}
