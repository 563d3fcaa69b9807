/** The features: what each looks for, and how much it raises or lowers the output at this step. */
import { decimalsFor, fixed } from "../core/numbers.ts";
import type { Scene } from "../host/scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { focusedNear } from "../views/focus.ts";
import { SORT } from "../views/icons.ts";
import { legendRow, type Row } from "./legend_row.ts";
import type { LegendPlace, LegendTools } from "./legend_tools.ts";
import type { Context, Panel } from "./panel.ts";
import { toggles } from "./toggles.ts";

/** With more features than these the list scrolls, and can be filtered. */
const MANY = 16;
const KEYS = "with the focus here: arrows move, Enter opens, Space pins, 1–9 pin a row, F2 renames";

export function legend(context: Context): Panel {
  const { session, signal } = context;
  const rows = h("div", { class: "rlv-rows", role: "group", "aria-label": "Features", tabindex: -1 });
  const hint = h("span", { class: "rlv-hint", role: "status" });
  const sort = h("button", { class: "rlv-icon", "aria-label": "Sort by strength" }, icon(SORT));
  const axis = axisLine();
  const none = h("p", { class: "rlv-hint rlv-none" });
  const switches = toggles(context);
  const element = h(
    "section",
    { class: "rlv-legend", "aria-label": "Legend" },
    h("div", { class: "rlv-caption" }, h("span", { class: "rlv-title" }, "features"), hint, sort),
    none,
    rows,
    axis.element,
    switches.element,
  );
  let scene: Scene | undefined;
  let list: Row[] = [];
  /** Rows and names that every row has been drawn with. */
  let [drawn, named]: [unknown, unknown] = [undefined, undefined];
  let wrong = "";
  const tell = (text: string) => {
    wrong = text;
    session.invalidate();
  };

  /** They come a little after the first picture. */
  let tools: LegendTools | undefined;
  const place: LegendPlace = { element, rows, sort, tell, list: () => list, scene: () => scene };
  sort.addEventListener("click", () => tools?.sort(), { signal });
  rows.addEventListener(
    "focusin",
    ({ target }) => {
      if (list.some((row) => row.element.contains(target as Node)))
        for (const row of list) row.setCurrent(row.element.contains(target as Node));
    },
    { signal },
  );
  rows.addEventListener("keydown", (event) => tools?.key(event), { signal });

  const acts = {
    rename: (index: number) => tools?.rename(index),
    recolour: (index: number) => tools?.recolour(index),
    explain: (index: number, decimals: number) => tools?.explain(index, decimals) ?? "",
  };
  const arrange = (count: number) => {
    if (list.length === count) return;
    // One row more than features: the last is what they leave unexplained.
    const had = rows.contains(focusedNear(rows));
    list = Array.from({ length: count }, (_, index) => legendRow(context, index, index === count - 1, acts));
    rows.replaceChildren(...list.map((row) => row.element));
    for (const row of list) row.setCurrent(row.index === 0);
    if (had) (rows.querySelector<HTMLElement>(".rlv-pin") ?? rows).focus({ preventScroll: true });
  };

  return {
    element,
    draw(next) {
      scene = next;
      arrange(scene.numFeatures > 0 ? scene.numFeatures + 1 : 0);
      setAttribute(element, "data-empty", list.length === 0);
      setAttribute(element, "data-gradients", scene.gradients);
      setText(none, list.length > 0 ? "" : reason(scene));
      none.hidden = list.length > 0;
      setText(hint, wrong || note(scene));
      setAttribute(hint, "data-wrong", wrong !== "");
      setAttribute(hint, "title", wrong || KEYS);
      const many = list.length > MANY + 1;
      setAttribute(rows, "data-many", many);
      sort.hidden = list.length < 3 || scene.gradients;
      setAttribute(rows, "data-isolated", scene.isolated !== null);
      const decimals = axis.draw(scene, element);
      const renewed = drawn !== list || named !== scene.study;
      for (const row of list) if (renewed || !many || !tools || tools.isSeen(row)) row.draw(scene, decimals);
      drawn = list;
      named = scene.study;
      if (!scene.stale) tools ??= session.extras()?.legendTools(context, place);
      tools?.draw(many);
      switches.draw(scene);
    },
  };
}

/** What the numbers are, where it is not plain. */
function note({ rows, row, mode, gradients }: Scene): string {
  if (gradients) return "gradients · the picture's own colours";
  if (mode === "change") return `change of ${row.label}`;
  return rows.length > 1 ? `totals of ${row.label}` : "hover isolates · click pins";
}

function reason({ row, canCompute }: Scene): string {
  if (row.attribution === "ready") return "This layer has no features: all of its attribution is residual.";
  return canCompute
    ? "They appear with the layer's first computed output."
    : "This layer has none: nothing of it is computed.";
}

/** The axis under the bars, with its ends and, where there is room, its zero in numbers. */
function axisLine() {
  const low = h("span");
  const high = h("span");
  const zero = h("span", { class: "rlv-zero" }, "0");
  const scale = h("span", { class: "rlv-scale" }, low, zero, high);
  return {
    element: h("div", { class: "rlv-axis", "aria-hidden": "true" }, scale),
    /** Returns how many decimals numbers on it have. */
    draw({ row: { axis } }: Scene, legend: HTMLElement): number {
      const decimals = decimalsFor(Math.max(axis.high, -axis.low));
      const short = Math.max(0, decimals - 1);
      setText(low, axis.low < 0 ? fixed(axis.low, short) : "");
      setText(high, axis.high > 0 ? `+${fixed(axis.high, short)}` : "");
      const origin = -axis.low / (axis.high - axis.low);
      legend.style.setProperty("--rlv-zero", origin.toFixed(4));
      // Near an end the zero would run into that end's label; the line says where it is.
      zero.hidden = origin < 0.4 || origin > 0.6;
      return decimals;
    },
  };
}
