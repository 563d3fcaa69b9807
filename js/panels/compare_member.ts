/** One member: what it is, what it sees now, and how it fares. */
import { outcomeInWords } from "../core/episodes.ts";
import { fixed, thousands } from "../core/numbers.ts";
import { episodeAt } from "../core/study.ts";
import type { CompareScene, MemberScene } from "../host/compare_scene.ts";
import { panelsShown, type Scene } from "../host/scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import { compareFeatures } from "./compare_features.ts";
import { type CompareContext, lineSample } from "./compare_panel.ts";
import { OUTCOME_MARK } from "./header.ts";
import type { Context, Panel } from "./panel.ts";
import { picture, type Role } from "./picture.ts";
import { status } from "./status.ts";

const ROLES: Role[] = ["observation", "raises", "lowers", "both"];

export interface MemberPanel {
  element: HTMLElement;
  draw(member: MemberScene, compared: CompareScene): void;
}

export function compareMember({ comparison, signal, theme }: CompareContext, index: number): MemberPanel {
  const session = comparison.members[index]?.session;
  if (!session) throw new Error(`there is no member ${index}`);
  const context: Context = { session, signal, theme };
  const head = memberHead({ comparison, signal, theme }, index);
  const pictures = ROLES.map((role) => ({ role, panel: picture(context, role) }));
  const overText = h("p", { class: "rlv-over-text" });
  const over = h("div", { class: "rlv-over", role: "status" }, overText);
  const missing = h("p", { class: "rlv-missing", role: "status" });
  const frames = h(
    "div",
    { class: "rlv-frames" },
    ...pictures.map(({ panel }) => panel.element),
    missing,
    over,
  );
  const features = compareFeatures(comparison, index, signal);
  const numbers = status(context);
  const element = h(
    "section",
    { class: "rlv-member" },
    head.element,
    frames,
    features.element,
    numbers.element,
  );
  return {
    element,
    draw(member, compared) {
      head.draw(member, compared);
      setAttribute(element, "aria-label", `${member.letter}: ${member.label}`);
      const { scene } = member;
      if (!scene) return;
      const shown: Role[] = ["observation", ...panelsShown(scene)];
      setAttribute(frames, "data-combine", scene.combine);
      for (const { role, panel } of pictures) {
        panel.element.hidden = !shown.includes(role);
        if (!panel.element.hidden) panel.draw(scene);
      }
      const why = whyMissing(member, compared);
      over.hidden = why === "";
      setText(overText, why);
      setAttribute(element, "data-over", why !== "");
      missing.hidden = scene.attribution !== "absent" || why !== "";
      if (!missing.hidden) setText(missing, notComputed(scene));
      for (const panel of [features, numbers] as Panel[]) panel.draw(scene);
    },
  };
}

/** Why a member has no step here; empty while it has one. */
function whyMissing({ phase, track, scene }: MemberScene, { aligned, step }: CompareScene): string {
  if (phase === "absent") return aligned ? `has nothing to align at: ${aligned.label}` : "";
  if (phase === "during" || !track || !scene) return "";
  if (phase === "before") return `begins in ${track.start - track.offset - step} steps`;
  const episode = scene.episodes[episodeAt(scene.episodes, track.stop - 1)];
  const ended = step - (track.stop - 1 - track.offset);
  const ago = `${ended} ${ended === 1 ? "step" : "steps"} ago`;
  return !episode || episode.outcome === "unfinished"
    ? `recording ended ${ago}`
    : `${OUTCOME_MARK[episode.outcome] ?? ""} ${outcomeInWords(episode)} ${ago}`;
}

const notComputed = ({ row, layerName }: Scene): string =>
  `${row.label} at layer ${layerName} is not computed. Compute it in an Explorer with the agent; it then appears here.`;

function memberHead({ comparison, signal }: CompareContext, index: number): MemberPanel {
  const label = h("strong", { class: "rlv-agent" });
  const letter = h("span", { class: "rlv-letter" });
  const button = h("button", { class: "rlv-plain rlv-member-name" }, letter, lineSample(index), label);
  button.addEventListener("click", () => comparison.set("selected", index), { signal });
  const role = h("span", { class: "rlv-hint" });
  const select = h("select", { class: "rlv-select", "aria-label": "Layer" });
  select.addEventListener("change", () => comparison.setLayer(index, select.value), { signal });
  const layers = h(
    "label",
    { class: "rlv-field" },
    h("span", { class: "rlv-label" }, "layer"),
    select,
    icon(CHEVRON, 90),
  );
  const place = h("p", { class: "rlv-episode" });
  let built: unknown;
  const build = (scene: Scene) => {
    built = scene.study;
    const names = scene.study.layers.map(({ name }) => name);
    select.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
    layers.hidden = names.length < 2;
  };
  return {
    element: h(
      "header",
      { class: "rlv-member-head" },
      h("div", { class: "rlv-member-line" }, button, role, h("span", { class: "rlv-spring" }), layers),
      place,
    ),
    draw(member, { selected }) {
      const { scene } = member;
      setText(letter, member.letter);
      setText(label, member.label);
      setAttribute(button, "aria-pressed", String(selected === index));
      setAttribute(button, "title", "compare the others with this one");
      setText(role, selected === index ? "the others are compared with it" : "");
      if (!scene) return;
      if (built !== scene.study) build(scene);
      if (select.value !== scene.layerName) select.value = scene.layerName;
      setText(place, whereabouts(member, scene));
      setAttribute(place, "title", place.textContent ?? "");
    },
  };
}

function whereabouts({ step }: MemberScene, scene: Scene): string {
  const episode = scene.episodes[scene.episode];
  const parts = [
    scene.study.agent,
    `trajectory ${scene.trajectory + 1} of ${scene.study.trajectories.length}`,
    step === null ? "" : `step ${step}`,
  ];
  if (episode) {
    parts.push(`episode ${scene.episode + 1}`);
    if (episode.level_seed >= 0) parts.push(`level ${thousands(episode.level_seed)}`);
    const total = fixed(episode.return, Number.isInteger(episode.return) ? 0 : 2);
    parts.push(`${OUTCOME_MARK[episode.outcome] ?? "·"} ${outcomeInWords(episode)}, return ${total}`);
  }
  return parts.filter(Boolean).join("  ·  ");
}
