/** What the pointer or the keys hold over the frame: an object that is dragged, or something to put in. */
import { cellAt, EDITS, type Edit, type Point } from "../core/counterfactual.ts";
import { cellsBetween, type WorldObject } from "../core/counterfactual_sight.ts";
import type { PaletteItem } from "../host/counterfactual_reply.ts";

export class Hands {
  /** Chosen from the palette: the next click puts it in, a stroke paints it. */
  brush: PaletteItem | null = null;
  /** Where the brush is, in the world. */
  at: Point | null = null;
  /** Cells painted so far in this stroke. */
  stroke: Point[] = [];
  dragged: WorldObject | null = null;
  /** How far it was dragged, in pixels of the frame. */
  by: Point = [0, 0];

  /** Walls are painted cell by cell, other things are put somewhere. */
  get paints(): boolean {
    return this.brush !== null && isPaint(this.brush.kind);
  }

  take(brush: PaletteItem | null): void {
    this.brush = brush;
    this.stroke = [];
    if (!brush) this.at = null;
  }

  /** Adds the cells from the stroke's last one to the one at `point`. */
  paint(point: Point): void {
    const cell = cellAt(point);
    const fresh = cellsBetween(this.stroke.at(-1) ?? cell, cell);
    const known = new Set(this.stroke.map(String));
    this.stroke.push(...fresh.filter((one) => !known.has(String(one))));
  }

  /** What the stroke, or a click at `point`, does to the world. */
  done(point: Point): Edit[] {
    const { brush, stroke } = this;
    this.stroke = [];
    if (!brush) return [];
    if (brush.kind === "fill" || brush.kind === "carve")
      return (stroke.length > 0 ? stroke : [cellAt(point)]).map(EDITS[brush.kind]);
    const [i, j] = cellAt(point);
    const middle: Point = [i + 0.5, j + 0.5];
    if (brush.kind === "teleport") return [{ kind: "teleport", to: [...middle] }];
    const what = brush.what ?? "";
    return [brush.kind === "decoy" ? EDITS.decoy(what, middle) : EDITS.add(what, middle)];
  }
}

const isPaint = (kind: string): boolean => kind === "fill" || kind === "carve";
