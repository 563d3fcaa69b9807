/** The header line: which trajectory, episode, layer and output are shown. */
import { arrow, OUTPUT_GROUPS, outputGroup } from "../core/actions.ts";
import { fixed, thousands } from "../core/numbers.ts";
import { stored } from "../core/study.ts";
import type { Scene } from "../host/scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import type { Context, Panel } from "./panel.ts";
import { trajectoryPicker } from "./trajectories.ts";

/** "ended" is all that a world without levels can say; what is not listed is shown as text alone. */
export const OUTCOME_MARK: Record<string, string> = {
  completed: "✓",
  failed: "✕",
  unfinished: "…",
  ended: "–",
};

export function header(context: Context): Panel {
  const agent = h("strong", { class: "rlv-agent" });
  const trajectory = trajectoryPicker(context);
  const episode = h("span", { class: "rlv-episode" });
  const layers = layerPicker(context);
  const outputs = outputPicker(context);
  const element = h(
    "header",
    { class: "rlv-header" },
    agent,
    trajectory.element,
    episode,
    h("span", { class: "rlv-choices" }, layers.element, outputs.element),
  );
  return {
    element,
    draw(scene) {
      setText(agent, scene.study.agent);
      setAttribute(agent, "title", `${scene.study.agent} in ${scene.study.environment}`);
      setText(episode, episodeText(scene));
      setAttribute(episode, "title", episodeText(scene));
      for (const panel of [trajectory, layers, outputs]) panel.draw(scene);
    },
  };
}

function episodeText(scene: Scene): string {
  const episode = scene.episodes[scene.episode];
  if (!episode) return "";
  const outcome = episode.cause ? `${episode.outcome}: ${episode.cause}` : episode.outcome;
  return [
    `episode ${scene.episode + 1} of ${scene.episodes.length}`,
    `level ${thousands(episode.level_seed)}`,
    `${OUTCOME_MARK[episode.outcome] ?? "·"} ${outcome}, return ${fixed(episode.return, Number.isInteger(episode.return) ? 0 : 2)}`,
  ].join("  ·  ");
}

function layerPicker({ session, signal }: Context): Panel {
  const element = h("div", { class: "rlv-segments", role: "group", "aria-label": "Layer" });
  const buttons = new Map<string, HTMLButtonElement>();
  let built: unknown;
  const build = (scene: Scene) => {
    built = scene.study;
    buttons.clear();
    for (const { name } of scene.study.layers) {
      const button = h("button", { class: "rlv-segment" }, name);
      button.addEventListener("click", () => session.chooseLayer(name), { signal });
      buttons.set(name, button);
    }
    element.replaceChildren(h("span", { class: "rlv-label" }, "layer"), ...buttons.values());
  };
  return {
    element,
    draw(scene) {
      if (built !== scene.study) build(scene);
      for (const layer of scene.study.layers) {
        const button = buttons.get(layer.name);
        if (!button) continue;
        const ready = stored(scene.study, layer.name, scene.output) !== "none";
        setAttribute(button, "aria-pressed", String(layer.name === scene.layerName));
        setAttribute(button, "data-absent", !ready);
        const shape = `${layer.channels} channels on ${layer.height} × ${layer.width} cells`;
        setAttribute(button, "title", `layer ${layer.name}: ${shape}${ready ? "" : ", not computed"}`);
      }
    },
  };
}

function outputPicker({ session, signal }: Context): Panel {
  const select = h("select", { class: "rlv-select", "aria-label": "Output" });
  select.addEventListener("change", () => session.rows.choose(session.rows.focused, select.value), {
    signal,
  });
  let built = "";
  const build = (scene: Scene) => {
    const { study, layerName } = scene;
    const offered = study.outputs.map(({ name }) => name);
    const options = offered.includes(scene.output)
      ? study.outputs
      : [...study.outputs, { name: scene.output, label: scene.output }];
    select.replaceChildren();
    for (const group of OUTPUT_GROUPS) {
      const members = options.filter(({ name }) => outputGroup(name) === group);
      if (members.length === 0) continue;
      const children = members.map(({ name, label }) => {
        const mark = stored(study, layerName, name) === "none" ? "  ○" : "";
        const symbol = arrow(name);
        return h("option", { value: name }, `${symbol ? `${symbol} ` : ""}${label}${mark}`);
      });
      if (group === "value") select.append(...children);
      else select.append(h("optgroup", { label: group }, ...children));
    }
  };
  let study: unknown;
  return {
    element: h(
      "label",
      { class: "rlv-field", title: "What the attribution explains; ○ is not computed yet" },
      h("span", { class: "rlv-label" }, "output"),
      select,
      icon(CHEVRON, 90),
    ),
    draw(scene) {
      if (study !== scene.study || built !== `${scene.layerName}/${scene.output}`) build(scene);
      study = scene.study;
      built = `${scene.layerName}/${scene.output}`;
      if (select.value !== scene.output) select.value = scene.output;
    },
  };
}
