/** The trajectory picker: previous, a list of all with their squeezed frames, next. */
import { fixed } from "../core/numbers.ts";
import type { Study } from "../core/study.ts";
import { requestKey, want } from "../core/wants.ts";
import type { Loaded } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { context2d, h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import { popover } from "../views/popover.ts";
import { OUTCOME_MARK } from "./header.ts";
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
    image.data[4 * pixel] = array.data[3 * pixel] ?? 0;
    image.data[4 * pixel + 1] = array.data[3 * pixel + 1] ?? 0;
    image.data[4 * pixel + 2] = array.data[3 * pixel + 2] ?? 0;
    image.data[4 * pixel + 3] = 255;
  }
  context2d(canvas).putImageData(image, 0, 0);
}

export function trajectoryPicker({ session, signal }: Context): Panel {
  const turn = (direction: number) => session.goToTrajectory(session.model.get("trajectory") + direction);
  const back = h("button", { class: "rlv-icon", "aria-label": "Previous trajectory" }, icon(CHEVRON, 180));
  const next = h("button", { class: "rlv-icon", "aria-label": "Next trajectory" }, icon(CHEVRON));
  back.addEventListener("click", () => turn(-1), { signal });
  next.addEventListener("click", () => turn(1), { signal });
  const label = h("span");
  const button = h("button", { class: "rlv-plain" }, label);
  const list = h("div", { class: "rlv-trajectories", role: "group", "aria-label": "Trajectories" });
  const canvases = new Map<number, HTMLCanvasElement>();
  let built: unknown;

  const item = (study: Study, index: number): HTMLElement => {
    const { episodes = [], num_steps = 0 } = study.trajectories[index] ?? {};
    const canvas = h("canvas", { class: "rlv-strip", "aria-hidden": "true" });
    canvases.set(index, canvas);
    const total = episodes.reduce((sum, episode) => sum + episode.return, 0);
    const marks = episodes.map((episode) => OUTCOME_MARK[episode.outcome] ?? "·").join(" ");
    const row = h(
      "button",
      {
        class: "rlv-trajectory",
        "data-index": index,
        title: `trajectory=${index} in Python, ${num_steps} steps`,
      },
      h("span", { class: "rlv-number" }, String(index + 1)),
      canvas,
      h("span", { class: "rlv-marks", title: "outcome of each episode" }, marks),
      h("span", { class: "rlv-number" }, `return ${fixed(total, Number.isInteger(total) ? 0 : 1)}`),
    );
    row.addEventListener(
      "click",
      () => {
        session.goToTrajectory(index);
        menu.close();
        button.focus();
      },
      { signal },
    );
    return row;
  };

  const menu = popover(
    button,
    list,
    () => session.alsoWant([...canvases.keys()].map((trajectory) => want("strip", { trajectory }))),
    signal,
  );

  const build = (scene: Scene) => {
    built = scene.study;
    canvases.clear();
    list.replaceChildren(...scene.study.trajectories.map((_, index) => item(scene.study, index)));
  };

  return {
    element: h(
      "span",
      { class: "rlv-picker" },
      h("span", { class: "rlv-label" }, "trajectory"),
      back,
      menu.element,
      next,
    ),
    draw(scene) {
      if (built !== scene.study) build(scene);
      const count = scene.study.trajectories.length;
      setText(label, `${scene.trajectory + 1} of ${count}`);
      setAttribute(button, "title", `All trajectories (this is trajectory=${scene.trajectory} in Python)`);
      back.disabled = scene.trajectory === 0;
      next.disabled = scene.trajectory >= count - 1;
      if (!menu.open) return;
      for (const row of list.children)
        setAttribute(
          row,
          "aria-current",
          Number(row.getAttribute("data-index")) === scene.trajectory ? "true" : false,
        );
      for (const [trajectory, canvas] of canvases) {
        const strip = canvas.dataset.drawn
          ? undefined
          : session.store.get(requestKey("strip", { trajectory }));
        if (!strip) continue;
        drawStrip(canvas, strip);
        canvas.dataset.drawn = "1";
      }
    },
  };
}
