/** Renaming a feature where its name stands: one text field, moved to the row that is renamed. */
import { h, setAttribute } from "../views/dom.ts";
import type { Row } from "./legend_row.ts";
import type { Context } from "./panel.ts";

export const NEEDS_KERNEL = "needs a kernel: open the notebook";

/** As in Python, which checks it. */
const LONGEST_NAME = 60;

interface Editing {
  row: Row;
  layer: string;
  feature: number;
}

/** Returns what starts to rename a row; `tell` says what went wrong, or nothing. */
export function renamer(
  { session, signal }: Context,
  tell: (text: string) => void,
): (editing: Editing) => void {
  const input = h("input", { class: "rlv-rename", maxlength: LONGEST_NAME });
  let open: Editing | null = null;

  const close = (refocus: boolean) => {
    const row = open?.row;
    open = null;
    input.remove();
    if (refocus) row?.pin.focus();
  };
  const keep = async (refocus: boolean) => {
    const mine = open;
    if (!mine || input.readOnly) return;
    const { row, layer, feature } = mine;
    if (input.value === shown(row.name)) return close(refocus);
    input.readOnly = true;
    try {
      await session.request("rename", { layer, feature, name: input.value });
      tell("");
      if (open === mine) close(refocus);
    } catch (error) {
      tell(error instanceof Error ? error.message : String(error));
      if (open !== mine) return; // meanwhile another row is renamed
      // What was typed stays, to be mended.
      setAttribute(input, "aria-invalid", "true");
      input.readOnly = false;
      input.focus();
    }
  };
  input.addEventListener(
    "keydown",
    (event) => {
      event.stopPropagation();
      if (event.isComposing) return;
      if (event.key === "Enter") void keep(true);
      else if (event.key === "Escape") {
        tell("");
        close(true);
      }
    },
    { signal },
  );
  input.addEventListener("blur", () => void keep(false), { signal });

  return (editing) => {
    if (session.offline) return tell(`Renaming ${NEEDS_KERNEL}`);
    open = editing;
    input.readOnly = false;
    input.value = shown(editing.row.name);
    setAttribute(input, "aria-invalid", false);
    setAttribute(input, "placeholder", `feature ${editing.feature}`);
    setAttribute(input, "aria-label", `Name of ${editing.row.name}`);
    editing.row.element.append(input);
    input.select();
    input.focus();
  };
}

/** A name as it is edited: that of a feature without one is empty. */
const shown = (name: string): string => (/^feature \d+$/.test(name) ? "" : name);
