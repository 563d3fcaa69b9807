/** Lines over the frame: outlines of objects, what is dragged, and where a brush is. */
import { type Point, toFrame } from "../core/counterfactual.ts";
import { outline, type Segment, type WorldObject } from "../core/counterfactual_sight.ts";
import type { Version } from "../host/counterfactual_reply.ts";
import { context2d } from "../views/dom.ts";
import type { Theme } from "../views/theme.ts";
import type { Hands } from "./counterfactual_hands.ts";

export interface Shown {
  version: Version;
  selected: WorldObject | null;
  pointed: WorldObject | null;
  hands: Hands;
}

/** Makes the canvas as fine as the screen; everything is then drawn in pixels of the frame. */
function prepare(canvas: HTMLCanvasElement, width: number, frame: number): CanvasRenderingContext2D {
  const size = Math.max(1, Math.round(width * (window.devicePixelRatio || 1)));
  if (canvas.width !== size) canvas.width = size;
  if (canvas.height !== size) canvas.height = size;
  const context = context2d(canvas);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, size, size);
  context.scale(size / frame, size / frame);
  return context;
}

export function drawOverlay(
  canvas: HTMLCanvasElement,
  width: number,
  { version, selected, pointed, hands }: Shown,
  theme: Theme,
): void {
  if (width === 0) return;
  const frame = version.instances.width;
  const context = prepare(canvas, width, frame);
  const px = frame / width;
  const trace = (object: WorldObject, colour: string, thickness: number) => {
    const seen = outline(version.instances, object.id);
    context.setLineDash(seen.length > 0 ? [] : [3 * px, 3 * px]);
    const segments = seen.length > 0 ? seen : boxOf(object);
    // Dark beneath light: it is seen on any background.
    stroke(context, segments, "rgb(0 0 0 / 0.75)", (thickness + 2) * px);
    stroke(context, segments, colour, thickness * px);
    context.setLineDash([]);
  };
  if (pointed && pointed !== selected) trace(pointed, "#ffffff", 1.5);
  if (selected) trace(selected, theme.accent, 2);
  if (hands.dragged) drawDragged(context, version, hands.dragged, hands.by);
  if (hands.brush) drawBrush(context, version, hands, px);
}

function stroke(
  context: CanvasRenderingContext2D,
  segments: readonly Segment[],
  colour: string,
  width: number,
): void {
  context.beginPath();
  for (const [x1, y1, x2, y2] of segments) {
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
  }
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.lineCap = "square";
  context.stroke();
}

function boxOf({ box: [left, top, right, bottom] }: WorldObject): Segment[] {
  return [
    [left, top, right, top],
    [right, top, right, bottom],
    [right, bottom, left, bottom],
    [left, bottom, left, top],
  ];
}

/** The object's own pixels, where they would lie. */
function drawDragged(
  context: CanvasRenderingContext2D,
  { pixels, instances }: Version,
  { id }: WorldObject,
  [right, down]: Point,
): void {
  context.globalAlpha = 0.8;
  for (let index = 0; index < instances.ids.length; index++) {
    if (instances.ids[index] !== id) continue;
    const [red, green, blue] = pixels.subarray(3 * index, 3 * index + 3);
    context.fillStyle = `rgb(${red} ${green} ${blue})`;
    const [x, y] = [index % instances.width, Math.floor(index / instances.width)];
    context.fillRect(x + right, y + down, 1.02, 1.02);
  }
  context.globalAlpha = 1;
}

/** The cells of a stroke, and the cell that the brush is over. */
function drawBrush(context: CanvasRenderingContext2D, { camera }: Version, hands: Hands, px: number): void {
  const side = 1 / camera.cell;
  const corner = ([i, j]: Point) => toFrame(camera, [i, j + 1]);
  context.fillStyle = hands.brush?.kind === "carve" ? "rgb(0 0 0 / 0.55)" : "rgb(255 255 255 / 0.55)";
  for (const cell of hands.stroke) context.fillRect(...corner(cell), side, side);
  if (!hands.at) return;
  const [left, top] = corner([Math.floor(hands.at[0]), Math.floor(hands.at[1])]);
  const square = boxOf({ box: [left, top, left + side, top + side] } as unknown as WorldObject);
  stroke(context, square, "rgb(0 0 0 / 0.75)", 3.5 * px);
  stroke(context, square, "#ffffff", 1.5 * px);
}
