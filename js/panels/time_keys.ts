/** The keys that come with the curves: zoom, the playhead's place, the selected range, marks. */
import type { Session } from "../host/session.ts";
import { goToMark, look, selectEpisode, selectFrom, toggleCentred, zoomed } from "./ranges.ts";

export function timeKeys(session: Session, { key }: KeyboardEvent): boolean {
  switch (key) {
    case "+":
    case "=":
      zoomed(session, 0.5);
      return true;
    case "-":
      zoomed(session, 2);
      return true;
    case "0":
      look(session, { first: 0, last: session.model.get("num_steps") - 1 });
      return true;
    case "c":
      toggleCentred(session);
      return true;
    case "i":
    case "o":
      selectFrom(session, key === "o");
      return true;
    case "e":
      selectEpisode(session);
      return true;
    case "n":
    case "p":
      goToMark(session, key === "n" ? 1 : -1);
      return true;
    default:
      return false;
  }
}
