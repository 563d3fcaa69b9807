/** The two worlds under each other: what is seen, what is expected, and what in it raises and lowers that. */
import { outputLabel } from "../core/actions.ts";
import { featureColour, parseHex, RESIDUAL } from "../core/colours.ts";
import { colourCells, composite, type Direction, type Look, paint } from "../core/composite.ts";
import { words } from "../core/counterfactual_sight.ts";
import { fixed, signed } from "../core/numbers.ts";
import type { Version } from "../host/counterfactual_reply.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { context2d, h, setAttribute, setText } from "../views/dom.ts";
import type { CounterfactualPanel } from "./counterfactual_panel.ts";

type Side = "before" | "after";
type Role = "observation" | Direction;

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

/** `value` as a share of one success, where that is known. */
function share(value: number, scale: number | null, plus = false): string {
  if (!scale || !Number.isFinite(value)) return "";
  const percent = (100 * value) / scale;
  return ` (${plus ? signed(percent, 0) : fixed(percent, 0)} %)`;
}

function pictureOf(side: Side, role: Role): CounterfactualPanel {
  const canvas = h("canvas", { class: "rlv-frame", role: "img", width: 1, height: 1 });
  let drawn = "";
  let image = new ImageData(1, 1);
  return {
    element: h("div", { class: "rlv-place" }, canvas),
    draw(scene) {
      const { imagined, pending, isolated, layer } = scene;
      setAttribute(canvas, "data-stale", pending);
      const version = imagined?.[side];
      const label = role === "observation" ? "observation" : `what ${role} the output`;
      setAttribute(canvas, "aria-label", `${side}: ${label}${version ? "" : ", not there yet"}`);
      setAttribute(canvas, "data-blank", !version);
      if (!imagined || !version) return;
      const colours = Array.from({ length: imagined.numFeatures }, (_, k) =>
        featureColour(layer?.features ?? [], k),
      );
      const key = [imagined.key, imagined.displayScale, isolated, ...colours].join();
      if (key === drawn) return;
      drawn = key;
      const { width, height } = imagined.size;
      if (image.width !== width || image.height !== height) {
        canvas.width = width;
        canvas.height = height;
        image = new ImageData(width, height);
      }
      if (role === "observation") paint(version.pixels, image.data);
      else {
        const look: Look = {
          direction: role,
          isolated,
          showResidual: false,
          displayScale: imagined.displayScale,
          colours: colours.map(parseHex),
          residualColour: RESIDUAL,
        };
        const { cells } = version;
        composite(version.pixels, image, cells, cells && colourCells(cells, look), image.data);
      }
      context2d(canvas).putImageData(image, 0, 0);
    },
  };
}
