/** Keys while the frame has the focus: from object to object, what is done to one, and where a brush goes. */
import type { Point } from "../core/counterfactual.ts";
import { called, neighbour, type WorldObject } from "../core/counterfactual_sight.ts";
import { type Acts, VERBS } from "./counterfactual_acts.ts";
import type { Hands } from "./counterfactual_hands.ts";
import type { CounterfactualContext } from "./counterfactual_panel.ts";

const ARROWS: Record<string, Point> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

export function listenToStageKeys(
  { imagination, signal, say }: CounterfactualContext,
  frame: HTMLElement,
  hands: Hands,
  { run, move }: Acts,
  togglePlaying: () => void,
): void {
  const objects = () => imagination.imagined?.after.objects ?? [];
  const find = (key: string | null) => objects().find((object) => object.key === key) ?? null;
  const active = (): WorldObject | null =>
    find(imagination.pointed) ?? find(imagination.model.get("selected"));

  const point = (by: number) => {
    const next = neighbour(objects(), active()?.key ?? null, by);
    if (!next) return say("There is no object in sight");
    imagination.point(next.key);
    const selected = next.key === imagination.model.get("selected") ? ", selected" : "";
    say(`${called(next)}${selected}`);
  };

  const select = () => {
    const object = active();
    const same = object?.key === imagination.model.get("selected");
    imagination.set("selected", object && !same ? object.key : "");
    if (object) say(same ? "Nothing is selected" : `${called(object)}, selected`);
  };

  /** Grid cells hold their object whole; others move by half a cell. */
  const shift = ([right, up]: Point) => {
    const object = active();
    const here = object && imagination.placeOf(object);
    if (!here) return;
    const [x, y] = here;
    const stride = object.id < 0 ? 1 : 0.5;
    imagination.set("selected", object.key);
    if (move({ ...object, x, y }, [x + stride * right, y + stride * up])) say("Moving…");
  };

  const brush = (event: KeyboardEvent): boolean => {
    const version = imagination.imagined?.after;
    if (!hands.brush || !version) return false;
    const arrow = ARROWS[event.key];
    const agent = objects().find(({ object_class: name }) => name === "agent") ?? { x: 0, y: 0 };
    const [x, y] = hands.at ?? [agent.x, agent.y];
    if (arrow) {
      hands.at = [x + arrow[0], y + arrow[1]];
      say(`cell ${Math.floor(hands.at[0])}, ${Math.floor(hands.at[1])}`);
    } else if (event.key === "Enter" || event.key === " ") {
      hands.at = [x, y];
      imagination.editAll(hands.done([x, y]));
    } else return false;
    imagination.invalidate();
    return true;
  };

  const act = (event: KeyboardEvent): boolean => {
    const arrow = ARROWS[event.key];
    if (arrow && event.shiftKey) {
      // A key that is held waits for the world: nothing would be seen until it is let go.
      if (!event.repeat || !imagination.pending) shift(arrow);
    } else if (arrow) point(arrow[0] > 0 || arrow[1] < 0 ? 1 : -1);
    else if (event.key === "Home") point(Number.NEGATIVE_INFINITY);
    else if (event.key === "End") point(Number.POSITIVE_INFINITY);
    else if (event.key === "Enter" || event.key === " ") select();
    else if (event.key === "p") togglePlaying();
    else if (event.key === "Escape") return hands.brush === null && letGo();
    else {
      const key = event.key === "Backspace" ? "Delete" : event.key;
      const verb = VERBS.find((one) => one.key === key)?.verb;
      if (!verb) return false;
      if (event.repeat) return true;
      if (!active()) say("No object is selected: arrow keys go to one");
      run(active(), verb);
    }
    return true;
  };

  const letGo = (): boolean => {
    if (!imagination.model.get("selected") && !imagination.pointed) return false;
    imagination.set("selected", "");
    imagination.point(null);
    say("Nothing is selected");
    return true;
  };

  frame.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (imagination.playing) {
        if (event.key !== "Escape") return;
        togglePlaying();
      } else if (!brush(event) && !act(event)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
}
