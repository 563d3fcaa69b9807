/** Squeezed frames and curves of the trajectory, or of a part of it; drag to move through it. */
import { between, follow, pan, spanOf } from "../core/timeline.ts";
import type { LazyPanel } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import style from "../styles/curves.css";
import { h } from "../views/dom.ts";
import { listenToKeys } from "../views/keyboard.ts";
import { band } from "./band.ts";
import { type Gestures, listenToPointers } from "./gestures.ts";
import { overview } from "./overview.ts";
import type { Context } from "./panel.ts";
import { type Pointed, plot, watch } from "./plot.ts";
import { namedAt, pointedAt } from "./pointing.ts";
import { look, select, shown, zoomed } from "./ranges.ts";
import { timeKeys } from "./time_keys.ts";
import { zoomButtons } from "./zoom_buttons.ts";

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

  const named = (step: number, event: MouseEvent) => namedAt(picture, scene, step, event);
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
      const what = event ? named(step, event) : {};
      pointed = event ? pointedAt(what, step, model.get("num_steps")) : null;
      picture.element.classList.toggle("rlv-on-mark", what.mark !== undefined);
      session.invalidate();
    },
  };
  listenToPointers(picture.element, gestures, signal);
  picture.element.addEventListener(
    "dblclick",
    (event) => {
      const { episode } = named(stepAt(event.clientX), event);
      if (episode) select(session, [episode.start, episode.stop]);
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
