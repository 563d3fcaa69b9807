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

const GAP = "  ·  ";

export function header(context: Context): Panel {
  const agent = h("strong", { class: "rlv-agent" });
  const trajectory = trajectoryPicker(context);
  const episode = episodeShown(context);
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
    episode.element,
    h("span", { class: "rlv-choices" }, layers.element, more, settings.element, help.element),
  );
  return {
    element,
    draw(scene) {
      setText(agent, scene.study.agent);
      setAttribute(agent, "title", `${scene.study.agent} in ${scene.study.environment}`);
      more.disabled = scene.rows.length >= MAX_ROWS;
      for (const panel of [trajectory, episode, layers, settings, help]) panel.draw(scene);
    },
  };
}

/** The episode in words; where the study has its last frame, the words on how it ended open that. */
function episodeShown(context: Context): Panel {
  const [place, outcome, earned] = [h("span"), h("span"), h("span")];
  const ending = lazyPopover(context, "ending", {
    name: "How the episode ended",
    text: outcome,
    title: "",
    plain: true,
    bundle: "world",
  });
  const element = h("span", { class: "rlv-episode" }, place, ending.element, earned);
  return {
    element,
    draw(scene) {
      const { endings } = scene.study;
      const words = episodeText(scene);
      // What is open or has the focus stays, whatever episode comes.
      const stays = ending.open || ending.button.matches(":focus");
      const offered = endings !== undefined && Boolean(scene.episodes[scene.episode]?.cause);
      ending.element.hidden = !offered && !stays;
      ending.button.disabled = Boolean(endings);
      setAttribute(
        ending.button,
        "title",
        endings || "the last frame, which the agent never saw, and what did it",
      );
      setText(place, ending.element.hidden ? words.join("") : words[0]);
      setText(outcome, words[1]);
      setText(earned, ending.element.hidden ? "" : words[2]);
      setAttribute(place, "title", words.join(""));
      ending.draw(scene);
    },
  };
}

/** Which episode, how it ended, and its return. */
function episodeText(scene: Scene): [place: string, outcome: string, earned: string] {
  const episode = scene.episodes[scene.episode];
  if (!episode) return ["", "", ""];
  const parts = [`episode ${scene.episode + 1} of ${scene.episodes.length}`];
  // Other worlds than Procgen's have no levels.
  if (episode.level_seed >= 0) parts.push(`level ${thousands(episode.level_seed)}`);
  return [
    `${parts.join(GAP)}${GAP}`,
    `${OUTCOME_MARK[episode.outcome] ?? "·"} ${outcomeInWords(episode)}`,
    `, return ${fixed(episode.return, Number.isInteger(episode.return) ? 0 : 2)}`,
  ];
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
