/** The policy at this step: one column an action, always in the same place; the sampled action is outlined. */
import { glyph } from "../core/actions.ts";
import { probability, softmax } from "../core/numbers.ts";
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

export function policyBar(_: Context): Panel {
  const element = h("div", { class: "rlv-policy", role: "img" });
  let columns: Column[] = [];
  let built: unknown;
  const build = (scene: Scene) => {
    built = scene.study;
    columns = scene.study.action_names.map(column);
    element.replaceChildren(...columns.map((one) => one.element));
  };
  return {
    element,
    draw(scene) {
      if (built !== scene.study) build(scene);
      const logits = slice(scene.curves, "policy_logits", scene.step);
      const chances = logits && softmax(logits.subarray(0, columns.length));
      const sampled = numbers(scene.curves, "action")[scene.step];
      let label = "policy";
      for (const [index, { element: item, fill, number }] of columns.entries()) {
        const chance = chances?.[index] ?? 0;
        const name = scene.study.action_names[index] ?? "";
        fill.style.transform = `scaleY(${chance.toFixed(3)})`;
        setText(number, probability(chance));
        setAttribute(item, "data-sampled", index === sampled);
        setAttribute(item, "data-rare", chance < 0.05);
        setAttribute(item, "title", `${name}: ${chance.toFixed(3)}${index === sampled ? ", sampled" : ""}`);
        if (chance >= 0.05) label += `, ${name} ${chance.toFixed(2)}`;
      }
      setAttribute(
        element,
        "aria-label",
        `${label}; sampled ${scene.study.action_names[sampled ?? -1] ?? "nothing"}`,
      );
    },
  };
}
