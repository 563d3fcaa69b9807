/** Picking a cell of the layer on a picture: by a click, or by keys while the picture has the focus. */
import { clamp } from "../core/study.ts";
import { h, setAttribute } from "../views/dom.ts";
import type { Context, Panel } from "./panel.ts";

const MOVES: Record<string, [rows: number, columns: number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Makes `place`, the element that a picture fills, pick cells and mark the one that is picked. */
export function cellPicker({ session, signal }: Context, place: HTMLElement): Pick<Panel, "draw"> {
  const marker = h("span", { class: "rlv-marker", "aria-hidden": "true" });
  place.append(marker);
  place.tabIndex = 0;
  setAttribute(place, "role", "group");
  setAttribute(place, "aria-label", "Enter picks a cell, Alt and arrows move it");
  setAttribute(place, "data-lm-suppress-shortcuts", "true");
  let height = 0;
  let width = 0;

  const picked = (): number[] => session.model.get("cell") ?? [];
  /** Picks a cell, or drops it when it is the one that is picked: a double click leaves all as it was. */
  const pick = (row: number, column: number) => {
    const [oldRow, oldColumn] = picked();
    session.set("cell", oldRow === row && oldColumn === column ? [] : [row, column]);
  };
  place.addEventListener(
    "click",
    ({ clientX, clientY }) => {
      if (height === 0) return;
      const { left, top, width: across, height: down } = place.getBoundingClientRect();
      place.focus({ preventScroll: true });
      const at = (share: number, count: number) => clamp(Math.floor(share * count), 0, count - 1);
      pick(at((clientY - top) / down, height), at((clientX - left) / across, width));
    },
    { signal },
  );
  place.addEventListener(
    "keydown",
    (event) => {
      if (height === 0 || event.ctrlKey || event.metaKey || !act(event.key, event.altKey)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
  /** Plain arrows stay those of time, as everywhere in the view. */
  function act(key: string, alt: boolean): boolean {
    const [row = height >> 1, column = width >> 1] = picked();
    const move = alt ? MOVES[key] : undefined;
    if (move)
      session.set("cell", [clamp(row + move[0], 0, height - 1), clamp(column + move[1], 0, width - 1)]);
    else if (key === "Enter" && !alt) pick(row, column);
    else if (key === "Escape" && picked().length > 0) session.set("cell", []);
    else return false;
    return true;
  }

  return {
    draw({ layer }) {
      height = layer?.features.length ? layer.height : 0;
      width = layer?.width ?? 0;
      const [row = -1, column = -1] = picked();
      marker.hidden = row < 0 || row >= height || column >= width;
      if (marker.hidden) return;
      marker.style.left = `${(100 * column) / width}%`;
      marker.style.top = `${(100 * row) / height}%`;
      marker.style.width = `${100 / width}%`;
      marker.style.height = `${100 / height}%`;
    },
  };
}
