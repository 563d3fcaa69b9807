import type { Scene } from "../host/scene.ts";
import type { Session } from "../host/session.ts";
import type { Theme } from "../views/theme.ts";

/** What every panel is made from. */
export interface Context {
  session: Session;
  signal: AbortSignal;
  /** Read again after a change of theme, which is followed by a full drawing. */
  theme: () => Theme;
}

/** A part of the view. `draw` is called in an animation frame and touches only what changed. */
export interface Panel {
  element: HTMLElement;
  draw(scene: Scene): void;
}
