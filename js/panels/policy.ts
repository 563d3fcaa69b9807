/** The policy at this step: one column an action, always in the same place; the sampled action is outlined. */
import { glyph } from "../core/actions.ts";
import { entropy, probability, softmax } from "../core/numbers.ts";
import { numbers, slice } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { ARROW } from "../views/icons.ts";
import type { Context, Panel } from "./panel.ts";

interface Column {
  element: HTMLElement;
  fill: HTMLElement;
  number: HTMLElement;
}

function column(action: string): Column {
  const mark = glyph(action);
  const fill = h("span", { class: "rlv-fill" });
  const number = h("span", { class: "rlv-probability" });
  const symbol = h("span", { class: "rlv-glyph" }, "angle" in mark ? icon(ARROW, mark.angle) : mark.text);
  return {
    element: h("div", { class: "rlv-action" }, number, h("span", { class: "rlv-well" }, fill), symbol),
    fill,
    number,
  };
}

/** The actions' names, or their numbers where the study has none. */
function namesOf({ study, curves }: Scene): readonly string[] {
  if (study.action_names.length > 0) return study.action_names;
  const count = curves?.arrays.policy_logits?.shape[1] ?? 0;
  return Array.from({ length: count }, (_, index) => String(index));
}

export function policyBar(_: Context): Panel {
  const element = h("div", { class: "rlv-policy", role: "img" });
  let columns: Column[] = [];
  let built = "";
  const build = (scene: Scene) => {
    columns = namesOf(scene).map(column);
    element.replaceChildren(...columns.map((one) => one.element));
  };
  return {
    element,
    draw(scene) {
      const names = namesOf(scene);
      if (built !== names.join("\n")) build(scene);
      built = names.join("\n");
      const logits = slice(scene.curves, "policy_logits", scene.step);
      const chances = logits && softmax(logits.subarray(0, columns.length));
      const sampled = numbers(scene.curves, "action")[scene.step];
      const spread = chances
        ? `entropy ${entropy(chances).toFixed(2)} of ${Math.log(names.length).toFixed(2)} nats`
        : "";
      setAttribute(element, "title", spread);
      let label = "policy";
      for (const [index, { element: item, fill, number }] of columns.entries()) {
        const chance = chances?.[index] ?? 0;
        const name = names[index] ?? "";
        fill.style.transform = `scaleY(${chance.toFixed(3)})`;
        setText(number, probability(chance));
        setAttribute(item, "data-sampled", index === sampled);
        setAttribute(item, "data-rare", chance < 0.05);
        setAttribute(
          item,
          "title",
          `${name}: ${chance.toFixed(3)}${index === sampled ? ", sampled" : ""}\n${spread}`,
        );
        if (chance >= 0.05) label += `, ${name} ${chance.toFixed(2)}`;
      }
      setAttribute(
        element,
        "aria-label",
        `${label}; sampled ${names[sampled ?? -1] ?? "nothing"}; ${spread}`,
      );
    },
  };
}
