/** How one member differs from the selected one at this step, in numbers, in the policy and in pixels. */
import { outputFromLogits } from "../core/actions.ts";
import { pixelDifference, policyOf, totalVariation } from "../core/compare.ts";
import { fixed, signed } from "../core/numbers.ts";
import { type CompareScene, type MemberScene, pairOf, startOf, stepName } from "../host/compare_scene.ts";
import { numbers, slice } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { context2d, h, setAttribute, setText } from "../views/dom.ts";
import type { CompareContext } from "./compare_panel.ts";
import { policyDifference } from "./compare_policy.ts";

export interface DifferencePanel {
  element: HTMLElement;
  draw(selected: MemberScene, other: MemberScene, compared: CompareScene): void;
}

export function compareDifference(context: CompareContext): DifferencePanel {
  const title = h("span", { class: "rlv-title" });
  const readings = ["value", "output", "policy distance", "actions"].map((name) => reading(name));
  const [value, output, distance, actions] = readings as [Reading, Reading, Reading, Reading];
  const parting = [
    partingMark(context, "observations differ"),
    partingMark(context, "actions differ"),
  ] as const;
  const policy = policyDifference();
  const pixels = pixelPanel();
  const element = h(
    "section",
    { class: "rlv-difference" },
    pixels.element,
    h(
      "div",
      { class: "rlv-difference-body" },
      h("div", { class: "rlv-caption" }, title, ...parting.map((mark) => mark.element)),
      h("div", { class: "rlv-readings" }, ...readings.map((one) => one.element)),
    ),
    policy.element,
  );
  return {
    element,
    draw(selected, other, compared) {
      setText(title, `${other.letter} compared with ${selected.letter}`);
      setAttribute(element, "aria-label", `${other.label} compared with ${selected.label}`);
      const pair = pairOf(compared, selected.index, other.index);
      const start = startOf(compared, selected.index, other.index);
      parting[0].draw(pair?.observation, pair !== undefined, compared, start, pair?.comparable === false);
      parting[1].draw(pair?.action, pair !== undefined, compared, start, false);
      const both =
        other.step !== null && selected.step !== null ? ([selected.scene, other.scene] as const) : null;
      const minus = `${other.letter} − ${selected.letter}`;
      value.element.hidden = !both?.some((scene) => scene?.study.has_value);
      value.set(
        `value, ${minus}`,
        signed(
          subtract(both, (scene) => numbers(scene.curves, "value")[scene.step]),
          2,
        ),
      );
      output.element.hidden = compared.output === "value";
      const label = compared.outputs.find(({ name }) => name === compared.output)?.label ?? compared.output;
      output.set(`${label}, ${minus}`, signed(subtract(both, outputOf), 2));
      const policies = both?.map((scene) => scene && policyAt(scene)) ?? [];
      const [first, second] = [policies[0] ?? null, policies[1] ?? null];
      const apart = first && second ? totalVariation(first, second) : undefined;
      distance.set("policy distance", fixed(apart, 2));
      drawActions(actions, both, selected, other);
      const names = [selected, other].map(({ scene }) => scene?.study.action_names ?? []);
      policy.draw(names, first, second, minus);
      pixels.draw(both, compared, pair?.comparable !== false);
    },
  };
}

type Both = readonly [Scene | null, Scene | null] | null;

function subtract(both: Both, read: (scene: Scene) => number | null | undefined): number | undefined {
  const [a, b] = (both ?? []).map((scene) => scene && read(scene));
  return typeof a === "number" && typeof b === "number" ? b - a : undefined;
}

function outputOf(scene: Scene): number | null | undefined {
  const logits = slice(scene.curves, "policy_logits", scene.step);
  return logits && outputFromLogits(scene.output, logits, scene.study.action_names);
}

const policyAt = ({ curves, step, study }: Scene) =>
  policyOf(study.action_names, slice(curves, "policy_logits", step));

function drawActions(target: Reading, both: Both, a: MemberScene, b: MemberScene): void {
  const [first, second] = (both ?? []).map((scene) => {
    const action = scene ? numbers(scene.curves, "action")[scene.step] : undefined;
    return action === undefined ? undefined : scene?.study.action_names[action];
  });
  if (first === undefined || second === undefined) target.set("actions", "–");
  else if (first === second) target.set("actions", "same", first);
  else target.set("actions", "differ", `${a.letter} ${first}, ${b.letter} ${second}`);
  setAttribute(target.element, "data-strong", first !== second);
}

interface Reading {
  element: HTMLElement;
  set(label: string, value: string, unit?: string): void;
}

function reading(name: string): Reading {
  const label = h("span", { class: "rlv-label" });
  const value = h("span", { class: "rlv-value" });
  const unit = h("span", { class: "rlv-unit" });
  const element = h("div", { class: "rlv-reading", "data-name": name }, label, h("span", {}, value, unit));
  if (name === "policy distance")
    element.title =
      "Total variation distance: how much probability would have to move (0 same, 1 nothing in common)";
  return {
    element,
    set(text, shown, note = "") {
      setText(label, text);
      setText(value, shown);
      setText(unit, note);
    },
  };
}

/** "observations differ from step 37": a button that goes there. */
function partingMark({ comparison, signal }: CompareContext, what: string) {
  const button = h("button", { class: "rlv-plain rlv-parting" });
  let target: number | null = null;
  button.addEventListener("click", () => target !== null && comparison.goTo(target), { signal });
  return {
    element: button,
    draw(
      step: number | null | undefined,
      known: boolean,
      compared: CompareScene,
      start: number,
      otherSize: boolean,
    ) {
      target = step ?? null;
      button.disabled = target === null;
      const never = what.replace("differ", "never differ");
      if (otherSize) setText(button, "observations of other sizes");
      else if (!known) setText(button, "comparing…");
      else if (target === start) setText(button, `${what} from the start`);
      else setText(button, target === null ? never : `${what} from step ${stepName(compared, target)}`);
    },
  };
}

/** |a − b| of the two observations. */
function pixelPanel() {
  const canvas = h("canvas", { class: "rlv-frame", role: "img" });
  const note = h("figcaption", { class: "rlv-hint" });
  const surface = context2d(canvas);
  const element = h("figure", { class: "rlv-figure rlv-pixels" }, note, canvas);
  element.hidden = true;
  let drawn = "";
  return {
    element,
    draw(both: Both, { showDifference, members }: CompareScene, comparable: boolean) {
      element.hidden = !showDifference;
      const size = members[0]?.scene?.study.observation;
      if (!showDifference || !size) return;
      const { width, height } = size;
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
      const [first, second] = (both ?? []).map((scene) => scene?.observation);
      const missing = !comparable || !first || !second;
      setAttribute(canvas, "data-blank", missing);
      const key = missing ? "" : `${first.key} ${second.key}`;
      if (missing) setText(note, !comparable ? "observations of other sizes" : both ? "" : "no step in both");
      if (key === drawn) return;
      drawn = key;
      surface.clearRect(0, 0, width, height);
      if (missing) return;
      const image = new ImageData(width, height);
      const share = pixelDifference(first.pixels, second.pixels, image.data);
      surface.putImageData(image, 0, 0);
      const percent = share < 0.001 ? "<0.1" : (100 * share).toFixed(1);
      setText(note, share === 0 ? "same pixels" : `${percent} % differ`);
      setAttribute(canvas, "aria-label", `Where the observations differ: ${note.textContent}`);
    },
  };
}
