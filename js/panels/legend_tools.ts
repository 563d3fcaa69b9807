/** What the legend can do once it is touched: keys, sorting, filtering, renaming, recolouring, numbers in full. */
import { featureColour } from "../core/colours.ts";
import { fixed, signed } from "../core/numbers.ts";
import { outputUnit } from "../core/units.ts";
import type { Scene } from "../host/scene.ts";
import { h, setAttribute } from "../views/dom.ts";
import type { Row } from "./legend_row.ts";
import type { Context } from "./panel.ts";
import { recolourer } from "./recolour.ts";
import { renamer } from "./rename.ts";

/** The legend as its tools see it. */
export interface LegendPlace {
  element: HTMLElement;
  rows: HTMLElement;
  sort: HTMLButtonElement;
  list: () => readonly Row[];
  scene: () => Scene | undefined;
  /** Says what went wrong, or nothing. */
  tell: (text: string) => void;
}

export interface LegendTools {
  key(event: KeyboardEvent): void;
  sort(): void;
  rename(feature: number): void;
  recolour(feature: number): void;
  /** The number in full: its unit, and which share of what it is. */
  explain(feature: number, decimals: number): string;
  draw(many: boolean): void;
  /** Whether a row is in sight: of hundreds only these are drawn at every step. */
  isSeen(row: Row): boolean;
}

export function legendTools(context: Context, place: LegendPlace): LegendTools {
  const { session, signal } = context;
  const { rows, list, tell } = place;
  const rename = renamer(context, tell);
  const palette = recolourer(context, tell);
  const filter = h("input", {
    class: "rlv-filter",
    type: "search",
    placeholder: "filter by name",
    "aria-label": "Filter features by name",
  });
  filter.hidden = true;
  rows.before(filter);
  place.element.append(palette.element);
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
  const seen = new Set<Element>();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries)
        if (isIntersecting) seen.add(target);
        else seen.delete(target);
      session.invalidate();
    },
    { root: rows },
  );
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
  let watched: readonly Row[] | undefined;
  let filtered: unknown[] = [];
  const watch = (all: readonly Row[]) => {
    if (watched === all) return;
    watched = all;
    seen.clear();
    observer.disconnect();
    for (const { element } of all) observer.observe(element);
  };
  /** Where the rows were sorted by strength; empty while they are in their own order. */
  let sortedAt = "";
  let sorted: readonly Row[] | undefined;

  /** The rows that can be seen, as they are ordered. */
  const shown = () => {
    const byElement = new Map(list().map((row) => [row.element as Element, row]));
    return [...rows.children]
      .flatMap((child) => byElement.get(child) ?? [])
      .filter((row) => !row.element.hidden);
  };

  function act({ key, target }: KeyboardEvent): boolean {
    const visible = shown();
    const current = list()[focusedRow(list(), target)];
    const move = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
    if (move) visible[(current ? visible.indexOf(current) : 0) + move]?.pin.focus();
    else if (key >= "1" && key <= "9") visible[Number(key) - 1]?.pin.click();
    else if (!current || current.isResidual) return false;
    else if (key === "F2") tools.rename(current.index);
    else if (key === "Enter" && target === current.pin) session.set("opened", current.index);
    else return false;
    return true;
  }

  const tools: LegendTools = {
    key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || !act(event)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    /** Strongest first at this step; once more at the same step: as they were. It never moves by itself. */
    sort() {
      const scene = place.scene();
      if (!scene) return;
      sortedAt = sortedAt === whereOf(scene) ? "" : whereOf(scene);
      sorted = list();
      const size = ({ index }: Row) => Math.abs(scene.row.amounts[index] || 0);
      const order = list().filter(({ isResidual }) => !isResidual);
      if (sortedAt) order.sort((a, b) => size(b) - size(a));
      for (const row of order) rows.insertBefore(row.element, rows.lastElementChild);
      session.invalidate();
    },
    rename(feature) {
      const [row, scene] = [list()[feature], place.scene()];
      if (row && scene && !scene.gradients) rename({ row, feature, layer: scene.layerName });
    },
    recolour(feature) {
      const [row, scene] = [list()[feature], place.scene()];
      if (!row || !scene || scene.gradients) return;
      const colour = featureColour(scene.layer?.features ?? [], feature);
      palette.begin({ swatch: row.swatch, name: row.name, layer: scene.layerName, feature, colour });
    },
    explain(feature, decimals) {
      const scene = place.scene();
      // The name too: its row may not hold all of it.
      return scene ? `${list()[feature]?.name}\n${explain(scene, feature, decimals)}` : "";
    },
    draw(many) {
      const scene = place.scene();
      if (!scene) return;
      if (sorted !== list()) {
        sortedAt = ""; // these rows are new, and in their own order
        filter.value = "";
      }
      sorted = list();
      const back = sortedAt === whereOf(scene);
      const title = back ? "back to the features' own order" : "sort by strength at this step";
      setAttribute(place.sort, "title", title);
      setAttribute(place.sort, "aria-pressed", String(sortedAt !== ""));
      filter.hidden = !many;
      if (!many) return;
      watch(list());
      const now = [filter.value, list(), scene.study];
      if (now.every((part, index) => part === filtered[index])) return;
      filtered = now;
      const wanted = filter.value.trim().toLowerCase();
      for (const { element, isResidual, name } of list())
        element.hidden = !isResidual && !name.toLowerCase().includes(wanted);
    },
    isSeen: ({ element, isResidual }) => isResidual || seen.has(element),
  };
  return tools;
}

const focusedRow = (list: readonly Row[], target: EventTarget | null): number =>
  list.findIndex(({ element }) => target instanceof Node && element.contains(target));

const whereOf = ({ trajectory, step, layerName, output, mode }: Scene): string =>
  [trajectory, step, layerName, output, mode].join();

function explain(
  { row, mode, numFeatures, layer, gradients }: Scene,
  index: number,
  decimals: number,
): string {
  const residual = layer?.quality?.residual_share;
  const lines: string[] = [];
  if (!gradients) {
    const all = row.amounts.reduce((sum, amount) => sum + Math.abs(amount), 0);
    const value = row.amounts[index] ?? Number.NaN;
    const what = mode === "change" ? "change of its total since the last step" : "summed over the picture";
    lines.push(`${signed(value, decimals)} ${outputUnit(row.output)} of ${row.label}, ${what}`);
    if (all > 0)
      lines.push(
        `${fixed((100 * Math.abs(value)) / all, 0)} % of the sizes of all totals here, residual included`,
      );
  }
  if (index === numFeatures && typeof residual === "number")
    lines.push(
      `${fixed(100 * residual, 1)} % of |A|: cell by cell, the share of this layer's attribution that no feature explains`,
    );
  return lines.join("\n");
}
