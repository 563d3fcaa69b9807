/** The two worlds under each other: what is seen, what is expected, and what in it raises and lowers that. */
import { outputLabel } from "../core/actions.ts";
import { words } from "../core/counterfactual_sight.ts";
import { fixed, share, signed } from "../core/numbers.ts";
import type { Version } from "../host/counterfactual_reply.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { composedFrame, type Role } from "./composed_frame.ts";
import type { CounterfactualPanel } from "./counterfactual_panel.ts";

type Side = "before" | "after";

const ROLES: readonly Role[] = ["observation", "raises", "lowers"];

export function counterfactualPairs(): CounterfactualPanel {
  const rows = (["before", "after"] as const).map((side) => rowOf(side));
  const maze = h("p", { class: "rlv-maze" });
  return {
    element: h(
      "section",
      { class: "rlv-pairs", "aria-label": "Before and after" },
      ...rows.map(({ element }) => element),
      maze,
    ),
    draw(scene) {
      for (const row of rows) row.draw(scene);
      drawReasons(maze, scene);
    },
  };
}

/** Whether the maze is one that the agent could have met. */
function drawReasons(element: HTMLElement, { imagined }: CounterfactualScene): void {
  const reasons = imagined?.reasons ?? null;
  element.hidden = reasons === null;
  if (reasons === null) return;
  setAttribute(element, "data-odd", reasons.length > 0);
  setText(
    element,
    reasons.length === 0
      ? "The generator could have made this maze."
      : `The generator could not have made this maze: ${reasons.join("; ")}.`,
  );
}

function rowOf(side: Side): CounterfactualPanel {
  const value = h("span", { class: "rlv-value" });
  const unit = h("span", { class: "rlv-unit" });
  const difference = h("strong", { class: "rlv-value rlv-delta" });
  const note = h("span", { class: "rlv-hint" });
  const pictures = ROLES.map((role) => pictureOf(side, role));
  const captions = side === "before" ? ROLES.map((role) => ({ role, element: h("span", {}) })) : [];
  const line = h(
    "div",
    { class: "rlv-side" },
    h("span", { class: "rlv-title" }, side),
    h("span", {}, value, unit),
    difference,
    h("span", { class: "rlv-spring" }),
    note,
  );
  const places = pictures.map(({ element }) => element);
  const heads = h("div", { class: "rlv-pair rlv-pair-heads" }, ...captions.map(({ element }) => element));
  return {
    element: h(
      "div",
      { class: "rlv-world-of", "data-side": side },
      line,
      ...(captions.length > 0 ? [heads] : []),
      h("div", { class: "rlv-pair" }, ...places),
    ),
    draw(scene) {
      const { imagined, study, pending, output } = scene;
      const version = imagined?.[side];
      setText(value, `V ${fixed(version?.value, 2)}`);
      setText(unit, version ? share(version.value, study.value_scale) : "");
      setAttribute(value, "data-stale", pending);
      setText(note, version ? remark(version) : "");
      setAttribute(note, "title", "completeness error: F(a) − F(0) minus everything attributed");
      const change = imagined && side === "after" ? imagined.after.value - imagined.before.value : null;
      difference.hidden = change === null;
      if (change !== null)
        setText(difference, `ΔV ${signed(change, 2)}${share(change, study.value_scale, true)}`);
      setAttribute(difference, "data-stale", pending);
      for (const { role, element } of captions)
        setText(element, role === "observation" ? "observation" : `${role} ${outputLabel(study, output)}`);
      for (const picture of pictures) picture.draw(scene);
    },
  };
}

function remark({ ended, error }: Version): string {
  if (ended) return `ended: ${words(ended.cause)}`;
  return Number.isFinite(error) ? `error ${signed(error, 3)}` : "";
}

function pictureOf(side: Side, role: Role): CounterfactualPanel {
  const frame = composedFrame(role);
  return {
    element: h("div", { class: "rlv-place" }, frame.element),
    draw({ imagined, pending, isolated, layer }) {
      setAttribute(frame.element, "data-stale", pending);
      const version = imagined?.[side];
      const label = role === "observation" ? "observation" : `what ${role} the output`;
      setAttribute(frame.element, "aria-label", `${side}: ${label}${version ? "" : ", not there yet"}`);
      frame.draw(
        imagined && version ? { ...imagined, ...version, features: layer?.features ?? [], isolated } : null,
      );
    },
  };
}
