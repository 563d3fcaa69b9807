/** The header line: which trajectory, episode and layer are shown; rows, settings, help. */

import { outcomeInWords } from "../core/episodes.ts";
import { fixed, thousands } from "../core/numbers.ts";
import { MAX_ROWS } from "../core/rows.ts";
import { stored } from "../core/study.ts";
import { INPUT, type Scene } from "../host/scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { GEAR } from "../views/icons.ts";
import { lazyPopover } from "../views/lazy_popover.ts";
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
  const more = h("button", { class: "rlv-add", title: "Explain another output in a further row" }, "+ row");
  more.addEventListener("click", () => context.session.rows.add(), { signal: context.signal });
  const settings = lazyPopover(context, "settings", {
    name: "Settings",
    text: icon(GEAR),
    title: "settings",
  });
  const help = lazyPopover(context, "help", { name: "Help", text: "?", title: "what the panels mean" });
  const element = h(
    "header",
    { class: "rlv-header" },
    agent,
    trajectory.element,
    episode,
    h("span", { class: "rlv-choices" }, layers.element, more, settings.element, help.element),
  );
  return {
    element,
    draw(scene) {
      setText(agent, scene.study.agent);
      setAttribute(agent, "title", `${scene.study.agent} in ${scene.study.environment}`);
      setText(episode, episodeText(scene));
      setAttribute(episode, "title", episodeText(scene));
      more.disabled = scene.rows.length >= MAX_ROWS;
      for (const panel of [trajectory, layers, settings, help]) panel.draw(scene);
    },
  };
}

function episodeText(scene: Scene): string {
  const episode = scene.episodes[scene.episode];
  if (!episode) return "";
  return [
    `episode ${scene.episode + 1} of ${scene.episodes.length}`,
    `level ${thousands(episode.level_seed)}`,
    `${OUTCOME_MARK[episode.outcome] ?? "·"} ${outcomeInWords(episode)}, return ${fixed(episode.return, Number.isInteger(episode.return) ? 0 : 2)}`,
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
        const what =
          layer.name === INPUT ? "the picture itself: plain gradients" : `layer ${layer.name}: ${shape}`;
        setAttribute(button, "title", `${what}${ready ? "" : ", not computed"}`);
      }
    },
  };
}
