/** Playing by hand: keys that are held down over the frame press the agent's buttons, one step at a time. */
import { actionOf, isPlayed } from "../core/counterfactual_hand.ts";
import type { CounterfactualContext } from "./counterfactual_panel.ts";

/** Milliseconds in which keys pressed one after the other count as pressed together. */
const TOGETHER = 35;
/** A key that is held longer than this goes on pressing, at most as often as Procgen is played. */
const HELD = 260;
const EVERY = 1000 / 15;

/** Listens on `frame` while the view plays. */
export function playByHand({ imagination, signal, say }: CounterfactualContext, frame: HTMLElement): void {
  const held = new Set<string>();
  const tapped = new Set<string>();
  let since = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const wait = (milliseconds: number) => {
    timer ??= setTimeout(() => {
      timer = undefined;
      turn();
    }, milliseconds);
  };
  const turn = () => {
    if (!imagination.playing) return;
    const keys = tapped.size > 0 ? new Set([...held, ...tapped]) : held;
    const isHeld = held.size > 0 && performance.now() - since >= HELD;
    if (tapped.size > 0 || isHeld) {
      // One step at a time: the world answers before the next button.
      if (imagination.pending) return wait(EVERY / 4);
      const action = actionOf(keys, imagination.study?.action_names ?? []);
      tapped.clear();
      const ended = imagination.imagined?.after.ended;
      if (ended) say(`The episode has ended: ${ended.cause}. Backspace goes back a step.`);
      else if (action !== null) imagination.press(action);
    }
    if (held.size > 0) wait(EVERY);
  };
  const nameOf = (key: string) => (key.length === 1 ? key.toLowerCase() : key);

  frame.addEventListener(
    "keydown",
    (event) => {
      if (!imagination.playing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Backspace") imagination.unpress();
      else if (!isPlayed(event.key)) return;
      else if (!event.repeat) {
        if (held.size === 0) since = performance.now();
        held.add(nameOf(event.key));
        tapped.add(nameOf(event.key));
        wait(TOGETHER);
      }
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
  frame.addEventListener("keyup", (event) => void held.delete(nameOf(event.key)), { signal });
  const letGo = () => {
    held.clear();
    tapped.clear();
  };
  frame.addEventListener("blur", letGo, { signal });
  signal.addEventListener(
    "abort",
    () => {
      clearTimeout(timer);
      letGo();
    },
    { once: true },
  );
}
