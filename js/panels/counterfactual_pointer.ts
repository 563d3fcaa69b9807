/** The pointer over the frame: hovering names, a click selects, a drag moves, a brush puts in or paints. */
import { type Point, toWorld } from "../core/counterfactual.ts";
import { objectAt, type WorldObject } from "../core/counterfactual_sight.ts";
import type { Acts } from "./counterfactual_acts.ts";
import { canPaint, type Hands } from "./counterfactual_hands.ts";
import type { CounterfactualContext } from "./counterfactual_panel.ts";

/** Pixels of the screen that the pointer may wander and still have clicked. */
const SLACK = 4;

export function followPointer(
  { imagination, signal }: CounterfactualContext,
  frame: HTMLElement,
  hands: Hands,
  { canMove, move }: Acts,
): void {
  let pressed: { x: number; y: number; object: WorldObject | null } | null = null;
  const listen = <K extends keyof HTMLElementEventMap>(
    name: K,
    act: (event: HTMLElementEventMap[K]) => void,
  ) => frame.addEventListener(name, act, { signal });
  const version = () => imagination.imagined?.after ?? null;

  /** Where the pointer is, in pixels of the frame. */
  const at = ({ clientX, clientY }: PointerEvent): Point => {
    const { left, top, width, height } = frame.getBoundingClientRect();
    const { width: columns = 64, height: rows = 64 } = version()?.instances ?? {};
    return [((clientX - left) / width) * columns, ((clientY - top) / height) * rows];
  };
  const under = (event: PointerEvent): WorldObject | null => {
    const shown = version();
    return shown && objectAt(shown.instances, shown.objects, at(event));
  };
  const place = (event: PointerEvent): Point | null => {
    const shown = version();
    return shown && toWorld(shown.camera, at(event));
  };
  const fits = (cell: Point): boolean => {
    const shown = imagination.imagined;
    return shown !== null && canPaint(shown, hands.brush?.kind ?? "", cell);
  };
  const leave = () => {
    hands.dragged = null;
    hands.by = [0, 0];
    pressed = null;
  };

  listen("pointerdown", (event) => {
    if (event.button !== 0 || imagination.playing) return;
    const object = hands.brush ? null : under(event);
    pressed = { x: event.clientX, y: event.clientY, object };
    frame.setPointerCapture(event.pointerId);
    const point = place(event);
    if (hands.paints && point) hands.paint(point, fits);
    imagination.invalidate();
  });

  listen("pointermove", (event) => {
    if (imagination.playing) return;
    if (hands.brush) {
      hands.at = place(event);
      if (pressed && hands.paints && hands.at) hands.paint(hands.at, fits);
      imagination.invalidate();
      return;
    }
    if (!pressed) {
      imagination.point(under(event)?.key ?? null);
      return;
    }
    const [right, down] = [event.clientX - pressed.x, event.clientY - pressed.y];
    if (pressed.object && canMove(pressed.object) && Math.hypot(right, down) > SLACK)
      hands.dragged = pressed.object;
    if (!hands.dragged) return;
    const scale = (version()?.instances.width ?? 64) / frame.getBoundingClientRect().width;
    hands.by = [right * scale, down * scale];
    imagination.invalidate();
  });

  listen("pointerup", (event) => {
    const point = place(event);
    if (pressed && hands.brush && point) imagination.editAll(hands.done(point));
    else if (pressed && hands.dragged) drop(hands.dragged, hands.by);
    else if (pressed) imagination.set("selected", pressed.object?.key ?? "");
    leave();
    imagination.invalidate();
  });

  const drop = (object: WorldObject, [right, down]: Point) => {
    const cell = version()?.camera.cell ?? 1;
    imagination.set("selected", object.key);
    move(object, [object.x + right * cell, object.y - down * cell]);
  };

  listen("pointercancel", () => {
    hands.lift();
    leave();
    imagination.invalidate();
  });
  listen("pointerleave", () => {
    if (hands.brush) hands.at = null;
    imagination.point(null);
    imagination.invalidate();
  });
}
