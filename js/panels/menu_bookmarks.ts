/** The steps that went unexpectedly badly or well; a click goes there. */
import { signed } from "../core/numbers.ts";
import type { Bookmark } from "../core/study.ts";
import type { LazyPanel } from "../host/lazy.ts";
import style from "../styles/time_menus.css";
import { h, setAttribute } from "../views/dom.ts";
import { menu } from "./menu.ts";
import type { Context } from "./panel.ts";

const KINDS = [
  { kind: "low", title: "unexpected failures", note: "lowest advantage, one an episode", order: 1 },
  { kind: "high", title: "unexpected successes", note: "highest advantage, one an episode", order: -1 },
] as const;

export function bookmarks({ session, signal }: Context): LazyPanel {
  const list = h("div", { class: "rlv-bookmark-list" });
  let built: unknown;
  const item = (mark: Bookmark): HTMLElement => {
    const row = h(
      "button",
      { class: "rlv-bookmark", "data-at": `${mark.trajectory}/${mark.step}` },
      h("span", {}, `trajectory ${mark.trajectory + 1}, step ${mark.step}`),
      h("span", { class: "rlv-number" }, signed(mark.advantage, 2)),
    );
    const go = () => {
      session.set("playing", false);
      session.goToTrajectory(mark.trajectory, mark.step);
    };
    row.addEventListener("click", go, { signal });
    return row;
  };
  return menu([h("style", {}, style), list], ({ study, trajectory, step }) => {
    if (built !== study) {
      built = study;
      const sections = KINDS.map(({ kind, title, note, order }) => {
        const marks = study.bookmarks.filter((mark) => mark.kind === kind);
        marks.sort((a, b) => order * (a.advantage - b.advantage));
        const heading = h("h2", {}, title, h("span", { class: "rlv-hint" }, note));
        return h("section", {}, heading, ...marks.map(item));
      });
      list.replaceChildren(...sections);
    }
    const here = `${trajectory}/${step}`;
    for (const row of list.querySelectorAll(".rlv-bookmark"))
      setAttribute(row, "aria-current", row.getAttribute("data-at") === here ? "true" : false);
  });
}
