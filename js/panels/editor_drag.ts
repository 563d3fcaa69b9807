/** Rows of a list that are put elsewhere by their grips: dragged, or by the arrow keys. */
import { setAttribute } from "../views/dom.ts";

export function dragRows(
  list: HTMLElement,
  move: (from: number, to: number) => void,
  signal: AbortSignal,
): void {
  let held: HTMLElement | null = null;
  let from = -1;
  let to = -1;
  let start = 0;
  const rows = () => [...list.children] as HTMLElement[];
  const gripOf = (target: EventTarget | null) =>
    target instanceof Element ? target.closest<HTMLButtonElement>(".rlv-ed-grip:not(:disabled)") : null;
  const rowOf = (grip: Element) => rows().findIndex((row) => row.contains(grip));
  const listen = <K extends keyof HTMLElementEventMap>(
    type: K,
    act: (event: HTMLElementEventMap[K]) => void,
  ) => list.addEventListener(type, act, { signal });

  /** Where the row would go: past all whose middle it has passed. */
  const placeAt = (y: number) =>
    rows().filter((row, index) => {
      const { top, height } = row.getBoundingClientRect();
      return index !== from && top + height / 2 < y;
    }).length;
  const show = (y: number) => {
    for (const [index, row] of rows().entries()) {
      row.style.translate = index === from ? `0 ${y - start}px` : "";
      setAttribute(row, "data-dragged", index === from);
      const edge = index === to && to !== from ? (to > from ? "after" : "before") : false;
      setAttribute(row, "data-drop", edge);
    }
  };
  const end = () => {
    from = -1;
    for (const row of rows()) {
      row.style.translate = "";
      row.removeAttribute("data-dragged");
      row.removeAttribute("data-drop");
    }
  };
  listen("pointerdown", (event) => {
    const grip = gripOf(event.target);
    if (!grip || event.button !== 0) return;
    grip.setPointerCapture(event.pointerId);
    held = grip;
    [from, start] = [rowOf(grip), event.clientY];
    to = from;
  });
  listen("pointermove", ({ clientY }) => {
    if (from < 0) return;
    if (!held?.isConnected) return end();
    to = placeAt(clientY);
    show(clientY);
  });
  listen("pointerup", () => {
    const [was, now] = [held?.isConnected ? from : -1, to];
    end();
    if (was >= 0) move(was, now);
  });
  listen("pointercancel", end);
  listen("keydown", (event) => {
    if (event.key === "Escape" && from >= 0) {
      end();
      event.stopPropagation();
      return;
    }
    const grip = gripOf(event.target);
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!grip || !by) return;
    const row = rowOf(grip);
    move(row, row + by);
    event.preventDefault();
    event.stopPropagation();
  });
}
