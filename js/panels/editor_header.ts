/** Which frame is looked at, what is explained there, and what the study keeps of edits. */
import { type NetworkEdit, textOfEdits } from "../core/editor.ts";
import type { StoredEdit } from "../generated/traits.d.ts";
import { h, setText } from "../views/dom.ts";
import type { EditorContext, EditorPanel } from "./editor_panel.ts";
import { keptMenu } from "./kept_menu.ts";
import { explainedBy, originOf } from "./origin.ts";

export function editorHeader({ workbench, signal }: EditorContext): EditorPanel {
  const { seat } = workbench;
  const agent = h("strong", { class: "rlv-agent" });
  const place = () => ({ trajectory: seat.get("trajectory"), step: seat.get("step") });
  const origin = originOf(place, (trajectory, step) => workbench.moveTo(trajectory, step), signal);
  const explained = explainedBy((name, value) => workbench.set(name, value), signal);
  const kept = editorKept({ workbench, signal });
  return {
    element: h(
      "header",
      { class: "rlv-header" },
      agent,
      origin.element,
      h("span", { class: "rlv-spring" }),
      kept.element,
      ...explained.elements,
    ),
    draw(scene) {
      const { study } = scene;
      setText(agent, `${study.environment} · ${study.agent}`);
      origin.draw(study, scene, scene.offline);
      explained.draw(scene);
      kept.draw(scene);
    },
  };
}

/** Questions whose answers the study keeps; choosing one goes there. */
export function editorKept({ workbench, signal }: Pick<EditorContext, "workbench" | "signal">): EditorPanel {
  const listed = () => (workbench.seat.get("_edited") ?? []).filter(({ has }) => has.includes("edited"));
  const show = (index: number) => {
    const stored = listed()[index];
    if (stored) workbench.show(stored);
  };
  const kept = keptMenu("Kept edits", show, signal);
  return {
    element: kept.element,
    draw({ edits, trajectory, step, layerName, output }) {
      const text = textOfEdits(edits);
      const isHere = (one: StoredEdit) =>
        one.trajectory === trajectory &&
        one.step === step &&
        one.layer === layerName &&
        one.output === output &&
        textOfEdits(JSON.parse(one.edits) as NetworkEdit[]) === text;
      kept.draw(listed(), listed().findIndex(isHere));
    },
  };
}
