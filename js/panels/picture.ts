/** One picture: the observation, or what in it raises, lowers, or either, an output. */
import { parseHex, RESIDUAL } from "../core/colours.ts";
import { colourCells, composite, type Direction, type Look, paint } from "../core/composite.ts";
import type { RowScene } from "../host/row_scene.ts";
import { colourOf, type Scene } from "../host/scene.ts";
import { context2d, h, icon, setAttribute, setText } from "../views/dom.ts";
import { ENLARGE } from "../views/icons.ts";
import type { Context, Panel } from "./panel.ts";

export type Role = "observation" | Direction;

export interface PictureOptions {
  /** Which of the scene's rows. */
  row?: number;
  /** Called by the button and a double click; without it there is no button. */
  enlarge?: () => void;
  /** Whether a cell of the layer can be picked on it. */
  pick?: boolean;
}

const HINT: Record<Role, string> = {
  observation: "what the agent saw",
  raises: "good news",
  lowers: "bad news",
  both: "hatched: lowers",
};

/** A figure with its caption; the canvas has one pixel for each of the observation's. */
export function picture(
  context: Context,
  role: Role,
  { row = 0, enlarge, pick }: PictureOptions = {},
): Panel {
  const { session, signal } = context;
  const title = h("span", { class: "rlv-title" });
  const hint = h("span", { class: "rlv-hint" });
  const caption = h("figcaption", {}, title, hint);
  const canvas = h("canvas", { class: "rlv-frame", role: "img" });
  const lines = h("canvas", { class: "rlv-hatch", "aria-hidden": "true" });
  const place = h("div", { class: "rlv-place" }, canvas);
  if (role === "both") place.append(lines);
  if (enlarge) {
    caption.append(enlargeButton(enlarge, signal));
    place.addEventListener("dblclick", enlarge, { signal });
  }
  if (!pick) place.addEventListener("pointerdown", () => focusSlider(place), { signal });
  let picker: Pick<Panel, "draw"> | undefined;
  const surface = context2d(canvas);
  let drawn = "";
  let image = new ImageData(1, 1);
  const resize = ({ height, width }: { height: number; width: number }) => {
    if (image.width === width && image.height === height) return;
    canvas.width = width;
    canvas.height = height;
    image = new ImageData(width, height);
    drawn = "";
  };
  return {
    element: h("figure", { class: `rlv-figure rlv-${role}` }, caption, place),
    draw(scene) {
      const shown = scene.rows[row];
      if (!shown) return;
      resize(scene.study.observation);
      const [name, note] = captionOf(scene, shown, role);
      setText(title, name);
      setAttribute(title, "title", name);
      setText(hint, note);
      if (pick && !scene.stale) picker ??= session.extras()?.cellPicker(context, place);
      picker?.draw(scene);
      const hatching = role === "both" ? session.extras() : null;
      const key = keyOf(scene, shown, role, hatching !== null);
      setAttribute(canvas, "data-stale", key === null || scene.approximate);
      setAttribute(canvas, "data-blank", key === null && drawn === "");
      if (drawn === "") setAttribute(canvas, "aria-label", `${name}, not loaded`);
      if (key === null || key === drawn) return;
      drawn = key;
      if (role === "observation") {
        if (scene.observation) paint(scene.observation.pixels, image.data);
      } else {
        const { look, colours } = drawAttribution(scene, shown, role, image);
        hatching?.hatchOver(lines, image, shown.cells, look, colours);
      }
      surface.putImageData(image, 0, 0);
      const what = role === "observation" || name.includes(shown.label) ? name : `${shown.label}: ${name}`;
      setAttribute(canvas, "aria-label", `${what}, step ${scene.step}`);
    },
  };
}

function enlargeButton(enlarge: () => void, signal: AbortSignal): HTMLElement {
  const says = { "aria-label": "Enlarge this panel", title: "enlarge" };
  const button = h("button", { class: "rlv-icon", ...says }, icon(ENLARGE));
  button.addEventListener("click", enlarge, { signal });
  return button;
}

function focusSlider(from: Element): void {
  from.closest(".rlv-explorer")?.querySelector<HTMLElement>(".rlv-slider")?.focus({ preventScroll: true });
}

const VERBS: Record<Direction, string> = { raises: "raises", lowers: "lowers", both: "raises or lowers" };
const CHANGES: Record<Direction, string> = {
  raises: "up since last step",
  lowers: "down since last step",
  both: "change",
};

function captionOf(scene: Scene, { label, output }: RowScene, role: Role): [title: string, hint: string] {
  if (role === "observation") return ["observation", HINT.observation];
  const hint = role === "both" || output === "value" ? HINT[role] : "";
  if (scene.mode === "change") return [CHANGES[role], role === "both" ? "hatched: down" : ""];
  if (scene.gradients)
    return [`gradients: ${VERBS[role]}`, role === "both" ? hint : "colours are the input's"];
  return [role === "both" ? VERBS.both : `${VERBS[role]} ${label}`, hint];
}

/** Names everything that the picture depends on; null while something of it is missing. */
function keyOf(
  scene: Scene,
  { attribution, cells, displayScale }: RowScene,
  role: Role,
  hatched: boolean,
): string | null {
  if (!scene.observation) return null;
  if (role === "observation") return scene.observation.key;
  if (attribution === "loading") return null;
  const { overlay, isolated, showResidual, article } = scene;
  const colours = Array.from({ length: scene.numFeatures }, (_, k) => colourOf(scene, k));
  return [
    scene.observation.key,
    cells?.key,
    overlay,
    isolated,
    showResidual,
    article !== null,
    hatched,
    displayScale,
    ...colours,
  ].join();
}

function drawAttribution(
  scene: Scene,
  { cells, displayScale }: RowScene,
  direction: Direction,
  image: ImageData,
): { look: Look; colours: Float64Array | null } {
  const { isolated, showResidual, overlay, article } = scene;
  const look: Look = {
    direction,
    isolated,
    showResidual,
    displayScale,
    colours: Array.from({ length: cells?.numFeatures ?? 0 }, (_, k) => parseHex(colourOf(scene, k))),
    residualColour: RESIDUAL,
  };
  const colours =
    cells && (article?.colourCellsLikeArticle(cells, look, overlay) ?? colourCells(cells, look));
  const background = overlay ? (scene.observation?.pixels ?? null) : null;
  composite(background, image, cells, colours, image.data, article !== null);
  return { look, colours };
}
