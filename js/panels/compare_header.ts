/** What members are aligned at, what is explained, and how it is drawn. */
import { OUTPUT_GROUPS, outputGroup } from "../core/actions.ts";
import type { CompareScene } from "../host/compare_scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import type { CompareContext, ComparePanel } from "./compare_panel.ts";

const SWITCHES = [
  {
    trait: "overlay",
    text: "overlay",
    title: "Draw the attribution over the dimmed observation, or on black",
  },
  { trait: "combine", text: "combine", title: "One panel for what raises and what lowers the output" },
  { trait: "show_difference", text: "pixels", title: "Show in which pixels the observations differ" },
] as const;

export function compareHeader(context: CompareContext): ComparePanel {
  const { comparison, signal } = context;
  const heading = h("strong", { class: "rlv-agent" }, "compare");
  const aligning = chooser("aligned at", "Aligned at", (name) => void comparison.align(name), signal);
  const explained = chooser("output", "Output", (name) => comparison.set("output", name), signal);
  const buttons = SWITCHES.map(({ trait, text, title }) => {
    const button = h("button", { class: "rlv-toggle", title }, text);
    button.addEventListener("click", () => comparison.set(trait, !comparison.model.get(trait)), { signal });
    return { trait, button };
  });
  const toggles = h(
    "div",
    { class: "rlv-toggles", role: "group", "aria-label": "Drawing" },
    ...buttons.map(({ button }) => button),
  );
  const worlds = h("span", { class: "rlv-hint" });
  let builtAt: unknown;
  let builtOutputs = "";
  return {
    element: h(
      "header",
      { class: "rlv-header" },
      heading,
      aligning.element,
      explained.element,
      worlds,
      h("span", { class: "rlv-spring" }),
      toggles,
    ),
    draw(compared) {
      const { aligned, choices, outputs, output } = compared;
      const at = aligned?.name ?? comparison.model.get("align");
      const key = `${at}/${choices.map(({ name }) => name).join()}`;
      if (key !== builtAt) {
        builtAt = key;
        aligning.select.replaceChildren(...alignmentOptions(compared, at));
      }
      aligning.select.value = at;
      if (outputs.map(({ name }) => name).join() !== builtOutputs) {
        builtOutputs = outputs.map(({ name }) => name).join();
        explained.select.replaceChildren(...outputOptions(outputs));
      }
      explained.select.value = output;
      setText(worlds, worldsOf(compared));
      for (const { trait, button } of buttons)
        setAttribute(button, "aria-pressed", String(Boolean(comparison.model.get(trait))));
    },
  };
}

/** Members of different worlds share neither levels nor, perhaps, actions: said in so many words. */
function worldsOf({ members }: CompareScene): string {
  const names = new Set(members.flatMap(({ scene }) => (scene ? [scene.study.environment] : [])));
  return names.size > 1 ? `different environments: ${[...names].join(", ")}` : "";
}

function chooser(text: string, name: string, choose: (value: string) => void, signal: AbortSignal) {
  const select = h("select", { class: "rlv-select", "aria-label": name });
  select.addEventListener("change", () => choose(select.value), { signal });
  const label = h("span", { class: "rlv-label" }, text);
  return { select, element: h("label", { class: "rlv-field" }, label, select, icon(CHEVRON, 90)) };
}

const GROUPS: readonly [label: string, is: (name: string) => boolean][] = [
  ["", (name) => name === "step"],
  ["the same level", (name) => name.startsWith("level:")],
  ["an event", (name) => !/^(step|level:|steps:)/.test(name)],
  ["given steps", (name) => name.startsWith("steps:")],
];

/** What members share, and whatever they are aligned at now. */
function alignmentOptions({ choices, aligned, members }: CompareScene, at: string): HTMLElement[] {
  const offered = choices.some(({ name }) => name === at)
    ? choices
    : [...choices, { name: at, label: aligned?.label ?? at, members: members.length }];
  return GROUPS.flatMap(([label, is]) => {
    const options = offered
      .filter(({ name }) => is(name))
      .map(({ name, label: text, members: count }) => {
        const lacking = count < members.length ? ` (${count} of ${members.length} members)` : "";
        return h("option", { value: name }, `${text}${lacking}`);
      });
    if (options.length === 0) return [];
    return label ? [h("optgroup", { label }, ...options)] : options;
  });
}

function outputOptions(outputs: CompareScene["outputs"]): HTMLElement[] {
  return OUTPUT_GROUPS.flatMap((group) => {
    const options = outputs
      .filter(({ name }) => outputGroup(name) === group)
      .map(({ name, label }) => h("option", { value: name }, label));
    if (options.length === 0) return [];
    return group === "value" ? options : [h("optgroup", { label: group }, ...options)];
  });
}
