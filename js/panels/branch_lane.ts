/** One fork beneath the timeline: its name where it begins, its branches as lines, and how many of them survive. */
import { endInWords, type Fork, outcomes, summary, survivors, wilson } from "../core/branches.ts";
import { type Axis, stepToX } from "../core/timeline.ts";
import type { Session } from "../host/session.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import type { Theme } from "../views/theme.ts";
import { drawBranches, linesOf, memberAt } from "./branch_draw.ts";
import { leave, neighbour, pick } from "./branch_pick.ts";
import { resize, watch } from "./plot.ts";

export interface Lane {
  element: HTMLElement;
  fork: Fork;
  focus(): void;
  draw(axis: Axis, width: number, theme: Theme, picked: number | null): void;
}

/** `forget` is called when the fork is to be removed. */
export function branchLane(session: Session, fork: Fork, forget: () => void, signal: AbortSignal): Lane {
  const lines = linesOf(fork);
  const count = fork.taken.length;
  const name = h("button", { class: "rlv-lane-name", title: `${described(fork)}\n${KEYS}` });
  const canvas = h("canvas", { role: "img", "aria-label": `${count} branches: ${outcomes(fork)}` });
  const tip = h("span", { class: "rlv-object-tip", "aria-hidden": "true" });
  const [low, high] = wilson(survivors(fork), count);
  const [fates, causes] = summary(fork);
  const band = h("span", { class: "rlv-unit" }, `${percent(low)}–${percent(high)} % survive`);
  const said = `${outcomes(fork)}\n${fork.num_steps} steps tried; Wilson interval of the share that does not die, 95 %`;
  const ends = h("span", { class: "rlv-lane-share", title: said }, h("span", {}, fates));
  if (causes) ends.append(h("span", { class: "rlv-unit" }, causes));
  ends.append(band);
  const field = h("div", { class: "rlv-lane-field" }, canvas, tip);
  const element = h("div", { class: "rlv-lane", role: "group", "aria-label": `Fork ${fork.name}` });
  element.append(name, field, ends);
  field.style.height = `${lines.height}px`;
  let pointed: number | null = null;
  const anew = watch();

  // Not what was drawn last: keys may come faster than frames.
  const current = () =>
    session.model.get("branch") === fork.name ? session.model.get("branch_member") : null;
  const toggle = (member: number) => (current() === member ? leave(session) : pick(session, fork, member));
  name.addEventListener("click", () => toggle(current() ?? 0), { signal });
  name.addEventListener(
    "keydown",
    (event) => {
      const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const known = current();
      if (move) pick(session, fork, known === null ? 0 : neighbour(fork, known, move));
      else if (event.key === "Delete" && known !== null) forget();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
  const member = ({ clientY }: MouseEvent) => memberAt(lines, clientY - canvas.getBoundingClientRect().top);
  canvas.addEventListener("click", (event) => toggle(member(event)), { signal });
  canvas.addEventListener(
    "pointermove",
    (event) => {
      pointed = member(event);
      setText(tip, `branch ${pointed + 1}: ${endInWords(fork, pointed)}`);
      const { left, top, width } = field.getBoundingClientRect();
      const x = event.clientX - left;
      const side = x > width / 2 ? "translateX(calc(-100% - 12px))" : "translateX(14px)";
      tip.style.transform = `translate(${x.toFixed(0)}px, ${(event.clientY - top - 22).toFixed(0)}px) ${side}`;
      tip.hidden = false;
      session.invalidate();
    },
    { signal },
  );
  const gone = () => {
    pointed = null;
    tip.hidden = true;
    session.invalidate();
  };
  canvas.addEventListener("pointerleave", gone, { signal });
  gone();

  return {
    element,
    fork,
    focus: () => name.focus(),
    draw(axis, width, theme, picked) {
      setAttribute(name, "aria-pressed", String(picked !== null));
      if (!anew(axis.first, axis.last, width, theme, picked, pointed, window.devicePixelRatio)) return;
      drawBranches(resize(canvas, width, lines.height), fork, lines, axis, theme, { picked, pointed });
      const x = stepToX(axis, fork.step);
      const [before, after] = [x < axis.left, x > axis.left + axis.width];
      setText(name, `${before ? "◂ " : ""}${fork.name}${after ? " ▸" : ""}`);
      // Where it begins, or at the edge beyond which that is.
      element.style.setProperty(
        "--rlv-from",
        `${Math.max(axis.left, Math.min(axis.left + axis.width, x))}px`,
      );
      setAttribute(element, "data-late", x > axis.left + axis.width / 2);
    },
  };
}

const KEYS = "Up and down go from branch to branch; Delete removes the fork";

const percent = (share: number): string => String(Math.round(100 * share));

/** What is different in a fork, in words. */
export function described({ step, num_steps, seed, actions, edits, agent }: Fork): string {
  const forced = actions === "recorded" ? "the recorded actions" : actions && `first ${actions}`;
  const parts = [`from step ${step}, ${num_steps} steps`, ...edits, forced, `${agent}, seed ${seed}`];
  return parts.filter(Boolean).join(" · ");
}
