/** What can be done to an object, by the toolbar, by keys and by dragging: one place for all three. */
import { EDITS, type Point, placesBeside, toFrame } from "../core/counterfactual.ts";
import { BACKGROUND, type WorldObject, words } from "../core/counterfactual_sight.ts";
import type { CounterfactualContext } from "./counterfactual_panel.ts";

export type Verb = "remove" | "hide" | "ghost" | "duplicate";

export const VERBS: readonly { verb: Verb; text: string; key: string; title: string }[] = [
  { verb: "remove", text: "remove", key: "Delete", title: "as if it had never been there" },
  { verb: "hide", text: "hide", key: "h", title: "invisible, and still does what it does" },
  { verb: "ghost", text: "ghost", key: "g", title: "visible, and does nothing" },
  { verb: "duplicate", text: "duplicate", key: "d", title: "another one beside it" },
];

/** The tool of Python's that a verb needs. */
const NEEDS: Record<Verb, string> = { remove: "remove", hide: "hide", ghost: "ghost", duplicate: "add" };

export function acts({ imagination, say }: CounterfactualContext) {
  const tools = (object: WorldObject) => imagination.imagined?.tools[object.object_class] ?? [];
  const can = (object: WorldObject | null, tool: string): boolean =>
    object !== null && imagination.canCompute && tools(object).includes(tool);
  const refuse = (object: WorldObject, what: string): false => {
    if (imagination.canCompute) say(`${words(object.object_class)}: it cannot be ${what}`);
    else say("Nothing can be changed without a kernel and an agent");
    return false;
  };
  const canMove = (object: WorldObject | null) => can(object, "move") || can(object, "teleport");

  return {
    can: (object: WorldObject | null, verb: Verb) => can(object, NEEDS[verb]),
    canLook: (object: WorldObject | null) => can(object, "theme"),
    canMove,

    run(object: WorldObject | null, verb: Verb): boolean {
      if (!object) return false;
      const done = { remove: "removed", hide: "hidden", ghost: "made a ghost", duplicate: "duplicated" }[
        verb
      ];
      if (!can(object, NEEDS[verb])) return refuse(object, done);
      if (verb === "duplicate") {
        const places = placesBeside(object, isFree);
        imagination.edit(...places.map((place) => EDITS.add(object.object_class, place)));
      } else imagination.edit(EDITS[verb](object));
      return true;
    },

    move(object: WorldObject | null, to: Point): boolean {
      if (!object) return false;
      if (!canMove(object)) return refuse(object, "moved");
      imagination.edit(EDITS.move(object, to));
      return true;
    },
  };

  /** Whether nothing is drawn at a place of the world. */
  function isFree(point: Point): boolean {
    const version = imagination.imagined?.after;
    if (!version) return false;
    const [x, y] = toFrame(version.camera, point).map(Math.floor) as [number, number];
    const { width, height, ids } = version.instances;
    return x >= 0 && y >= 0 && x < width && y < height && ids[y * width + x] === BACKGROUND;
  }
}

export type Acts = ReturnType<typeof acts>;
