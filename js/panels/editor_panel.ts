import type { EditorScene } from "../host/editor_scene.ts";
import type { Workbench } from "../host/editor_session.ts";
import type { Theme } from "../views/theme.ts";

/** What every panel of the editor is made from. */
export interface EditorContext {
  workbench: Workbench;
  signal: AbortSignal;
  /** Read again after a change of theme, which is followed by a full drawing. */
  theme: () => Theme;
  /** Says something to those who do not see the picture change. */
  say: (text: string) => void;
}

/** A part of the editor. `draw` is called in an animation frame and touches only what changed. */
export interface EditorPanel {
  element: HTMLElement;
  draw(scene: EditorScene): void;
}

/** Gives the focus to what the editor begins with, when what had it goes. */
export const toEdits = (element: Element): void =>
  element
    .closest(".rlv-editor")
    ?.querySelector<HTMLElement>(".rlv-ed-list, .rlv-ed-switch")
    ?.focus({ preventScroll: true });
