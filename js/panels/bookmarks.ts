/** The steps where things went most unlike what the agent expected. */
import { signed } from "../core/numbers.ts";
import type { Bookmark } from "../core/study.ts";
import { h, icon, setAttribute } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import { popover } from "../views/popover.ts";
import type { Context, Panel } from "./panel.ts";

const KINDS = [
  { kind: "low", title: "unexpected failures", note: "lowest advantage, one an episode" },
  { kind: "high", title: "unexpected successes", note: "highest advantage, one an episode" },
] as const;

export function bookmarks({ session, signal }: Context): Panel {
  const button = h("button", { class: "rlv-plain" }, "bookmarks", icon(CHEVRON, 90));
  const panel = h("div", { class: "rlv-bookmarks" });
  const menu = popover(button, panel, () => session.invalidate(), signal);
  let built: unknown;
  const item = (mark: Bookmark): HTMLElement => {
    const row = h(
      "button",
      { class: "rlv-bookmark", "data-at": `${mark.trajectory}/${mark.step}` },
      h("span", {}, `trajectory ${mark.trajectory + 1}, step ${mark.step}`),
      h("span", { class: "rlv-number" }, signed(mark.advantage, 2)),
    );
    row.addEventListener(
      "click",
      () => {
        session.set("playing", false);
        session.goToTrajectory(mark.trajectory, mark.step);
      },
      { signal },
    );
    return row;
  };
  return {
    element: menu.element,
    draw({ study, trajectory, step }) {
      if (built !== study) {
        built = study;
        panel.replaceChildren(
          ...KINDS.map(({ kind, title, note }) =>
            h(
              "section",
              {},
              h("h4", {}, title, h("span", { class: "rlv-hint" }, note)),
              ...study.bookmarks
                .filter((mark) => mark.kind === kind)
                .sort((a, b) => (kind === "low" ? 1 : -1) * (a.advantage - b.advantage))
                .map(item),
            ),
          ),
        );
        menu.element.hidden = study.bookmarks.length === 0;
      }
      if (!menu.open) return;
      for (const row of panel.querySelectorAll(".rlv-bookmark"))
        setAttribute(
          row,
          "aria-current",
          row.getAttribute("data-at") === `${trajectory}/${step}` ? "true" : false,
        );
    },
  };
}
