/** Keys, only while something in the view has the focus; others keep theirs. */
import type { Session } from "../host/session.ts";
import { nextOf } from "../panels/toggles.ts";
import { otherSpeed } from "../panels/transport.ts";

/** Whether the focused element needs the key itself: menus their arrows, buttons their space bar. */
function isTaken(target: EventTarget | null, key: string): boolean {
  if (target instanceof HTMLSelectElement) return true;
  if (target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLInputElement && /^(number|text|search)$/.test(target.type))
    return key !== "Escape";
  return target instanceof HTMLButtonElement && (key === " " || key === "Enter");
}

function basic(session: Session, event: KeyboardEvent, root: HTMLElement): boolean {
  const stride = event.shiftKey ? 10 : 1;
  switch (event.key) {
    case "ArrowLeft":
      session.stepBy(-stride);
      return true;
    case "ArrowRight":
      session.stepBy(stride);
      return true;
    case "PageUp":
      session.goToEpisode(-1);
      return true;
    case "PageDown":
      session.goToEpisode(1);
      return true;
    case "Home":
      session.goTo(0);
      return true;
    case "End":
      session.goTo(Number.MAX_SAFE_INTEGER);
      return true;
    case " ":
      session.play(session.model.get("direction") < 0 ? -1 : 1);
      return true;
    case "[":
    case "]":
      session.set("fps", otherSpeed(session.model.get("fps"), event.key === "]" ? 1 : -1));
      return true;
    case "l":
      session.set("loop", !session.model.get("loop"));
      return true;
    case "m":
      session.set("objects", nextOf(session.model.get("objects")));
      return true;
    case "t":
      session.set("editing", !session.model.get("editing"));
      return true;
    case "Escape":
      if (session.model.get("branch")) session.set("branch", "");
      else if (session.model.get("selected_range").length > 0) session.set("selected_range", []);
      else if (session.model.get("feature") !== null) session.set("feature", null);
      else if (root.contains(document.activeElement)) (document.activeElement as HTMLElement).blur();
      return true;
    default:
      return false;
  }
}

/** What a key did; false when it is not one of ours. */
type Act = (session: Session, event: KeyboardEvent, root: HTMLElement) => boolean;

export function listenToKeys(
  root: HTMLElement,
  session: Session,
  signal: AbortSignal,
  act: Act = basic,
): void {
  root.addEventListener(
    "keydown",
    (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTaken(event.target, event.key) || !act(session, event, root)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
}
