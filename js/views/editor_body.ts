/** The editor without what says where it is: the same in a view of its own and in the explorer. */
import { textOfEdits } from "../core/editor.ts";
import type { EditorScene } from "../host/editor_scene.ts";
import { editorFeatures } from "../panels/editor_features.ts";
import { editorKept } from "../panels/editor_header.ts";
import { editorList } from "../panels/editor_list.ts";
import { editorMeasure } from "../panels/editor_measure.ts";
import { editorMinds, verdict } from "../panels/editor_minds.ts";
import { type EditorContext, type EditorPanel, toEdits } from "../panels/editor_panel.ts";
import { editorPresets } from "../panels/editor_presets.ts";
import { editorRace } from "../panels/editor_race.ts";
import { noticeLine } from "../panels/notice_line.ts";
import { h } from "./dom.ts";

const OFFLINE =
  "This page shows the edits whose answers were kept. Computing others needs a kernel with the agent: open the notebook.";
const NO_AGENT =
  "No agent is connected: frames can be looked at, not edited. Pass agent=agent to the view to connect it.";

export interface EditorBody extends EditorPanel {
  /** The notice stands apart, since it comes and goes. */
  notice: HTMLElement;
}

/** Whole, or as a part of a view that shows the frame and has a switch for each feature. */
export function editorBody(outer: EditorContext, part: "whole" | "part"): EditorBody {
  const { context, report } = reportOf(outer);
  const { workbench, signal } = context;
  const message = noticeLine({
    offline: OFFLINE,
    noAgent: NO_AGENT,
    retry: () => workbench.retry(),
    dismiss: () => workbench.dismiss(),
    leave: toEdits,
    signal,
  });
  const isWhole = part === "whole";
  const switches = isWhole ? [editorFeatures(context)] : [editorKept(context)];
  const list = editorList(context);
  const presets = editorPresets(context);
  const minds = editorMinds(isWhole);
  const below = [editorRace(context), editorMeasure(context)];
  const panels = [message, ...switches, list, presets, minds, ...below];
  return {
    notice: message.element,
    element: h(
      "div",
      { class: "rlv-ed-body" },
      h(
        "div",
        { class: "rlv-ed-top", "data-part": !isWhole },
        h(
          "div",
          { class: "rlv-ed-hand" },
          ...switches.map(({ element }) => element),
          list.element,
          presets.element,
          ...(isWhole ? [] : [minds.policy]),
        ),
        minds.element,
      ),
      ...below.map(({ element }) => element),
    ),
    draw(scene) {
      for (const panel of panels) panel.draw(scene);
      report(scene);
    },
  };
}

/**
 * Says what an edit did, once its answer is there; what was said of the edit itself is said again before it. Another
 * frame is no such news: while an explorer plays, one would come with each.
 */
function reportOf(outer: EditorContext): { context: EditorContext; report(scene: EditorScene): void } {
  let last: unknown = null;
  let judged: string | null = null;
  let remark = "";
  const say = (text: string) => {
    remark = text;
    outer.say(text);
  };
  const report = (scene: EditorScene) => {
    if (scene.pending) return;
    const now = textOfEdits(scene.edits);
    const isNews = scene.edited !== last && now !== judged;
    if (isNews && judged !== null) outer.say([remark, verdict(scene)].filter(Boolean).join(". "));
    if (isNews) judged = now;
    last = scene.edited;
    remark = "";
  };
  return { context: { ...outer, say }, report };
}

/** Ctrl+Z and Ctrl+Shift+Z (or Ctrl+Y) while something inside has the focus. */
export function listenToUndo({ workbench, signal }: EditorContext, root: HTMLElement): void {
  const isTyped = (target: EventTarget | null) =>
    target instanceof HTMLInputElement && (target.type === "text" || target.type === "number");
  root.addEventListener(
    "keydown",
    (event) => {
      const { key, ctrlKey, metaKey, altKey, shiftKey, target } = event;
      const letter = key.toLowerCase();
      const travels = (ctrlKey || metaKey) && !altKey && (letter === "z" || letter === "y");
      // What is being typed has an undo of its own.
      if (event.defaultPrevented || !travels || isTyped(target)) return;
      workbench.travel(letter === "y" || shiftKey ? 1 : -1);
      event.preventDefault();
      event.stopPropagation();
    },
    { signal },
  );
}
