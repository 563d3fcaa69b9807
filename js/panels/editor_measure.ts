/** How often the two agents fail on the same levels, by cause: small, and honest about how sure it is. */
import { fixed, thousands } from "../core/numbers.ts";
import type { MeasuredRow } from "../host/editor_reply.ts";
import type { EditorScene } from "../host/editor_scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { focusedNear } from "../views/focus.ts";
import { button, enable, isEnabled, number } from "./counterfactual_panel.ts";
import type { EditorContext, EditorPanel } from "./editor_panel.ts";

const MOST_LEVELS = 4096;
const HEADS: [text: string, title: string][] = [
  ["fails by", ""],
  ["original", "levels lost to this cause"],
  ["edited", "levels lost to this cause"],
  ["share", "share of the levels, with its Wilson interval (95 %): above original, below edited"],
  ["only edited", "levels that only the edited agent loses to it (b of McNemar's test)"],
  ["only original", "levels that only the original agent loses to it (c)"],
  ["p", "exact McNemar test, two-sided"],
  ["p, Holm", "corrected for the number of causes"],
];

export function editorMeasure({ workbench, signal }: EditorContext): EditorPanel {
  const { seat } = workbench;
  const measure = button(
    "measure",
    { title: "both agents on the same levels" },
    () => isEnabled(measure) && workbench.measure(),
    signal,
  );
  const levels = number(
    "Levels to measure",
    [1, MOST_LEVELS],
    (value) => seat.setOption("levels", value),
    signal,
  );
  const stop = button("stop", {}, () => workbench.stop("measure"), signal);
  const state = h("span", { class: "rlv-hint", role: "status" });
  const bar = h("progress", { class: "rlv-ed-progress", "aria-label": "Levels played" });
  const body = h("tbody", {});
  const head = h("tr", {}, ...HEADS.map(([text, title]) => h("th", { scope: "col", title }, text)));
  const table = h(
    "table",
    { class: "rlv-ed-table", "aria-label": "Failures by cause" },
    h("thead", {}, head),
    body,
  );
  const scroll = h("div", { class: "rlv-ed-scroll" }, table);
  let built: unknown;
  return {
    element: h(
      "section",
      { class: "rlv-ed-measure", "aria-label": "Measurement" },
      h(
        "div",
        { class: "rlv-caption rlv-ed-line" },
        h("span", { class: "rlv-title" }, "over many levels"),
        measure,
        h("label", { class: "rlv-field" }, h("span", { class: "rlv-label" }, "levels"), levels.element),
        stop,
        bar,
        state,
      ),
      scroll,
    ),
    draw(scene) {
      const { measured, canMeasure, canCompute } = scene;
      levels.draw(seat.option("levels"));
      levels.element.disabled = !canCompute;
      enable(measure, canMeasure && !measured.running);
      if (!measured.running && focusedNear(stop) === stop) measure.focus({ preventScroll: true });
      stop.hidden = !measured.running;
      bar.hidden = !measured.running;
      const { done = 0, total = 0 } = measured.progress ?? {};
      if (total > 0) [bar.max, bar.value] = [total, done];
      else bar.removeAttribute("value");
      // How far it has come is not read out: only what came of it.
      setAttribute(state, "aria-live", measured.running && "off");
      setText(state, stateOf(scene));
      scroll.hidden = measured.value === null;
      setAttribute(scroll, "data-stale", measured.stale || measured.running);
      if (measured.value === built || !measured.value) return;
      built = measured.value;
      const { rows } = measured.value;
      const most = Math.max(0.02, ...rows.flatMap(({ interval }) => interval.map(([, high]) => high)));
      body.replaceChildren(...rows.map((row) => lineOf(row, most)));
    },
  };
}

function stateOf({ measured: { value, running, progress, stale } }: EditorScene): string {
  if (running) return progress && progress.total > 0 ? `${progress.done} of ${progress.total}` : "playing…";
  if (!value) return "the same levels and the same luck for both";
  if (stale) return "below: before the last change";
  return `${thousands(value.levels)} levels in ${fixed(value.seconds, 0)} s`;
}

function lineOf(row: MeasuredRow, most: number): HTMLElement {
  const isAll = row.cause === "failed";
  const cells = [
    `${row.original}`,
    `${row.edited}`,
    intervals(row, most),
    `${row.b}`,
    `${row.c}`,
    chance(row.p),
  ];
  return h(
    "tr",
    { "data-all": isAll },
    h("th", { scope: "row" }, isAll ? "anything" : row.cause.replaceAll("_", " ")),
    ...cells.map((cell) => h("td", {}, cell)),
    h("td", {}, row.holm === null ? "" : chance(row.holm)),
  );
}

/** Two intervals on one scale from 0 to the highest of the table. */
function intervals({ rate, interval }: MeasuredRow, most: number): HTMLElement {
  const percent = (share: number) => `${((100 * share) / most).toFixed(2)}%`;
  const lines = ([0, 1] as const).map((side) => {
    const [low, high] = interval[side];
    const dot = h("span", { class: "rlv-ed-point" });
    dot.style.left = percent(rate[side]);
    const line = h("span", { class: "rlv-ed-interval" });
    line.style.left = percent(low);
    line.style.width = percent(high - low);
    return h("span", { class: "rlv-ed-intervals" }, line, dot);
  });
  const inWords = ([0, 1] as const).map((side) => {
    const [low, high] = interval[side].map((share) => (100 * share).toFixed(1));
    return `${(100 * rate[side]).toFixed(1)} % (${low}–${high})`;
  });
  const title = `original ${inWords[0]}, edited ${inWords[1]}`;
  return h("span", { class: "rlv-ed-rates", role: "img", "aria-label": title, title }, ...lines);
}

const chance = (p: number): string => (p < 0.001 ? p.toExponential(0).replace("-", "−") : p.toFixed(3));
