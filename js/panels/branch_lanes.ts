/** Forks of the trajectory, lane by lane on the timeline's own axis; the branch that is picked is compared below. */
import { forksOf } from "../core/branches.ts";
import { axisOver, stepToX } from "../core/timeline.ts";
import type { LazyPanel } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import style from "../styles/forks.css";
import { h } from "../views/dom.ts";
import { focusedNear } from "../views/focus.ts";
import { branchCompare } from "./branch_compare.ts";
import { branchLane, type Lane } from "./branch_lane.ts";
import { leave, pickedIn } from "./branch_pick.ts";
import { GUTTER } from "./lanes.ts";
import type { Context } from "./panel.ts";
import { shown } from "./ranges.ts";

/** Requests whose answers another fork of the same name would change. */
const OF_FORKS = /^(branch_frames|survival)\{/;

export function branches(outside: Context): LazyPanel {
  const { session, theme } = outside;
  const life = new AbortController();
  const signal = AbortSignal.any([outside.signal, life.signal]);
  const context = { ...outside, signal };
  const compare = branchCompare(context);
  const playhead = h("span", { class: "rlv-lane-playhead", "aria-hidden": "true" });
  const body = h("div", { class: "rlv-lanes-body" }, playhead);
  const element = h(
    "section",
    { class: "rlv-lanes", "aria-label": "Forks" },
    h("style", {}, style),
    body,
    compare.element,
  );
  let width = 0;
  let lanes: Lane[] = [];
  let built: unknown[] = [];
  const resized = new ResizeObserver(([entry]) => {
    width = entry?.contentRect.width ?? 0;
    session.invalidate();
  });
  resized.observe(element);
  element.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || !session.model.get("branch") || event.defaultPrevented) return;
      leave(session);
      event.stopPropagation();
    },
    { signal },
  );

  const arrange = ({ study, trajectory }: Scene) => {
    if (built[0] === study.branches && built[1] === trajectory) return;
    if (built[0] !== study.branches) session.store.refresh((key) => OF_FORKS.test(key));
    built = [study.branches, trajectory];
    const focused = lanes.findIndex(({ element }) => element.contains(focusedNear(element)));
    const held = compare.element.contains(focusedNear(element));
    lanes = forksOf(study, trajectory).map((fork) => branchLane(session, fork, compare.forget, signal));
    body.replaceChildren(playhead, ...lanes.map((lane) => lane.element));
    // What had the focus is another element now, or gone: its neighbour takes it.
    if (focused >= 0 || held) lanes[Math.max(0, Math.min(lanes.length - 1, focused))]?.focus();
  };

  return {
    element,
    draw(scene) {
      arrange(scene);
      const picked = pickedIn(session, scene);
      compare.draw(scene);
      if (width === 0) return;
      const inner = Math.max(1, width - GUTTER.left - GUTTER.right);
      const axis = axisOver(shown(session), GUTTER.left, inner);
      const x = stepToX(axis, scene.step);
      playhead.hidden = x < axis.left - 1 || x > axis.left + inner + 1;
      playhead.style.transform = `translateX(${x.toFixed(1)}px)`;
      for (const lane of lanes)
        lane.draw(axis, width, theme(), picked?.fork === lane.fork ? picked.member : null);
    },
    close() {
      life.abort();
      resized.disconnect();
      compare.close();
    },
  };
}
