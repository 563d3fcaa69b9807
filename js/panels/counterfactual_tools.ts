/** What can be done: to the selected object, to the world as a whole, and what can be put in. */
import { EDITS, type Edit } from "../core/counterfactual.ts";
import { called, words } from "../core/counterfactual_sight.ts";
import type { PaletteItem } from "../host/counterfactual_reply.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import { popover } from "../views/popover.ts";
import { acts, VERBS } from "./counterfactual_acts.ts";
import type { Hands } from "./counterfactual_hands.ts";
import {
  button,
  type CounterfactualContext,
  type CounterfactualPanel,
  enable,
  isEnabled,
  menu,
  toStage,
} from "./counterfactual_panel.ts";

/** The toolbar of the selected object. */
export function counterfactualTools(context: CounterfactualContext): CounterfactualPanel {
  const { imagination, signal } = context;
  const does = acts(context);
  const name = h("span", { class: "rlv-selected" });
  const selected = () => imagination.gather()?.selected ?? null;
  const verbs = VERBS.map(({ verb, text, key, title }) => {
    const one = button(
      text,
      { title: `${title} (${key})` },
      () => {
        if (isEnabled(one)) does.run(selected(), verb);
      },
      signal,
    );
    return { verb, button: one };
  });
  const look = menu(
    "Look",
    (theme) => {
      const object = selected();
      if (object && theme !== "") imagination.edit(EDITS.theme(object, Number(theme)));
    },
    signal,
  );
  const field = h(
    "label",
    { class: "rlv-field" },
    h("span", { class: "rlv-label" }, "look"),
    look.element,
    icon(CHEVRON, 90),
  );
  return {
    element: h(
      "div",
      { class: "rlv-tools", role: "toolbar", "aria-label": "Selected object" },
      name,
      h("span", { class: "rlv-buttons" }, ...verbs.map((one) => one.button)),
      field,
    ),
    draw({ selected: object, imagined }) {
      setText(name, object ? called(object) : "no object is selected");
      setAttribute(name, "data-none", object === null);
      for (const { verb, button: one } of verbs) enable(one, does.can(object, verb));
      const looks = object && does.canLook(object) ? (imagined?.themes[object.object_class] ?? 0) : 0;
      field.hidden = looks < 2;
      if (!field.hidden) look.draw([["", "as it is"], ...numbered(looks)], "");
    },
  };
}

const numbered = (count: number): [string, string][] =>
  Array.from({ length: count }, (_, index) => [String(index), String(index)]);

/** What can be put into the world, and what is set for all of it. */
export function counterfactualPalette(context: CounterfactualContext, hands: Hands): CounterfactualPanel {
  const { imagination, signal, say } = context;
  const items = h("span", { class: "rlv-buttons" });
  const world = worldMenu(context);
  let decoys = false;
  const decoy = button(
    "as decoy",
    { class: "rlv-toggle", title: "what is put in only looks like it: it does nothing" },
    () => {
      decoys = !decoys;
      hands.take(null);
      imagination.invalidate();
    },
    signal,
  );
  const element = h(
    "div",
    { class: "rlv-tools rlv-put-in", role: "toolbar", "aria-label": "Put in" },
    h("span", { class: "rlv-label" }, "put in"),
    items,
    world.element,
  );
  const isHeld = (item: PaletteItem) => hands.brush !== null && labelOf(hands.brush) === labelOf(item);
  const hold = (item: PaletteItem) => {
    const taken = isHeld(item);
    imagination.playing = false;
    hands.take(taken ? null : item);
    say(taken ? "Nothing is held" : hintOf(item));
    imagination.invalidate();
    if (!taken) toStage(element);
  };
  let built = "";
  let buttons: { item: PaletteItem; one: HTMLButtonElement }[] = [];
  const build = (palette: readonly PaletteItem[]) => {
    buttons = palette.map((item) => {
      const look = { class: "rlv-toggle", label: labelOf(item), title: hintOf(item) };
      return { item, one: button(labelOf(item).replace("decoy ", ""), look, () => hold(item), signal) };
    });
    items.replaceChildren(...buttons.map(({ one }) => one), decoy);
  };
  return {
    element,
    draw(scene) {
      const { imagined, canCompute } = scene;
      const palette = imagined?.palette ?? [];
      const key = JSON.stringify(palette);
      if (imagined && key !== built) {
        built = key;
        build(palette);
      }
      for (const { item, one } of buttons) {
        one.hidden = (item.kind === "decoy") !== decoys;
        one.disabled = !canCompute;
        setAttribute(one, "aria-pressed", String(isHeld(item)));
      }
      decoy.hidden = !palette.some(({ kind }) => kind === "decoy");
      decoy.disabled = !canCompute;
      setAttribute(decoy, "aria-pressed", String(decoys));
      if (hands.brush && !canCompute) hands.take(null);
      world.draw(scene);
    },
  };
}

/** "saw", "decoy coin", "wall", "no wall"; the agent is put elsewhere. */
export function labelOf({ kind, what }: PaletteItem): string {
  if (kind === "carve") return "no wall";
  if (kind === "fill") return "wall";
  if (kind === "teleport") return "agent";
  return kind === "add" ? words(what ?? "") : `${words(kind)} ${words(what ?? "")}`;
}

function hintOf(item: PaletteItem): string {
  const how = item.kind === "fill" || item.kind === "carve" ? "drag over cells" : "click where it goes";
  const note = item.kind === "decoy" ? `; looks like ${words(item.what ?? "")} and does nothing` : "";
  return `${labelOf(item)}: ${how} (keys: arrows and Enter on the frame, Esc lays it down)${note}`;
}

/** Looks of whole classes, the background, and the box that shows velocity. */
function worldMenu({ imagination, signal }: CounterfactualContext): CounterfactualPanel {
  const body = h("div", { class: "rlv-world", role: "dialog", "aria-label": "World" });
  const opener = h("button", { class: "rlv-plain" }, "world", icon(CHEVRON, 90));
  const opened = popover(opener, body, () => imagination.invalidate(), signal);
  let built = "";
  let draws: (() => void)[] = [];
  const edit = (one: Edit) => imagination.edit(one);
  const build = ({ imagined, canCompute }: CounterfactualScene) => {
    if (!imagined) return;
    draws = [];
    const lines: HTMLElement[] = [];
    const line = (
      text: string,
      options: [string, string][],
      value: () => string,
      choose: (value: string) => void,
    ) => {
      const choice = menu(text, choose, signal);
      choice.element.disabled = !canCompute;
      draws.push(() => choice.draw(options, value()));
      lines.push(
        h(
          "label",
          { class: "rlv-world-line" },
          h("span", {}, text),
          h("span", { class: "rlv-field" }, choice.element, icon(CHEVRON, 90)),
        ),
      );
    };
    if (imagined.backgrounds > 1)
      line(
        "background",
        [["", "none"], ...numbered(imagined.backgrounds)],
        () => String(imagination.imagined?.background ?? ""),
        (index) => edit(EDITS.background(index === "" ? null : Number(index))),
      );
    if (imagined.velocityBox !== null)
      line(
        "velocity box",
        [
          ["shown", "shown"],
          ["hidden", "hidden"],
        ],
        () => (imagination.imagined?.velocityBox ? "shown" : "hidden"),
        (value) => edit(EDITS.velocity_box(value === "shown")),
      );
    for (const [name, count] of Object.entries(imagined.themes))
      if (count > 1)
        line(
          `look of ${words(name)}`,
          [["", "as it is"], ...numbered(count)],
          () => "",
          (theme) => theme !== "" && edit({ kind: "theme", what: name, theme: Number(theme) }),
        );
    body.replaceChildren(...lines);
  };
  return {
    element: opened.element,
    draw(scene) {
      const { imagined, canCompute } = scene;
      const key = JSON.stringify([
        imagined?.backgrounds,
        imagined?.velocityBox === null,
        imagined?.themes,
        canCompute,
      ]);
      if (imagined && key !== built) {
        built = key;
        build(scene);
      }
      opener.disabled = draws.length === 0;
      for (const draw of draws) draw();
    },
  };
}
