/** An output put together: of which kind, and of which actions. */
import { glyph, outputLabel } from "../core/actions.ts";
import { composed, groupsOf, KINDS, type Kind, parts } from "../core/outputs.ts";
import { stored, studyOf } from "../core/study.ts";
import type { LazyPanel } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { ARROW } from "../views/icons.ts";
import { choices, menu } from "./menu.ts";
import type { Context } from "./panel.ts";

export function composer({ session }: Context, close: () => void, row: number): LazyPanel {
  let kind: Kind = "centred";
  let picked: string[] = [];
  let scene: Scene | null = null;
  const hasValue = studyOf(session.model.get("_study"))?.has_value;
  const offered = KINDS.filter(({ value }) => value !== "value" || hasValue);
  const kinds = choices("Explain", offered, (value) => {
    kind = value as Kind;
    redraw();
  });
  const actions = h("div", { class: "rlv-action-buttons", role: "group", "aria-label": "Actions" });
  const groups = h("div", { class: "rlv-action-groups", role: "group", "aria-label": "Groups of actions" });
  const words = h("p", { class: "rlv-composed", role: "status" });
  const go = h("button", { class: "rlv-button" }, "Explain it");
  let buttons: { name: string; button: HTMLButtonElement }[] = [];

  const pick = (name: string) => {
    const wanted = KINDS.find(({ value }) => value === kind)?.actions ?? 1;
    if (picked.includes(name)) picked = picked.filter((other) => other !== name);
    else picked = [...picked, name].slice(-wanted);
    redraw();
  };
  const build = (names: readonly string[]) => {
    buttons = names.map((name) => {
      const mark = glyph(name);
      const button = h(
        "button",
        { class: "rlv-action-button", title: name },
        "angle" in mark ? icon(ARROW, mark.angle) : "",
        name,
      );
      button.addEventListener("click", () => pick(name));
      return { name, button };
    });
    actions.replaceChildren(...buttons.map(({ button }) => button));
    groups.replaceChildren(
      ...groupsOf(names).map(({ name, members }) => {
        const button = h("button", { class: "rlv-button", title: members.join(", ") }, name);
        button.addEventListener("click", () => {
          picked = members;
          redraw();
        });
        return button;
      }),
    );
  };
  const redraw = () => {
    if (!scene) return;
    const names = scene.study.action_names;
    const { actions: most = 1 } = KINDS.find(({ value }) => value === kind) ?? {};
    picked = picked.slice(0, most);
    kinds.show(kind);
    actions.hidden = most === 0;
    groups.hidden = kind !== "sum";
    for (const { name, button } of buttons)
      setAttribute(button, "aria-pressed", String(picked.includes(name)));
    const output = composed(kind, picked, names);
    go.disabled = output === null;
    if (output === null)
      setText(
        words,
        kind === "difference"
          ? "Choose two actions: the first minus the second."
          : kind === "sum"
            ? "Choose two or more actions."
            : "Choose an action.",
      );
    else {
      const ready = stored(scene.study, scene.layerName, output) !== "none";
      setText(words, `${outputLabel(scene.study, output)} · ${ready ? "computed" : "○ to be computed"}`);
    }
  };
  go.addEventListener("click", () => {
    const output = scene && composed(kind, picked, scene.study.action_names);
    if (!output) return;
    close();
    session.rows.choose(row, output);
  });
  let built = "";
  return menu([kinds.element, actions, groups, words, go], (shown) => {
    const output = shown.rows[row]?.output;
    if (!scene && output && output !== "value") ({ kind, picked } = parts(output));
    scene = shown;
    const names = shown.study.action_names.join("\n");
    if (built !== names) build(shown.study.action_names);
    built = names;
    redraw();
  });
}
