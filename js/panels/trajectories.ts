/** The trajectory picker: previous, a list of all, next. */
import type { Loaded } from "../host/replies.ts";
import { context2d, h, icon, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import { lazyPopover } from "../views/lazy_popover.ts";
import type { Context, Panel } from "./panel.ts";

/** Draws a strip (height, column, rgb) pixel by pixel; the style sheet stretches the canvas. */
export function drawStrip(canvas: HTMLCanvasElement, strip: Loaded): void {
  const array = strip.arrays.strip;
  if (!array) return;
  const [height = 0, width = 0] = array.shape;
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++)
      image.data[4 * pixel + channel] = array.data[3 * pixel + channel] ?? 0;
    image.data[4 * pixel + 3] = 255;
  }
  context2d(canvas).putImageData(image, 0, 0);
}

export function trajectoryPicker(context: Context): Panel {
  const { session, signal } = context;
  const turn = (label: string, direction: number, rotate: number) => {
    const button = h("button", { class: "rlv-icon", "aria-label": label }, icon(CHEVRON, rotate));
    const act = () => session.goToTrajectory(session.model.get("trajectory") + direction);
    button.addEventListener("click", act, { signal });
    return button;
  };
  const back = turn("Previous trajectory", -1, 180);
  const next = turn("Next trajectory", 1, 0);
  const text = h("span");
  const title = "all trajectories";
  const list = lazyPopover(context, "trajectories", { name: "Trajectories", text, title, plain: true });
  return {
    element: h(
      "span",
      { class: "rlv-picker" },
      h("span", { class: "rlv-label" }, "trajectory"),
      back,
      list.element,
      next,
    ),
    draw(scene) {
      const count = scene.study.trajectories.length;
      setText(text, `${scene.trajectory + 1} of ${count}`);
      back.disabled = scene.trajectory === 0;
      next.disabled = scene.trajectory >= count - 1;
      list.draw(scene);
    },
  };
}
