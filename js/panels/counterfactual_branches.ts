/** Many lives of each world: the share that goes on, with its 95 % band, and how the others ended. */
import { words } from "../core/counterfactual_sight.ts";
import { fixed } from "../core/numbers.ts";
import type { Branches, Survival } from "../host/counterfactual_futures.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import type { Theme } from "../views/theme.ts";
import { DASH, drawLine, drawScale, fine, type Plot, widthOf } from "./counterfactual_chart.ts";
import type { CounterfactualContext, CounterfactualPanel } from "./counterfactual_panel.ts";
import { watch } from "./plot.ts";

const SIDES = ["before", "after"] as const;
const HEIGHT = 132;
const LEFT = 40;
const WHAT = "Branches: many lives of each world, sampled from its policy.";
const SCALE = { low: 0, high: 1, ticks: [0, 0.5, 1] };

export function counterfactualBranches({
  imagination,
  signal,
  theme,
}: CounterfactualContext): CounterfactualPanel {
  const canvas = h("canvas", { class: "rlv-survival", role: "img" });
  const width = widthOf(canvas, imagination.invalidate, signal);
  const anew = watch();
  const told = SIDES.map(() => h("p", { class: "rlv-lives" }));
  const body = h(
    "div",
    { class: "rlv-branches-body" },
    h("span", { class: "rlv-hint" }, "share of lives that go on, with the 95 % Wilson band"),
    canvas,
    ...told,
  );
  const none = h("p", { class: "rlv-hint" });
  return {
    element: h("div", { class: "rlv-branches-panel" }, none, body),
    draw({ branches, canCompute }) {
      const { value, stale, running } = branches;
      none.hidden = value !== null;
      body.hidden = value === null;
      setText(none, canCompute ? WHAT : "Branches: they need a kernel with the agent.");
      if (!value) return;
      setAttribute(body, "data-stale", stale || running);
      for (const [index, element] of told.entries()) setText(element, tell(value, index as 0 | 1));
      setAttribute(canvas, "aria-label", told.map(({ textContent }) => textContent).join(". "));
      if (width() > 0 && anew(value, width(), theme(), window.devicePixelRatio))
        draw(fine(canvas, width(), HEIGHT), value, theme());
    },
  };
}

function tell({ worlds, numBranches }: Branches, index: 0 | 1): string {
  const { survival, low, high, causes, meanReturn } = worlds[index];
  const last = survival.length - 1;
  const percent = (value: number | undefined) => fixed(100 * (value ?? Number.NaN), 0);
  const ends = Object.entries(causes)
    .sort(([, a], [, b]) => b - a)
    .map(([cause, count]) => `${words(cause)} ${count}`);
  return [
    `${index === 0 ? "┄" : "━"} ${SIDES[index]}: ${percent(survival[last])} % go on (${percent(low[last])}–${percent(high[last])}, n = ${numBranches})`,
    ends.length > 0 ? `ended by ${ends.join(", ")}` : "none ended",
    `mean return ${fixed(meanReturn, 2)}`,
  ].join(" · ");
}

function draw(plot: Plot, { worlds }: Branches, theme: Theme): void {
  const lane = { top: 8, height: HEIGHT - 28 };
  const right = plot.width - 8;
  const last = Math.max(1, ...worlds.map(({ survival }) => survival.length - 1));
  const x = (step: number) => LEFT + (step / last) * (right - LEFT);
  const y = (value: number) => lane.top + lane.height * (1 - value);
  drawScale(plot, lane, [LEFT, right], SCALE, theme, (value) => `${100 * value} %`);
  for (const [index, world] of worlds.entries()) {
    const colour = index === 0 ? theme.muted : theme.text;
    band(plot.context, world, x, y, colour);
    const dash = DASH[SIDES[index] ?? "after"];
    drawLine(plot, world.survival, world.survival.length, x, y, { colour, dash });
  }
  plot.context.fillStyle = theme.muted;
  plot.context.textBaseline = "alphabetic";
  plot.context.textAlign = "left";
  plot.context.fillText("+0", LEFT, HEIGHT - 6);
  plot.context.textAlign = "right";
  plot.context.fillText(`+${last} steps`, right, HEIGHT - 6);
}

function band(
  context: CanvasRenderingContext2D,
  { low, high }: Survival,
  x: (step: number) => number,
  y: (value: number) => number,
  colour: string,
): void {
  context.beginPath();
  for (let step = 0; step < high.length; step++) context.lineTo(x(step), y(high[step] ?? 1));
  for (let step = low.length - 1; step >= 0; step--) context.lineTo(x(step), y(low[step] ?? 0));
  context.closePath();
  context.globalAlpha = 0.16;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
}
