/** The strip of squeezed frames: of everything, and where a long trajectory is seen closely, of that part alone. */
import type { Axis } from "../core/timeline.ts";
import { requestKey, STRIP_PART, want } from "../core/wants.ts";
import type { Loaded } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import type { Session } from "../host/session.ts";
import { h } from "../views/dom.ts";
import type { Strip } from "./timeline_draw.ts";
import { drawStrip } from "./trajectories.ts";

const MOST_PARTS = 4;
const images = new WeakMap<Loaded, HTMLCanvasElement>();

function image(strip: Loaded): HTMLCanvasElement {
  const known = images.get(strip) ?? h("canvas");
  if (!images.has(strip)) drawStrip(known, strip);
  images.set(strip, known);
  return known;
}

/** Numbers of the parts that are worth fetching for a sheet; none where the strip of everything is as good. */
export function partsFor({ first, last }: Axis, numSteps: number, columns: number): number[] {
  const from = Math.floor(Math.max(0, first) / STRIP_PART);
  const to = Math.floor(Math.min(numSteps - 1, last) / STRIP_PART);
  if (columns >= numSteps || to - from >= MOST_PARTS) return [];
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** What there is to draw of a sheet, the closer look last; asks for what is missing of it. */
export function strips(session: Session): (scene: Scene, sheet: Axis) => Strip[] {
  let asked = "";
  return ({ strip, trajectory, numSteps }, sheet) => {
    if (!strip) return [];
    const all = { image: image(strip), start: 0, stop: numSteps };
    const parts = partsFor(sheet, numSteps, all.image.width);
    const at = `${trajectory}/${parts}`;
    if (at !== asked && (asked || parts.length > 0))
      session.alsoWant(
        parts.map((part) => want("strip_part", { trajectory, part })),
        "strip",
      );
    asked = at;
    const closer = parts.flatMap((part) => {
      const found = session.store.get(requestKey("strip_part", { trajectory, part }));
      const start = part * STRIP_PART;
      return found ? [{ image: image(found), start, stop: Math.min(numSteps, start + STRIP_PART) }] : [];
    });
    return [all, ...closer];
  };
}
