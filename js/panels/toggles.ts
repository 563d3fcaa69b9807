/** Three switches of the attribution panels. */
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

export function toggles({ session, signal }: Context): Panel {
  const buttons = SWITCHES.map(({ trait, text, title }) => {
    const button = h("button", { class: "rlv-toggle", title }, text);
    button.addEventListener("click", () => session.set(trait, !session.model.get(trait)), { signal });
    return { trait, button };
  });
  return {
    element: h(
      "div",
      { class: "rlv-toggles", role: "group", "aria-label": "Drawing" },
      ...buttons.map(({ button }) => button),
    ),
    draw() {
      for (const { trait, button } of buttons)
        setAttribute(button, "aria-pressed", String(Boolean(session.model.get(trait))));
    },
  };
}
