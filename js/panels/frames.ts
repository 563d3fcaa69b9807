/** The observation, and what in it raises and what lowers the output. */
import { outputLabel } from "../core/actions.ts";
import { featureColour, parseHex, RESIDUAL } from "../core/colours.ts";
import { colourCells, composite, type Direction, paint } from "../core/composite.ts";
import { panelsShown, type Scene } from "../host/scene.ts";
import { context2d, h, icon, setAttribute, setText } from "../views/dom.ts";
import { ENLARGE } from "../views/icons.ts";
import { emptyState } from "./empty.ts";
import type { Context, Panel } from "./panel.ts";

type Role = "observation" | Direction;

const HINT: Record<Role, string> = {
  observation: "what the agent saw",
  raises: "good news",
  lowers: "bad news",
  both: "either way",
};

/** The three panels; `frames` lays them side by side and lets one be enlarged. */
export function frames(context: Context): Panel {
  const element = h("div", { class: "rlv-frames" });
  const roles: Role[] = ["observation", "raises", "lowers", "both"];
  const panels = roles.map((role) => {
    const panel = frame(context, role, () => {
      if (element.dataset.enlarged === role) delete element.dataset.enlarged;
      else element.dataset.enlarged = role;
    });
    return { role, panel };
  });
  const empty = emptyState(context);
  element.append(...panels.map(({ panel }) => panel.element), empty.element);
  return {
    element,
    draw(scene) {
      const shown = panelsShown(scene);
      setAttribute(element, "data-combine", scene.combine);
      for (const { role, panel } of panels) {
        const hidden = role !== "observation" && !shown.includes(role);
        panel.element.hidden = hidden;
        if (hidden && element.dataset.enlarged === role) delete element.dataset.enlarged;
        if (!hidden) panel.draw(scene);
      }
      empty.draw(scene);
    },
  };
}

function frame({ session, signal }: Context, role: Role, enlarge: () => void): Panel {
  const title = h("span", { class: "rlv-title" });
  const hint = h("span", { class: "rlv-hint" });
  const button = h(
    "button",
    { class: "rlv-icon", "aria-label": "Enlarge this panel", title: "enlarge" },
    icon(ENLARGE),
  );
  button.addEventListener("click", enlarge, { signal });
  const canvas = h("canvas", { class: "rlv-frame", role: "img" });
  const context = context2d(canvas);
  let drawn = "";
  let image = new ImageData(1, 1);
  canvas.addEventListener("pointerdown", () => focusSlider(canvas), { signal });
  canvas.addEventListener("dblclick", enlarge, { signal });
  const resize = ({ height, width }: { height: number; width: number }) => {
    if (image.width === width && image.height === height) return;
    canvas.width = width;
    canvas.height = height;
    image = new ImageData(width, height);
    drawn = "";
  };
  return {
    element: h(
      "figure",
      { class: `rlv-figure rlv-${role}` },
      h("figcaption", {}, title, hint, button),
      canvas,
    ),
    draw(scene) {
      resize(scene.study.observation);
      const [name, note] = caption(scene, role);
      setText(title, name);
      setText(hint, note);
      const key = keyOf(scene, role);
      setAttribute(canvas, "data-stale", key === null || scene.approximate);
      setAttribute(canvas, "data-blank", key === null && drawn === "");
      if (key === null || key === drawn) return;
      drawn = key;
      if (role === "observation") {
        if (scene.observation) paint(scene.observation.pixels, image.data);
      } else drawAttribution(scene, role, image);
      context.putImageData(image, 0, 0);
      setAttribute(canvas, "aria-label", `${name}, step ${scene.step}`);
    },
  };
  function focusSlider(from: Element): void {
    from.closest(".rlv-explorer")?.querySelector<HTMLElement>(".rlv-slider")?.focus({ preventScroll: true });
    session.invalidate();
  }
}

function caption(scene: Scene, role: Role): [title: string, hint: string] {
  if (role === "observation") return ["observation", HINT.observation];
  const label = outputLabel(scene.study, scene.output);
  const verb = role === "both" ? "raises or lowers" : role;
  return [`${verb} ${label}`, scene.output === "value" ? HINT[role] : ""];
}

/** Names everything that the picture depends on; null while something of it is missing. */
function keyOf(scene: Scene, role: Role): string | null {
  if (!scene.observation) return null;
  if (role === "observation") return scene.observation.key;
  if (scene.attribution === "loading") return null;
  const { overlay, isolated, showResidual, study } = scene;
  const { cells, displayScale } = scene.row;
  const colours = scene.layer?.features.map(({ colour }) => colour).join() ?? "";
  return [
    scene.observation.key,
    cells?.key,
    overlay,
    isolated,
    showResidual,
    displayScale,
    study.schema,
    colours,
  ].join();
}

function drawAttribution(scene: Scene, direction: Direction, image: ImageData): void {
  const { isolated, showResidual } = scene;
  const { cells, displayScale } = scene.row;
  const features = scene.layer?.features ?? [];
  const colours =
    cells &&
    colourCells(cells, {
      direction,
      isolated,
      showResidual,
      displayScale,
      colours: Array.from({ length: cells.numFeatures }, (_, k) => parseHex(featureColour(features, k))),
      residualColour: RESIDUAL,
    });
  const background = scene.overlay ? (scene.observation?.pixels ?? null) : null;
  composite(background, image, cells, colours, image.data);
}
