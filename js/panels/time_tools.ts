/** The timeline's band and overview, with the style that only they need. */
import type { Axis, Span } from "../core/timeline.ts";
import type { Scene } from "../host/scene.ts";
import type { Session } from "../host/session.ts";
import style from "../styles/time_tools.css";
import { h } from "../views/dom.ts";
import { band } from "./band.ts";
import { overview } from "./overview.ts";

/** Where the tools go, and how they see the timeline. */
export interface Place {
  session: Session;
  signal: AbortSignal;
  plot: HTMLElement;
  below: HTMLElement;
  stepAt: (clientX: number) => number;
}

export interface Tools {
  draw(scene: Scene, axis: Axis, span: Span): void;
}

export function tools({ session, signal, plot, below, stepAt }: Place): Tools {
  const selected = band(session, stepAt, signal);
  const whole = overview(session, signal);
  plot.append(selected.element);
  below.append(h("style", {}, style), whole.element);
  return {
    draw(scene, axis, span) {
      selected.draw(scene.selectedRange, axis, scene.numSteps);
      whole.draw(scene, span);
    },
  };
}
