/** What was done, thought and earned at a step, recorded and in the branch, and how they differ. */
import type { Moment } from "../core/branches.ts";
import { fixed, signed } from "../core/numbers.ts";
import { type Loaded, numbers } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { h, setText } from "../views/dom.ts";

export interface BranchTable {
  element: HTMLElement;
  /** `share` of the pixels differs; null: unknown. */
  draw(scene: Scene, branch: Loaded | undefined, moment: Moment, share: number | null): void;
}

const ROWS = ["action", "value", "reward", "pixels"] as const;

export function branchTable(): BranchTable {
  const cells = ROWS.map(() => [h("td", {}), h("td", {}), h("td", {})]);
  const head = ["recorded", "branch", "difference"].map((text) => h("th", { scope: "col" }, text));
  const rows = ROWS.map((text, row) => h("tr", {}, h("th", { scope: "row" }, text), ...(cells[row] ?? [])));
  const write = (row: (typeof ROWS)[number], texts: readonly string[]) => {
    for (const [index, cell] of (cells[ROWS.indexOf(row)] ?? []).entries()) setText(cell, texts[index] ?? "");
  };
  return {
    element: h(
      "table",
      { class: "rlv-branch-table" },
      h("thead", {}, h("tr", {}, h("td", {}), ...head)),
      h("tbody", {}, ...rows),
    ),
    draw({ curves, step, study }, branch, { at, index }, share) {
      // Neither of the two agents has a value.
      rows[ROWS.indexOf("value")]?.toggleAttribute("hidden", !study.has_value && !branch?.arrays.value);
      const both = (name: string) => [
        numbers(curves, name)[step],
        at === "within" ? numbers(branch, name)[index] : undefined,
      ];
      // Another agent may have other actions, or call them otherwise.
      const theirs = (branch?.result.action_names ?? study.action_names) as readonly string[];
      const [own = -1, other = -1] = both("action");
      const [mine, its] = [study.action_names[own] ?? "–", theirs[other] ?? "–"];
      write("action", [mine, its, its === "–" ? "" : mine === its ? "the same" : "another"]);
      for (const name of ["value", "reward"] as const) {
        const [a, b] = both(name);
        const decimals = name === "reward" && Number.isInteger(a ?? 0) && Number.isInteger(b ?? 0) ? 0 : 2;
        const known = a !== undefined && b !== undefined;
        write(name, [fixed(a, decimals), fixed(b, decimals), known ? signed(b - a, decimals) : ""]);
      }
      const different =
        share === null ? "" : share === 0 ? "the same" : `${(100 * share).toFixed(1)} % differ`;
      write("pixels", ["", "", different]);
    },
  };
}
