import type { CompareScene } from "../host/compare_scene.ts";
import type { Comparison } from "../host/comparison.ts";
import type { Theme } from "../views/theme.ts";

/** What every panel of a comparison is made from. */
export interface CompareContext {
  comparison: Comparison;
  signal: AbortSignal;
  /** Read again after a change of theme, which is followed by a full drawing. */
  theme: () => Theme;
}

/** A part of the comparison. `draw` is called in an animation frame and touches only what changed. */
export interface ComparePanel {
  element: HTMLElement;
  draw(compared: CompareScene): void;
}

/** How each member's line is drawn, in the order of members: told apart without colour. */
const DASHES: readonly (readonly number[])[] = [[], [6, 3], [1.5, 3], [9, 3, 1.5, 3]];

export const dashOf = (index: number): number[] => [...(DASHES[index % DASHES.length] ?? [])];

/** The line of a member, as a legend shows it. */
export function lineSample(index: number): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  for (const [name, value] of Object.entries({
    viewBox: "0 0 28 8",
    width: 28,
    height: 8,
    "aria-hidden": true,
  }))
    svg.setAttribute(name, String(value));
  const line = document.createElementNS(namespace, "path");
  line.setAttribute("d", "M1 4H27");
  line.setAttribute("stroke", "currentColor");
  line.setAttribute("stroke-width", "1.5");
  line.setAttribute("stroke-dasharray", dashOf(index).join(" "));
  svg.append(line);
  return svg;
}
