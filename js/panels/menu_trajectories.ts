/** The list of all trajectories with their squeezed frames. */

import { causesInWords, outcomeInWords } from "../core/episodes.ts";
import { fixed } from "../core/numbers.ts";
import type { Episode, Study } from "../core/study.ts";
import { requestKey, want } from "../core/wants.ts";
import type { LazyPanel } from "../host/lazy.ts";
import style from "../styles/time_menus.css";
import { h, setAttribute } from "../views/dom.ts";
import { OUTCOME_MARK } from "./header.ts";
import { menu } from "./menu.ts";
import type { Context } from "./panel.ts";
import { drawStrip } from "./trajectories.ts";

const MOST = 40; // episodes that are told one by one when they are pointed at

export function trajectories({ session, signal }: Context, close: () => void): LazyPanel {
  const list = h("div", { role: "group", "aria-label": "Trajectories" });
  let rows: { row: HTMLElement; canvas: HTMLCanvasElement }[] = [];
  let built: unknown;

  const item = ({ episodes, num_steps }: Study["trajectories"][number], index: number) => {
    const canvas = h("canvas", { class: "rlv-strip", "aria-hidden": "true" });
    const total = episodes.reduce((sum, episode) => sum + episode.return, 0);
    const marks = episodes.map((episode) => OUTCOME_MARK[episode.outcome] ?? "·").join(" ");
    const one = (episode: Episode, at: number) => `episode ${at + 1} ${outcomeInWords(episode)}`;
    const row = h(
      "button",
      {
        class: "rlv-trajectory",
        "data-index": index,
        title: `trajectory=${index} in Python, ${num_steps} steps`,
      },
      h("span", { class: "rlv-number" }, String(index + 1)),
      canvas,
      h(
        "span",
        { class: "rlv-marks", title: episodes.slice(0, MOST).map(one).join("\n") },
        marks,
        h("span", { class: "rlv-causes" }, causesInWords(episodes)),
      ),
      h("span", { class: "rlv-number" }, `return ${fixed(total, Number.isInteger(total) ? 0 : 1)}`),
    );
    const go = () => {
      session.goToTrajectory(index);
      close();
    };
    row.addEventListener("click", go, { signal });
    return { row, canvas };
  };

  return menu([h("style", {}, style), list], ({ study, trajectory }) => {
    if (built !== study) {
      built = study;
      rows = study.trajectories.map(item);
      list.replaceChildren(...rows.map(({ row }) => row));
      session.alsoWant(rows.map((_, index) => want("strip", { trajectory: index })));
    }
    for (const [index, { row, canvas }] of rows.entries()) {
      setAttribute(row, "aria-current", index === trajectory ? "true" : false);
      const strip = canvas.dataset.drawn
        ? undefined
        : session.store.get(requestKey("strip", { trajectory: index }));
      if (!strip) continue;
      drawStrip(canvas, strip);
      canvas.dataset.drawn = "1";
    }
  });
}
