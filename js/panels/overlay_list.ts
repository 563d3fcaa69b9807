/** The objects of a step as buttons: each shows where it is, by pointer, by focus, or for as long as it is pressed. */
import type { Seen } from "../core/masks.ts";
import { fixed, signed } from "../core/numbers.ts";
import { h, setAttribute, setText } from "../views/dom.ts";

export interface ObjectList {
  element: HTMLElement;
  draw(objects: readonly Seen[], held: number | null): void;
}

interface Classes {
  name: (code: number) => string;
  colour: (code: number) => string;
}

interface Acts {
  /** Shown while it is pointed at or has the focus. */
  point: (instance: number | null) => void;
  hold: (instance: number) => void;
}

/** The object in a line: place, speed a step if it has one, pixels that are seen. */
function inShort({ x, y, vx, vy, pixels }: Seen): string {
  const moves = vx || vy ? [`${signed(vx, 2)}, ${signed(vy, 2)}/step`] : [];
  return [`${fixed(x, 1)}, ${fixed(y, 1)}`, ...moves, `${pixels} px`].join(" · ");
}

/** The object in words: where it is in cells, its speed if it has one, and how much of it is seen. */
export function inWords({ x, y, vx, vy, pixels }: Seen): string[] {
  const place = `at ${fixed(x, 1)}, ${fixed(y, 1)} cells`;
  const moves = vx || vy ? [`moves ${signed(vx, 2)}, ${signed(vy, 2)} a step`] : [];
  return [place, ...moves, `${pixels} pixel${pixels === 1 ? "" : "s"} seen`];
}

export function objectList(classes: Classes, { point, hold }: Acts, signal: AbortSignal): ObjectList {
  const element = h("div", { class: "rlv-object-list", role: "group", "aria-label": "Objects of this step" });
  const rows: { button: HTMLButtonElement; name: HTMLElement; place: HTMLElement; instance: number }[] = [];
  const add = () => {
    const [name, place] = [h("span", { class: "rlv-object-name" }), h("span", { class: "rlv-hint" })];
    const swatch = h("span", { class: "rlv-object-swatch", "aria-hidden": "true" });
    const button = h("button", { class: "rlv-object", "aria-pressed": "false" }, swatch, name, place);
    const row = { button, name, place, instance: 0 };
    const listen = (type: string, act: () => void) => button.addEventListener(type, act, { signal });
    for (const type of ["pointerenter", "focus"]) listen(type, () => point(row.instance));
    for (const type of ["pointerleave", "blur"]) listen(type, () => point(null));
    listen("click", () => hold(row.instance));
    rows.push(row);
    element.append(button);
  };
  element.addEventListener(
    "keydown",
    (event) => {
      const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const at = rows.findIndex(({ button }) => button === event.target);
      if (!move || at < 0) return;
      rows[at + move]?.button.focus();
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
  return {
    element,
    draw(objects, held) {
      while (rows.length < objects.length) add();
      for (const [index, row] of rows.entries()) {
        const one = objects[index];
        row.button.hidden = !one;
        if (!one) continue;
        row.instance = one.instance;
        setText(row.name, classes.name(one.code));
        setText(row.place, inShort(one));
        setAttribute(row.place, "title", inWords(one).join("\n"));
        row.button.style.setProperty("--rlv-colour", classes.colour(one.code));
        setAttribute(row.button, "aria-pressed", String(one.instance === held));
      }
    },
  };
}
