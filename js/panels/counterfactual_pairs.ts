/** The two worlds under each other: what is seen, what is expected, and what in it raises and lowers that. */
import { outputLabel } from "../core/actions.ts";
import { words } from "../core/counterfactual_sight.ts";
import { fixed, share, signed } from "../core/numbers.ts";
import type { Version } from "../host/counterfactual_reply.ts";
import { measureOf } from "../host/measure.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { composedFrame, type Role } from "./composed_frame.ts";
import type { CounterfactualPanel } from "./counterfactual_panel.ts";

type Side = "before" | "after";

const ROLES: readonly Role[] = ["observation", "raises", "lowers"];

/** With `below` under them. */
export function counterfactualPairs(below: HTMLElement): CounterfactualPanel {
  const rows = (["before", "after"] as const).map((side) => rowOf(side));
  return {
    element: h(
      "section",
      { class: "rlv-pairs", "aria-label": "Before and after" },
      ...rows.map(({ element }) => element),
      below,
    ),
    draw(scene) {
      for (const row of rows) row.draw(scene);
    },
  };
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
      const { mark, name, scale, of } = measureOf(study, output);
      setText(value, `${mark || name} ${fixed(version && of(version), 2)}`);
      setText(unit, version ? share(of(version), scale) : "");
      setAttribute(value, "data-stale", pending);
      setText(note, version ? remark(version) : "");
      setAttribute(note, "title", "completeness error: F(a) − F(0) minus everything attributed");
      const change = imagined && side === "after" ? of(imagined.after) - of(imagined.before) : null;
      difference.hidden = change === null;
      if (change !== null) setText(difference, `Δ${mark} ${signed(change, 2)}${share(change, scale, true)}`);
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
