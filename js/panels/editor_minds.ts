/** What the two agents make of this frame: value, what raises and lowers the output, and policy. */
import { outputLabel } from "../core/actions.ts";
import { isActive } from "../core/editor.ts";
import { capital, fixed, share, signed } from "../core/numbers.ts";
import type { EditorScene } from "../host/editor_scene.ts";
import { measureOf } from "../host/measure.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { type Composed, composedFrame, type Role } from "./composed_frame.ts";
import { policyPair } from "./counterfactual_policy.ts";
import { editorGauge } from "./editor_gauge.ts";
import type { EditorPanel } from "./editor_panel.ts";

const SIDES = ["before", "after"] as const;
const NAMES = { before: "original", after: "edited" };
const ROLES = ["raises", "lowers"] as const;

/** With the frame itself and the policy under it; without a frame the policy is to be put elsewhere. */
export function editorMinds(withFrame: boolean): EditorPanel & { policy: HTMLElement } {
  const gauge = editorGauge();
  const frame = pictureOf("observation", null);
  const place = h("span", { class: "rlv-hint" });
  const sides = SIDES.map((side) => ({
    name: h("span", { class: "rlv-title" }, NAMES[side]),
    error: h("span", { class: "rlv-hint" }),
    heads: ROLES.map(() => h("span", { class: "rlv-hint rlv-ed-head" })),
    pictures: ROLES.map((role) => pictureOf(role, side)),
  }));
  const told = h("span", { class: "rlv-hint" });
  const policy = policyPair(told);
  const groups = sides.map(({ name, error, heads, pictures }) =>
    h(
      "div",
      { class: "rlv-ed-group" },
      h("div", { class: "rlv-ed-side" }, name, error),
      ...heads,
      ...pictures.map(({ element }) => element),
    ),
  );
  return {
    policy: policy.element,
    element: h(
      "section",
      { class: "rlv-ed-minds", "aria-label": "Original and edited" },
      ...(withFrame
        ? [h("figure", { class: "rlv-ed-frame" }, frame.element, h("figcaption", {}, place)), policy.element]
        : []),
      h("div", { class: "rlv-ed-thoughts" }, gauge.element, h("div", { class: "rlv-ed-maps" }, ...groups)),
    ),
    draw(scene) {
      const { edited, study, output, pending, trajectory, step } = scene;
      gauge.draw(scene);
      frame.draw(scene);
      setText(place, `trajectory ${trajectory + 1}, step ${step}${farAs(scene)}`);
      for (const [index, { pictures, heads, error }] of sides.entries()) {
        for (const picture of pictures) picture.draw(scene);
        for (const [at, head] of heads.entries()) setText(head, `${ROLES[at]} ${outputLabel(study, output)}`);
        const wrong = edited?.[SIDES[index] ?? "before"].error ?? Number.NaN;
        setText(error, Number.isFinite(wrong) ? `error ${signed(wrong, 3)}` : "");
        setAttribute(error, "title", "completeness error: F(a) − F(0) minus everything attributed");
      }
      const known = edited && Number.isFinite(edited.kl);
      setText(told, `${known ? `KL ${fixed(edited.kl, 3)} nats · ` : ""}left original, right edited`);
      setAttribute(told, "title", "of the two policies: how much the edited one surprises the original");
      const [before, after] = [edited?.before.chances ?? null, edited?.after.chances ?? null];
      policy.draw({ before, after, names: study.action_names, pending });
    },
  };
}

/** How far a long wait has come: a layer's features may have to be found first. */
function farAs({ pending, progress }: EditorScene): string {
  if (!pending || !progress || progress.total <= 0) return "";
  return ` · ${progress.stage} ${progress.done} of ${progress.total}`;
}

function pictureOf(role: Role, side: "before" | "after" | null): EditorPanel {
  const frame = composedFrame(role);
  return {
    element: frame.element,
    draw(scene) {
      const { edited, pending, isolated, layer } = scene;
      const about = side ? `${NAMES[side]}: what ${role} the output` : "observation";
      setAttribute(frame.element, "data-stale", pending && side !== "before");
      setAttribute(frame.element, "aria-label", edited ? about : `${about}, not there yet`);
      const shown: Composed | null = edited && {
        ...edited,
        cells: side && edited[side].cells,
        features: layer?.features ?? [],
        isolated,
      };
      frame.draw(shown);
    },
  };
}

/** In one sentence, for those who do not see it. */
export function verdict({ edited, edits, study, output }: EditorScene): string {
  if (!edited) return "";
  const { name, scale, of } = measureOf(study, output);
  const [before, after] = [of(edited.before), of(edited.after)];
  const isKnown = Number.isFinite(after);
  if (!edits.some(isActive))
    return `The original agent${isKnown ? `. ${capital(name)} ${fixed(before, 2)}` : ""}`;
  // Nothing has been looked at.
  if (!isKnown) return "";
  const change = after - before;
  return `${capital(name)} ${fixed(after, 2)}, ${signed(change, 2)}${share(change, scale, true)} against the original`;
}
