/** Keys of a comparison, only while something in it has the focus; others keep theirs. */
import type { Comparison } from "../host/comparison.ts";
import { otherSpeed } from "../panels/transport.ts";

/** Whether the focused element needs the key itself: menus their arrows, buttons their space bar. */
function isTaken(target: EventTarget | null, key: string): boolean {
  if (target instanceof HTMLSelectElement) return true;
  if (target instanceof HTMLInputElement && target.type === "number") return key !== "Escape";
  return target instanceof HTMLButtonElement && (key === " " || key === "Enter");
}

function act(comparison: Comparison, event: KeyboardEvent, root: HTMLElement): boolean {
  const { model } = comparison;
  const stride = event.shiftKey ? 10 : 1;
  const actions: Record<string, () => void> = {
    ArrowLeft: () => comparison.stepBy(-stride),
    ArrowRight: () => comparison.stepBy(stride),
    PageUp: () => comparison.goToLandmark(-1),
    PageDown: () => comparison.goToLandmark(1),
    Home: () => comparison.goTo(0),
    End: () => comparison.goTo(Number.MAX_SAFE_INTEGER),
    " ": () => comparison.play(model.get("direction") < 0 ? -1 : 1),
    "[": () => comparison.set("fps", otherSpeed(model.get("fps"), -1)),
    "]": () => comparison.set("fps", otherSpeed(model.get("fps"), 1)),
    l: () => comparison.set("loop", !model.get("loop")),
    d: () => comparison.set("show_difference", !model.get("show_difference")),
    Escape: () => leave(comparison, root),
  };
  const action = actions[event.key];
  action?.();
  return action !== undefined;
}

/** Shows all features again; when they all are shown already, gives up the focus. */
function leave(comparison: Comparison, root: HTMLElement): void {
  const features = comparison.model.get("features");
  if (features.some((feature) => feature !== null))
    comparison.set(
      "features",
      features.map(() => null),
    );
  else if (root.contains(document.activeElement)) (document.activeElement as HTMLElement).blur();
}

export function listenToCompareKeys(root: HTMLElement, comparison: Comparison, signal: AbortSignal): void {
  root.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTaken(event.target, event.key) || !act(comparison, event, root)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
}
