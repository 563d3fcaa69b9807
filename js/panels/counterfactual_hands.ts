/** What the pointer or the keys hold over the frame: an object that is dragged, or something to put in. */
import { cellAt, EDITS, type Edit, type Point, toFrame } from "../core/counterfactual.ts";
import { cellsBetween, objectAt, type WorldObject } from "../core/counterfactual_sight.ts";
import type { Imagined, PaletteItem } from "../host/counterfactual_reply.ts";

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
  /** The cell that the stroke has reached. */
  #last: Point | null = null;

  /** Walls are painted cell by cell, other things are put somewhere. */
  get paints(): boolean {
    return this.brush !== null && isPaint(this.brush.kind);
  }

  take(brush: PaletteItem | null): void {
    this.brush = brush;
    this.lift();
    if (!brush) this.at = null;
  }

  /** Adds the cells from where the stroke was to the one at `point`, as far as there is something to paint. */
  paint(point: Point, fits: (cell: Point) => boolean): void {
    const cell = cellAt(point);
    const fresh = cellsBetween(this.#last ?? cell, cell);
    const known = new Set(this.stroke.map(String));
    this.stroke.push(...fresh.filter((one) => !known.has(String(one)) && fits(one)));
    this.#last = cell;
  }

  /** Ends the stroke. */
  lift(): void {
    this.stroke = [];
    this.#last = null;
  }

  /** What the stroke, or a click at `point`, does to the world. */
  done(point: Point): Edit[] {
    const { brush, stroke } = this;
    this.lift();
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

/** Whether painting a cell would change it: a wall is opened where one is, and built where nothing is. */
export function canPaint({ after, classes }: Imagined, kind: string, [i, j]: Point): boolean {
  const middle = toFrame(after.camera, [i + 0.5, j + 0.5]);
  const { width, height } = after.instances;
  const [x, y] = [Math.floor(middle[0]), Math.floor(middle[1])];
  if (x < 0 || y < 0 || x >= width || y >= height) return false;
  const isWall = classes[after.pixelClass?.[y * width + x] ?? -1] === "wall";
  return kind === "carve" ? isWall : !isWall && objectAt(after.instances, after.objects, middle, 0) === null;
}
