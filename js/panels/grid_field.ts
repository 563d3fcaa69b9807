/** The patches of a feature grid: seen as a picture, walked through cell by cell, and each opened to its whole frame. */
import { drawPatches, moved } from "../core/grid.ts";
import { fixed } from "../core/numbers.ts";
import type { Grid } from "../host/grid_data.ts";
import { context2d, h, setAttribute, setText } from "../views/dom.ts";
import { focusedNear } from "../views/focus.ts";

export interface FieldActions {
  signal: AbortSignal;
  /** Shows the whole frame of a cell; `kept` stays open after the pointer is up. */
  peek: (index: number, kept: boolean) => void;
  unpeek: () => void;
  isKept: () => boolean;
  zoomBy: (by: number) => void;
  densityBy: (by: number) => void;
  toggleOpaque: () => void;
  go: (index: number) => void;
}

export interface Field {
  element: HTMLElement;
  draw(grid: Grid | null, zoom: number, opaque: boolean, sourceOf: (index: number) => string): void;
  focus(): void;
}

const HELD_MS = 350;
const WHEEL_MS = 100;

export function gridField(actions: FieldActions): Field {
  const { signal } = actions;
  const canvas = h("canvas", { class: "rlv-grid-canvas", width: 1, height: 1, "aria-hidden": "true" });
  const context = context2d(canvas);
  const line = h("div", { role: "row" });
  const cells = h("div", { class: "rlv-grid-cells", role: "grid", "aria-label": "Patches" }, line);
  const picture = h("div", { class: "rlv-grid-picture" }, canvas, cells);
  const readout = h("output", { class: "rlv-grid-readout", "aria-live": "off" });
  const element = h("div", { class: "rlv-grid-field" }, picture, readout);
  let grid: Grid | null = null;
  let sourceOf: (index: number) => string = String;
  let at = 0;
  let cell: HTMLElement | null = null;
  let over: number | null = null;
  let pressed: { since: number; moved: boolean; wasKept: boolean } | null = null;
  let drawn: unknown[] = [];
  let wheeled = 0;
  let [shownZoom, isOpaque] = [4, false];

  const words = (index: number): string => {
    if (!grid) return "";
    const { columns } = grid.patches;
    const strength = grid.strength[index] ?? 0;
    const place = `row ${Math.floor(index / columns) + 1}, column ${(index % columns) + 1}`;
    return `${place}, strength ${fixed(strength, strength < 0.1 ? 3 : 2)}, ${sourceOf(index)}`;
  };
  const read = () => setText(readout, grid ? words(over ?? at) : "");

  /** A new element for the cell that is moved to: screen readers then say what it is. */
  const place = (index: number, focus: boolean) => {
    if (!grid) return;
    const { rows, columns } = grid.patches;
    at = Math.max(0, Math.min(rows * columns - 1, index));
    const [row, column] = [Math.floor(at / columns), at % columns];
    const next = h("div", {
      class: "rlv-grid-cell",
      role: "gridcell",
      tabindex: 0,
      "aria-label": words(at),
      "aria-colindex": column + 1,
    });
    Object.assign(next.style, {
      left: `${(100 * column) / columns}%`,
      top: `${(100 * row) / rows}%`,
      width: `${100 / columns}%`,
      height: `${100 / rows}%`,
    });
    setAttribute(line, "aria-rowindex", row + 1);
    line.append(next);
    if (focus) next.focus({ preventScroll: true });
    cell?.remove();
    cell = next;
    paint();
    read();
  };

  const paint = () => {
    if (!grid) return;
    const all = isOpaque || over !== null;
    const own = cell && isFocused(cell) ? at : -1;
    const key = [grid, shownZoom, all, own];
    if (key.every((part, index) => part === drawn[index])) return;
    drawn = key;
    const { width, height, data } = drawPatches(
      grid.patches,
      Math.min(shownZoom, grid.fetched),
      grid.fetched,
      (index) => all || index === own,
    );
    canvas.width = width;
    canvas.height = height;
    context.putImageData(new ImageData(data, width, height), 0, 0);
  };

  const cellAt = (event: PointerEvent): number | null => {
    if (!grid) return null;
    const box = picture.getBoundingClientRect();
    const { rows, columns } = grid.patches;
    const column = Math.floor((columns * (event.clientX - box.left)) / box.width);
    const row = Math.floor((rows * (event.clientY - box.top)) / box.height);
    return row >= 0 && row < rows && column >= 0 && column < columns ? row * columns + column : null;
  };

  const point = (event: PointerEvent) => {
    const index = cellAt(event);
    if (index === over) return;
    over = index;
    paint();
    read();
    if (pressed && index !== null) {
      pressed.moved = true;
      place(index, true);
      actions.peek(index, false);
    }
  };
  picture.addEventListener("pointermove", point, { signal });
  picture.addEventListener(
    "pointerleave",
    () => {
      over = null;
      paint();
      read();
    },
    { signal },
  );
  picture.addEventListener(
    "pointerdown",
    (event) => {
      const index = cellAt(event);
      if (event.button !== 0 || index === null) return;
      event.preventDefault();
      picture.setPointerCapture(event.pointerId);
      pressed = { since: event.timeStamp, moved: false, wasKept: actions.isKept() };
      place(index, true);
      actions.peek(index, false);
    },
    { signal },
  );
  const release = (event: PointerEvent) => {
    if (!pressed) return;
    const brief = !pressed.moved && event.timeStamp - pressed.since < HELD_MS;
    if (brief && event.type === "pointerup" && !pressed.wasKept) actions.peek(at, true);
    else actions.unpeek();
    pressed = null;
  };
  for (const event of ["pointerup", "pointercancel"] as const)
    picture.addEventListener(event, release, { signal });
  picture.addEventListener("dblclick", () => actions.go(at), { signal });
  picture.addEventListener(
    "wheel",
    (event) => {
      const wanted = event.ctrlKey || (cell !== null && isFocused(cell));
      if (!wanted) return;
      event.preventDefault();
      if (event.timeStamp - wheeled < WHEEL_MS) return;
      wheeled = event.timeStamp;
      actions.zoomBy(event.deltaY < 0 ? 1 : -1);
    },
    { signal, passive: false },
  );
  cells.addEventListener("focusin", () => paint(), { signal });
  cells.addEventListener("focusout", () => queueMicrotask(paint), { signal });
  cells.addEventListener(
    "keydown",
    (event) => {
      if (!grid || event.altKey || event.metaKey || !press(event)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );

  function press(event: KeyboardEvent): boolean {
    const next = grid && moved(at, event.key, grid.patches, event.ctrlKey);
    if (next !== null && next !== undefined) {
      const kept = actions.isKept();
      place(next, true);
      if (kept) actions.peek(next, true);
      return true;
    }
    if (event.ctrlKey) return false;
    switch (event.key) {
      case "Enter":
      case " ":
        if (actions.isKept()) actions.unpeek();
        else actions.peek(at, true);
        return true;
      case "+":
      case "=":
        actions.zoomBy(1);
        return true;
      case "-":
        actions.zoomBy(-1);
        return true;
      case ".":
        actions.densityBy(1);
        return true;
      case ",":
        actions.densityBy(-1);
        return true;
      case "o":
        actions.toggleOpaque();
        return true;
      case "g":
        actions.go(at);
        return true;
      default:
        return false;
    }
  }

  return {
    element,
    focus: () => cell?.focus({ preventScroll: true }),
    draw(next, zoom, opaque, source) {
      sourceOf = source;
      [shownZoom, isOpaque] = [zoom, opaque];
      picture.hidden = next === null;
      if (next !== grid) {
        const had = cell !== null && isFocused(cell);
        const share = grid ? placeOf(at, grid) : null;
        grid = next;
        if (grid) {
          const { rows, columns } = grid.patches;
          setAttribute(cells, "aria-rowcount", rows);
          setAttribute(cells, "aria-colcount", columns);
          picture.style.setProperty(
            "--rlv-aspect",
            String((columns * grid.span.width) / (rows * grid.span.height)),
          );
          // The same place on screen, whatever the density.
          const [down, across] = share ?? [0.5, 0.5];
          place(Math.floor(down * rows) * columns + Math.floor(across * columns), had);
        }
      }
      paint();
      read();
    },
  };
}

/** Where a cell's middle lies, as shares of the height and the width. */
function placeOf(index: number, { patches: { rows, columns } }: Grid): [number, number] {
  return [(Math.floor(index / columns) + 0.5) / rows, ((index % columns) + 0.5) / columns];
}

const isFocused = (element: Element): boolean => focusedNear(element) === element;
