/** The features: what each looks for, and how much it raises or lowers the output at this step. */
import { featureColour } from "../core/colours.ts";
import { decimalsFor, fixed } from "../core/numbers.ts";
import type { Scene } from "../host/scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { SORT } from "../views/icons.ts";
import { legendRow, type Row } from "./legend_row.ts";
import type { Context, Panel } from "./panel.ts";
import { recolourer } from "./recolour.ts";
import { renamer } from "./rename.ts";
import { toggles } from "./toggles.ts";

/** With more rows than these the list scrolls, and can be filtered. */
const MANY = 16;

export function legend(context: Context): Panel {
  const { session, signal } = context;
  const rows = h("div", { class: "rlv-rows", role: "group", "aria-label": "Features" });
  const hint = h("span", { class: "rlv-hint", role: "status" });
  const sort = h("button", { class: "rlv-icon" }, icon(SORT));
  const filter = h("input", {
    class: "rlv-filter",
    type: "search",
    placeholder: "filter by name",
    "aria-label": "Filter features by name",
  });
  const axis = axisLine();
  const none = h("p", { class: "rlv-hint rlv-none" });
  const switches = toggles(context);
  let wrong = "";
  const tell = (text: string) => {
    wrong = text;
    session.invalidate();
  };
  const rename = renamer(context, tell);
  const palette = recolourer(context, tell);
  const caption = h(
    "div",
    { class: "rlv-caption" },
    h("span", { class: "rlv-title" }, "features"),
    hint,
    sort,
  );
  const element = h(
    "section",
    { class: "rlv-legend", "aria-label": "Legend" },
    caption,
    filter,
    none,
    rows,
    axis.element,
    switches.element,
    palette.element,
  );

  let scene: Scene | undefined;
  let list: Row[] = [];
  /** The row that the Tab key stops at. */
  let current = 0;
  /** Where and by what the rows are sorted; null: in their own order. */
  let sorted: { at: string } | null = null;

  const acts = {
    open: (index: number) => session.set("opened", index),
    rename: (feature: number) => {
      const row = list[feature];
      if (row && scene && !scene.gradients) rename({ row, feature, layer: scene.layerName });
    },
    recolour: (feature: number) => {
      const row = list[feature];
      if (!row || !scene || scene.gradients) return;
      const colour = featureColour(scene.layer?.features ?? [], feature);
      palette.begin({ swatch: row.swatch, name: row.name, layer: scene.layerName, feature, colour });
    },
  };
  const arrange = (count: number) => {
    if (list.length === count) return;
    // One row more than features: the last is what they leave unexplained.
    list = Array.from({ length: count }, (_, index) => legendRow(context, index, index === count - 1, acts));
    rows.replaceChildren(...list.map((row) => row.element));
    sorted = null;
    filter.value = "";
    stopAt(0);
  };
  /** The rows that are shown, as they are shown. */
  const shown = () =>
    [...rows.children].flatMap((child) => list.filter(({ element: own }) => own === child && !own.hidden));
  const stopAt = (index: number) => {
    current = index;
    for (const [at, row] of list.entries()) row.setCurrent(at === current);
  };
  const where = ({ trajectory, step, layerName, output, mode }: Scene) =>
    [trajectory, step, layerName, output, mode].join();

  /** Strongest first at this step; once more at the same step: as they were. It never moves by itself. */
  const sortRows = () => {
    if (!scene) return;
    const at = where(scene);
    sorted = sorted?.at === at ? null : { at };
    const { amounts } = scene.row;
    const size = (index: number) => Math.abs(amounts[index] || 0);
    const order = [...list.keys()].slice(0, -1);
    if (sorted) order.sort((a, b) => size(b) - size(a));
    for (const index of order) rows.insertBefore(list[index]?.element ?? hint, rows.lastElementChild);
    session.invalidate();
  };
  sort.addEventListener("click", sortRows, { signal });
  filter.addEventListener("input", session.invalidate, { signal });
  filter.addEventListener(
    "keydown",
    (event) => {
      event.stopPropagation();
      if (event.key === "Escape") filter.value = "";
      session.invalidate();
    },
    { signal },
  );
  rows.addEventListener(
    "focusin",
    ({ target }) => {
      const index = list.findIndex((row) => row.element.contains(target as Node));
      if (index >= 0) stopAt(index);
    },
    { signal },
  );
  rows.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !act(event.key, event.target)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );

  function act(key: string, target: EventTarget | null): boolean {
    const visible = shown();
    const here = list[current];
    const move = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
    if (move) {
      const next = visible[(here ? visible.indexOf(here) : 0) + move];
      next?.pin.focus();
      next?.element.scrollIntoView({ block: "nearest" });
    } else if (key >= "1" && key <= "9") visible[Number(key) - 1]?.pin.click();
    else if (!here || current === list.length - 1) return false;
    else if (key === "F2") acts.rename(current);
    else if (key === "Enter" && target === here.pin) acts.open(current);
    else return false;
    return true;
  }

  const narrow = () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const [index, row] of list.entries())
      row.element.hidden = index < list.length - 1 && !row.name.toLowerCase().includes(wanted);
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
      filter.hidden = !many;
      sort.hidden = list.length < 3 || scene.gradients;
      const order = !sorted
        ? "Sort by strength"
        : sorted.at === where(scene)
          ? "Back to the features' own order"
          : "Sort by strength at this step";
      setAttribute(sort, "aria-label", order);
      setAttribute(sort, "title", order.toLowerCase());
      setAttribute(sort, "aria-pressed", String(sorted !== null));
      setAttribute(rows, "data-isolated", scene.isolated !== null);
      const decimals = axis.draw(scene, element);
      for (const row of list) row.draw(scene, decimals);
      if (many) narrow();
      switches.draw(scene);
    },
  };
}

const KEYS = "with the focus here: arrows move, Enter opens, Space pins, 1–9 pin a row, F2 renames";

/** What the numbers are, where it is not plain. */
function note({ rows, row, mode, gradients }: Scene): string {
  if (gradients) return "gradients · the picture's own colours";
  if (mode === "change") return `change of ${row.label} since the last step`;
  return rows.length > 1 ? `totals of ${row.label}` : "hover isolates · click pins";
}

function reason({ row, canCompute }: Scene): string {
  if (row.attribution === "ready") return "This layer has no features: all of its attribution is residual.";
  if (row.attribution === "nan") return "The attribution of this step is not a number, and has no features.";
  return canCompute
    ? "They appear with the layer's first computed output."
    : "This layer has none: nothing of it was computed.";
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
    draw({ row: { axis } }: Scene, style: HTMLElement): number {
      const decimals = decimalsFor(Math.max(axis.high, -axis.low));
      setText(low, axis.low < 0 ? fixed(axis.low, Math.max(0, decimals - 1)) : "");
      setText(high, axis.high > 0 ? `+${fixed(axis.high, Math.max(0, decimals - 1))}` : "");
      const origin = -axis.low / (axis.high - axis.low);
      style.style.setProperty("--rlv-zero", origin.toFixed(4));
      // Near an end the zero would run into that end's label; the line says where it is.
      zero.hidden = origin < 0.4 || origin > 0.6;
      return decimals;
    },
  };
}
