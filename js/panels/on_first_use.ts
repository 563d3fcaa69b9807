/** The timeline's tools: fetched when something is zoomed or selected for the first time. */
import { loadBundle } from "../host/lazy.ts";
import type { Place, Tools } from "./time_tools.ts";

const PAUSE_MS = 5000;

/** Gives the tools once they are `needed` and have come; after a failure it is tried again later. */
export function onFirstUse(place: Place): (needed: boolean) => Tools | undefined {
  const { session, signal } = place;
  let askAt = 0;
  let made: Tools | undefined;
  return (needed) => {
    if (needed && performance.now() >= askAt) {
      askAt = Number.POSITIVE_INFINITY;
      loadBundle<{ tools: (place: Place) => Tools }>(session, "time").then(
        ({ tools }) => {
          if (signal.aborted) return;
          made = tools(place);
          session.invalidate();
        },
        () => {
          askAt = performance.now() + PAUSE_MS;
        },
      );
    }
    return made;
  };
}
