/** The rows of pictures: each the observation, and what in it raises and what lowers the row's output. */
import { panelsShown, type Scene } from "../host/scene.ts";
import { h, setAttribute } from "../views/dom.ts";
import type { Context, Panel } from "./panel.ts";
import { picture, type Role } from "./picture.ts";
import { rowBar } from "./row_bar.ts";

const ROLES: Role[] = ["observation", "raises", "lowers", "both"];

/** All rows; those that are no longer there take their listeners along. */
export function frames(context: Context): Panel {
  const element = h("div", { class: "rlv-stack" });
  const rows: { panel: Panel; life: AbortController }[] = [];
  const arrange = (count: number) => {
    if (rows.length === count) return;
    for (const { panel, life } of rows.splice(count)) {
      life.abort();
      panel.element.remove();
    }
    while (rows.length < count) {
      const life = new AbortController();
      context.signal.addEventListener("abort", () => life.abort(), { once: true, signal: life.signal });
      const panel = rowOfPanels({ ...context, signal: life.signal }, rows.length);
      rows.push({ panel, life });
      element.append(panel.element);
    }
  };
  return {
    element,
    draw(scene) {
      arrange(scene.rows.length);
      for (const { panel } of rows) panel.draw(scene);
    },
  };
}

function rowOfPanels(context: Context, index: number): Panel {
  const { session, signal } = context;
  const grid = h("div", { class: "rlv-frames" });
  const enlarge = (role: Role | null) => {
    if (role === null || grid.dataset.enlarged === role) delete grid.dataset.enlarged;
    else grid.dataset.enlarged = role;
  };
  const panels = ROLES.map((role) => ({
    role,
    panel: picture(context, role, { row: index, enlarge: () => enlarge(role), pick: true }),
  }));
  const bar = rowBar(context, index);
  grid.append(...panels.map(({ panel }) => panel.element));
  const element = h("section", { class: "rlv-row-of-panels" }, bar.element, grid);
  for (const event of ["pointerdown", "focusin"])
    element.addEventListener(event, () => session.rows.focus(index), { signal });
  element.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || event.defaultPrevented || !grid.dataset.enlarged) return;
      enlarge(null);
      event.stopPropagation();
    },
    { signal },
  );
  const later: Panel[] = [];
  const complete = (scene: Scene) => {
    // Not needed for the first picture, so that comes first.
    const extras = scene.stale ? null : session.extras();
    if (!extras) return;
    const [moves, empty, chart] = [extras.rowMoves, extras.emptyState, extras.totalsChart].map((make) =>
      make(context, index),
    );
    bar.tools.append(...elementsOf(moves));
    grid.append(...elementsOf(empty, chart));
    for (const panel of [moves, empty, chart]) if (panel) later.push(panel);
  };
  return {
    element,
    draw(scene) {
      describe(element, scene, index);
      setAttribute(grid, "data-combine", scene.combine);
      const shown: Role[] = ["observation", ...panelsShown(scene)];
      for (const { role, panel } of panels) {
        panel.element.hidden = !shown.includes(role);
        if (!panel.element.hidden) panel.draw(scene);
        else if (grid.dataset.enlarged === role) enlarge(null);
      }
      if (later.length === 0) complete(scene);
      for (const panel of [bar, ...later]) panel.draw(scene);
    },
  };
}

const elementsOf = (...panels: (Panel | undefined)[]): HTMLElement[] =>
  panels.flatMap((panel) => (panel ? [panel.element] : []));

function describe(element: HTMLElement, scene: Scene, index: number): void {
  const row = scene.rows[index];
  const several = scene.rows.length > 1;
  setAttribute(element, "aria-label", `Row ${index + 1}: ${row?.label ?? ""}`);
  setAttribute(element, "aria-current", several && scene.row === row ? "true" : false);
  setAttribute(element, "data-several", several);
}
