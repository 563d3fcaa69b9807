/** Lists of edits that the study keeps: one click takes one, and the list shown can be kept under a name. */
import { isActive } from "../core/editor.ts";
import { h, setAttribute } from "../views/dom.ts";
import { button, enable, isEnabled } from "./counterfactual_panel.ts";
import type { EditorContext, EditorPanel } from "./editor_panel.ts";

export function editorPresets({ workbench, signal, say }: EditorContext): EditorPanel {
  const list = h("span", { class: "rlv-ed-presets-list" });
  const name = h("input", {
    class: "rlv-ed-preset-name",
    type: "text",
    placeholder: "name",
    "aria-label": "Name to keep these edits under",
  });
  const keep = button(
    "keep",
    { title: "keep these edits in the study, under this name" },
    () => void save(),
    signal,
  );
  const save = async () => {
    const called = name.value.trim();
    if (!isEnabled(keep)) return;
    if (called === "") return name.focus();
    if (!(await workbench.keep(called))) return;
    name.value = "";
    say(`Kept as ${called}`);
  };
  name.addEventListener(
    "keydown",
    (event) => {
      if (event.key === "Enter") void save();
      // What is typed is text, whatever keys mean elsewhere.
      if (event.key !== "Escape") event.stopPropagation();
    },
    { signal },
  );
  const writes = h("span", { class: "rlv-ed-keep" }, name, keep);
  const element = h(
    "div",
    { class: "rlv-ed-presets", role: "group", "aria-label": "Presets" },
    h("span", { class: "rlv-label" }, "presets"),
    list,
    writes,
  );
  let built = "";
  return {
    element,
    draw({ presets, edits, canCompute, offline }) {
      const key = JSON.stringify([presets, canCompute]);
      if (key !== built) {
        built = key;
        list.replaceChildren(
          ...presets.map((preset) => {
            const title = [preset.note, ...preset.described].filter(Boolean).join("\n");
            const look = { class: "rlv-button rlv-ed-preset", title };
            const one = button(preset.name, look, () => workbench.change(preset.edits), signal);
            one.disabled = !canCompute;
            return one;
          }),
        );
      }
      const chosen = JSON.stringify(edits);
      for (const [index, one] of [...list.children].entries())
        setAttribute(one, "aria-pressed", String(JSON.stringify(presets[index]?.edits) === chosen));
      writes.hidden = offline;
      enable(keep, edits.some(isActive));
      element.hidden = offline && presets.length === 0;
    },
  };
}
