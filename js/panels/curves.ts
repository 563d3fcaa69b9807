/** Squeezed frames and curves of the trajectory, or of a part of it; drag to move through it. */
import { type Episode, episodeAt } from "../core/study.ts";
import { between, follow, pan, SHORTEST_SPAN, spanOf, stepToX } from "../core/timeline.ts";
import type { LazyPanel } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import style from "../styles/curves.css";
import { h, icon, setAttribute } from "../views/dom.ts";
import { CENTRE } from "../views/icons.ts";
import { listenToKeys } from "../views/keyboard.ts";
import { band } from "./band.ts";
import { type Gestures, listenToPointers } from "./gestures.ts";
import { OUTCOME_MARK } from "./header.ts";
import { overview } from "./overview.ts";
import type { Context, Panel } from "./panel.ts";
import { type Pointed, plot, watch } from "./plot.ts";
import { look, select, shown, toggleCentred, zoomed } from "./ranges.ts";
import { timeKeys } from "./time_keys.ts";

const NEAR = 6; // pixels from a mark within which it is meant

export function curves(outside: Context): LazyPanel {
  const life = new AbortController();
  const signal = AbortSignal.any([outside.signal, life.signal]);
  const context = { ...outside, signal };
  const { session } = context;
  const { model } = session;
  const zooming = zoomButtons(context);
  const picture = plot(context);
  let scene: Scene | null = null;
  let pointed: Pointed | null = null;

  const stepAt = (clientX: number): number => {
    const { axis, element } = picture;
    if (!axis) return 0;
    const share = (clientX - element.getBoundingClientRect().left - axis.left) / axis.width;
    return axis.first + share * (axis.last - axis.first);
  };
  const selected = band(session, stepAt, signal);
  const whole = overview(session, signal);
  picture.element.append(selected.element);
  const element = h(
    "div",
    { class: "rlv-curves" },
    h("style", {}, style),
    zooming.element,
    picture.element,
    whole.element,
  );
  /** The part of the view that this one is in, which has the slider. */
  const timeline = () => element.closest<HTMLElement>(".rlv-timeline");
  const slider = () => timeline()?.querySelector<HTMLElement>(".rlv-slider");
  let root: HTMLElement | null = null;
  const newTrack = watch();

  /** The mark, or else the episode, whose name is under the pointer. */
  const named = (step: number, event: MouseEvent) => {
    const { axis, layout, marks, element: box } = picture;
    if (!axis || !layout || event.clientY - box.getBoundingClientRect().top > layout.strip.top) return {};
    const x = stepToX(axis, step);
    const away = (one: { step: number }) => Math.abs(stepToX(axis, one.step) - x);
    const { episodes = [] } = scene ?? {};
    const starts = episodes.map(({ start }, index) => ({ step: start, text: `episode ${index + 1} begins` }));
    const [nearest] = [...marks, ...starts].sort((a, b) => away(a) - away(b));
    const mark = nearest && away(nearest) <= NEAR ? nearest : undefined;
    return { mark, episode: episodes[episodeAt(episodes, Math.round(step))] };
  };
  const gestures: Gestures = {
    stepAt,
    axis: () => picture.axis,
    begin() {
      session.set("playing", false);
      slider()?.focus({ preventScroll: true });
    },
    centred: () => model.get("centred"),
    step: () => model.get("step"),
    goTo: session.goTo.bind(session),
    click: (step, event) => session.goTo(named(step, event).mark?.step ?? step),
    brush: (from, to) => select(session, between(from, to)),
    zoom: (factor, around) => zoomed(session, factor, around),
    pan(by) {
      if (model.get("centred")) session.goTo(model.get("step") + by);
      else look(session, pan(shown(session), by, model.get("num_steps")));
    },
    hover(step, event) {
      const { mark, episode } = event ? named(step, event) : {};
      const at = mark?.step ?? Math.round(step);
      const inside = event && at >= 0 && at < model.get("num_steps");
      pointed = inside ? { step: at, note: mark?.text ?? (episode ? outcome(episode) : "") } : null;
      picture.element.classList.toggle("rlv-on-mark", mark !== undefined);
      session.invalidate();
    },
  };
  listenToPointers(picture.element, gestures, signal);
  picture.element.addEventListener(
    "dblclick",
    (event) => {
      const { mark, episode } = named(stepAt(event.clientX), event);
      if (episode && !mark) select(session, [episode.start, episode.stop]);
    },
    { signal },
  );

  let last = -1;
  /** A playhead that moves out of sight takes the view along; a view that moves leaves the playhead behind. */
  const keepInSight = ({ step, numSteps }: Scene) => {
    const moved = last >= 0 && step !== last;
    last = step;
    if (moved && !model.get("centred"))
      look(session, follow(spanOf(model.get("view_range"), numSteps), step, numSteps));
  };

  return {
    element,
    draw(now) {
      scene = now;
      if (!root) {
        root = element.closest<HTMLElement>(".rlv-explorer");
        if (root) listenToKeys(root, session, signal, timeKeys);
      }
      keepInSight(scene);
      const span = shown(session);
      const end = Math.max(0, scene.numSteps - 1);
      picture.draw(scene, span, pointed);
      if (picture.axis) selected.draw(scene.selectedRange, picture.axis, scene.numSteps);
      whole.draw(scene, span);
      zooming.draw(scene);
      const track = [Math.max(0, span.first / end || 0), Math.min(1, span.last / end || 1)].map((share) =>
        share.toFixed(4),
      );
      if (newTrack(...track)) darken(slider(), track);
    },
    close: () => life.abort(),
  };
}

/** The slider's track is darker where the curves are. */
function darken(slider: HTMLElement | null | undefined, [from = "0", to = "1"]: string[]): void {
  slider?.style.setProperty("--rlv-from", from);
  slider?.style.setProperty("--rlv-to", to);
}

function zoomButtons({ session, signal }: Context): Panel {
  const button = (label: string, title: string, content: Node | string, act: () => void) => {
    const made = h("button", { class: "rlv-icon", "aria-label": label, title }, content);
    made.addEventListener("click", act, { signal });
    return made;
  };
  const wider = button("Show more steps", "zoom out (− key; 0 shows all)", "−", () => zoomed(session, 2));
  const closer = button("Show fewer steps", "zoom in (+ key, or Ctrl and wheel)", "+", () =>
    zoomed(session, 0.5),
  );
  const middle = button(
    "Playhead in the middle",
    "keep the playhead in the middle (c key)",
    icon(CENTRE),
    () => toggleCentred(session),
  );
  return {
    element: h("span", { class: "rlv-zoom", role: "group", "aria-label": "Zoom" }, wider, closer, middle),
    draw({ numSteps }) {
      const { first, last } = shown(session);
      wider.disabled = last - first >= numSteps - 1;
      closer.disabled = last - first <= SHORTEST_SPAN;
      setAttribute(middle, "aria-pressed", String(session.model.get("centred")));
    },
  };
}

const outcome = (episode: Episode): string =>
  `${OUTCOME_MARK[episode.outcome] ?? "·"} ${episode.outcome}: double-click selects`;
