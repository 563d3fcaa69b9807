/** How many branches of a fork have not died after so many steps: a line with its Wilson band. */
import { type Fork, momentOf } from "../core/branches.ts";
import { requestKey } from "../core/wants.ts";
import { numbers } from "../host/replies.ts";
import type { Session } from "../host/session.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { svg } from "../views/svg.ts";
import { watch } from "./plot.ts";

const [WIDTH, HEIGHT] = [240, 72];

export interface SurvivalChart {
  element: HTMLElement;
  draw(fork: Fork, member: number, step: number): void;
}

export function survivalChart(session: Session): SurvivalChart {
  const band = svg("path", { class: "rlv-survival-band" });
  const line = svg("path", { class: "rlv-survival-line" });
  const here = svg("line", { class: "rlv-survival-here", y1: 0, y2: HEIGHT });
  const half = svg("line", { class: "rlv-survival-half", x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2 });
  const size = { width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" };
  const chart = svg("svg", { ...size, "aria-label": "Share of branches that have not died" });
  chart.append(half, band, line, here);
  const words = h("p", { class: "rlv-hint" });
  const scale = h("span", { class: "rlv-survival-scale", "aria-hidden": "true" });
  scale.append(h("span", {}, "100 %"), h("span", {}, "0"));
  const last = h("span", {});
  const steps = h("span", { class: "rlv-survival-steps", "aria-hidden": "true" }, h("span", {}, "0"), last);
  const element = h(
    "div",
    { class: "rlv-survival" },
    h("div", { class: "rlv-survival-plot" }, scale, chart, steps),
    words,
  );
  const anew = watch();
  return {
    element,
    draw(fork, member, step) {
      const found = session.store.get(requestKey("survival", { name: fork.name }));
      const [share, low, high] = ["survival", "survival_low", "survival_high"].map((name) =>
        numbers(found, name),
      );
      const end = Math.max(1, fork.num_steps);
      const x = (after: number) => (after / end) * WIDTH;
      const y = (part: number) => (1 - part) * HEIGHT;
      if (anew(found) && share && low && high) {
        const path = (values: ArrayLike<number>, back = false) => {
          const points = Array.from(
            values,
            (value, after) => `${x(after).toFixed(1)},${y(value).toFixed(1)}`,
          );
          return (back ? points.reverse() : points).join("L");
        };
        setAttribute(line, "d", share.length ? `M${path(share)}` : "");
        setAttribute(band, "d", low.length ? `M${path(high)}L${path(low, true)}Z` : "");
        setText(last, `${fork.num_steps} steps`);
      }
      const { at } = momentOf(fork, member, step);
      const after = Math.max(0, Math.min(end, step - fork.step));
      for (const name of ["x1", "x2"]) setAttribute(here, name, x(after).toFixed(1));
      setAttribute(here, "visibility", at === "before" ? "hidden" : "visible");
      const of = (values: ArrayLike<number> | undefined) =>
        `${Math.round(100 * (values?.[after] ?? Number.NaN))}`;
      const count = fork.taken.length;
      setText(
        words,
        share?.length
          ? `after ${after} steps ${of(share)} % have not died (${of(low)}–${of(high)} %, n = ${count})`
          : "",
      );
    },
  };
}
