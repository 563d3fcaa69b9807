/** The frame: a list of objects to the keyboard, a world to the pointer, and a screen to play on. */
import { paint } from "../core/composite.ts";
import { toFrame } from "../core/counterfactual.ts";
import { called, readingOrder, type WorldObject } from "../core/counterfactual_sight.ts";
import type { CounterfactualScene } from "../host/counterfactual_scene.ts";
import { context2d, h, setAttribute, setText } from "../views/dom.ts";
import { acts } from "./counterfactual_acts.ts";
import { playByHand } from "./counterfactual_hand.ts";
import type { Hands } from "./counterfactual_hands.ts";
import { drawOverlay } from "./counterfactual_overlay.ts";
import { button, type CounterfactualContext, type CounterfactualPanel } from "./counterfactual_panel.ts";
import { followPointer } from "./counterfactual_pointer.ts";
import { listenToStageKeys } from "./counterfactual_stage_keys.ts";

const KEYS =
  "arrows go from object to object; Enter selects; Delete removes, h hides, g makes a ghost, d duplicates; Shift and arrows move it; p plays";

let count = 0;

export function counterfactualStage(context: CounterfactualContext, hands: Hands): CounterfactualPanel {
  const { imagination, signal, say, theme } = context;
  const picture = h("canvas", { class: "rlv-frame", "aria-hidden": "true" });
  const lines = h("canvas", { class: "rlv-lines", "aria-hidden": "true" });
  const label = h("span", { class: "rlv-object-label", "aria-hidden": "true", hidden: true });
  const options = h("div", { class: "rlv-unseen", role: "presentation" });
  const frame = h(
    "div",
    { class: "rlv-stage", role: "listbox", tabindex: 0, title: KEYS },
    picture,
    lines,
    label,
    options,
  );
  const title = h("span", { class: "rlv-title" });
  const note = h("span", { class: "rlv-hint" });
  const large = button(
    "512 px",
    { class: "rlv-toggle", title: "the game's own large picture" },
    () => {
      imagination.aside.setLarge(!imagination.aside.isLarge);
    },
    signal,
  );
  const togglePlaying = () => {
    // Without an agent one can no longer begin, but always leave.
    if (!imagination.playing && !imagination.canCompute) return say("Playing needs a kernel with the agent");
    hands.take(null);
    imagination.playing = !imagination.playing;
    imagination.aside.setQuiet(imagination.playing);
    if (imagination.playing) frame.focus({ preventScroll: true });
    say(
      imagination.playing
        ? "Playing: arrow keys act, two together act together, Space waits, Backspace goes back, Escape ends"
        : "No longer playing",
    );
    imagination.invalidate();
  };
  const play = button(
    "play yourself",
    { class: "rlv-toggle", title: "keys act in the frame: p" },
    togglePlaying,
    signal,
  );
  const does = acts(context);
  followPointer(context, frame, hands, does);
  playByHand(context, frame);
  listenToStageKeys(context, frame, hands, does, togglePlaying);

  let width = 0;
  const resized = new ResizeObserver(([entry]) => {
    width = entry?.contentRect.width ?? 0;
    imagination.invalidate();
  });
  resized.observe(frame);
  signal.addEventListener("abort", () => resized.disconnect(), { once: true });

  const name = `rlv-objects-${count++}-${Math.random().toString(36).slice(2, 8)}`;
  let listed = "";
  const list = (objects: readonly WorldObject[]) => {
    const order = readingOrder(objects);
    const key = JSON.stringify(order.map((object) => [object.key, called(object)]));
    if (key === listed) return;
    listed = key;
    options.replaceChildren(
      ...order.map((object) =>
        h(
          "div",
          { role: "option", id: idOf(object), "data-key": object.key, "aria-selected": "false" },
          called(object),
        ),
      ),
    );
  };
  const idOf = ({ key }: WorldObject) => `${name}-${key.replace(/[^\w-]/g, "_")}`;

  const drawPicture = pictureOf(picture);
  return {
    element: h(
      "section",
      { class: "rlv-scene", "aria-label": "Frame" },
      h("div", { class: "rlv-caption" }, title, note, h("span", { class: "rlv-spring" }), large, play),
      frame,
    ),
    draw(scene) {
      const { imagined, selected, pointed, playing, pending } = scene;
      if (playing && !scene.canCompute) togglePlaying();
      setText(title, scene.world.edits.length > 0 ? "frame, changed" : "frame, as recorded");
      setText(note, noteOf(scene));
      drawPicture(scene);
      setAttribute(picture, "data-stale", pending && scene.preview === null);
      setAttribute(large, "aria-pressed", String(scene.isLarge));
      large.disabled = scene.offline;
      setAttribute(play, "aria-pressed", String(playing));
      play.disabled = !scene.canCompute;
      setAttribute(frame, "data-playing", playing);
      setAttribute(frame, "data-brush", hands.brush !== null);
      setAttribute(frame, "data-grab", does.canMove(pointed));
      const role = playing ? "application" : "listbox";
      setAttribute(frame, "role", role);
      setAttribute(frame, "aria-label", playing ? "Frame, playing: arrow keys act" : "Objects in the frame");
      if (!imagined) return;
      list(playing ? [] : imagined.after.objects);
      const active = pointed ?? selected;
      setAttribute(frame, "aria-activedescendant", active && !playing ? idOf(active) : false);
      for (const option of options.children)
        setAttribute(option, "aria-selected", String(option.getAttribute("data-key") === selected?.key));
      const shown = pending && scene.preview ? { selected: null, pointed: null } : { selected, pointed };
      drawOverlay(lines, width, { version: imagined.after, ...shown, hands }, theme());
      drawLabel(label, scene, hands, width);
    },
  };
}

function noteOf({ pending, progress, imagined, drawsLarge, playing }: CounterfactualScene): string {
  if (pending && progress && progress.total > 0)
    return `${progress.stage}: ${progress.done} of ${progress.total}…`;
  if (pending) return "imagining…";
  if (imagined?.after.ended) return `the episode ended here: ${imagined.after.ended.cause}`;
  if (playing) return "arrow keys act · Esc leaves";
  if (drawsLarge) return "drawing large…";
  return "";
}

/** Draws the small frame, or the large one where it is wanted and there. */
function pictureOf(canvas: HTMLCanvasElement): (scene: CounterfactualScene) => void {
  let drawn: unknown;
  let image = new ImageData(1, 1);
  return ({ imagined, preview, pending, large }) => {
    const pixels = (pending && preview) || large || imagined?.after.pixels;
    setAttribute(canvas, "data-blank", !pixels);
    if (!pixels || pixels === drawn) return;
    drawn = pixels;
    const side = Math.round(Math.sqrt(pixels.length / 3));
    if (image.width !== side) {
      canvas.width = side;
      canvas.height = side;
      image = new ImageData(side, side);
    }
    paint(pixels, image.data);
    context2d(canvas).putImageData(image, 0, 0);
  };
}

/** The name of what is pointed at, beside it and within the frame. */
function drawLabel(
  label: HTMLElement,
  { imagined, pointed, selected, pending, preview }: CounterfactualScene,
  hands: Hands,
  width: number,
): void {
  const object = hands.dragged ?? pointed ?? selected;
  label.hidden = !object || !imagined || width === 0 || hands.brush !== null || (pending && preview !== null);
  if (label.hidden || !object || !imagined) return;
  setText(label, called(object));
  const { camera, instances } = imagined.after;
  const scale = width / instances.width;
  const [x] = toFrame(camera, [object.x, object.y]);
  const [, top, , bottom] = object.box;
  const above = top * scale > 28;
  const y = above ? top * scale - 24 : Math.min(width - 22, bottom * scale + 6);
  const half = label.offsetWidth / 2;
  const left = Math.max(2, Math.min(width - 2 * half - 2, (x + hands.by[0]) * scale - half));
  label.style.transform = `translate(${left.toFixed(1)}px, ${Math.max(2, y + hands.by[1] * scale).toFixed(1)}px)`;
}
