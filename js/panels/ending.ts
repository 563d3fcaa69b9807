/** How the episode ended: the last observation, the frame after it, which no agent saw, and what did it. */
import { inOrder } from "../core/arrays.ts";
import { paint } from "../core/composite.ts";
import { culpritsInWords, type Ending, necessityInWords, sufficiencyInWords } from "../core/endings.ts";
import { outcomeInWords } from "../core/episodes.ts";
import { type Params, requestKey, want } from "../core/wants.ts";
import type { LazyPanel } from "../host/lazy.ts";
import { type Loaded, slice } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import style from "../styles/ending.css";
import { context2d, h, setAttribute, setText } from "../views/dom.ts";
import { menu } from "./menu.ts";
import type { Context } from "./panel.ts";

const AXES = ["height", "width", "rgb"];

export function ending({ session, signal }: Context, close: () => void): LazyPanel {
  const before = still("last observation");
  const after = still("what came of it");
  const rows = ["cause", "done by", "necessary", "sufficient"].map((name) => ({ name, value: h("dd") }));
  const status = h("p", { class: "rlv-hint", role: "status" });
  const go = h("button", { class: "rlv-button" }, "Go to the last step");
  const list = h("dl", {}, ...rows.flatMap(({ name, value }) => [h("dt", {}, name), value]));
  const foot = h("div", { class: "rlv-ending-foot" }, go, status);
  const frames = h("div", { class: "rlv-ending-frames" }, before.element, after.element);
  let asked = "";
  let last = 0;
  const leave = () => {
    session.set("playing", false);
    session.goTo(last);
    close();
  };
  go.addEventListener("click", leave, { signal });

  /** Asks for what an episode needs once; tells what of it has come. */
  const find = (params: Params, chunk: number): [ended: Loaded | undefined, seen: Loaded | undefined] => {
    const wants = [
      want("ending", params),
      want("observations", { trajectory: params.trajectory ?? 0, chunk }),
    ];
    if (asked !== requestKey("ending", params)) {
      asked = requestKey("ending", params);
      session.alsoWant(wants, "ending");
    }
    const [ended, seen] = wants.map(({ key }) => session.store.get(key));
    return [ended, seen];
  };
  const draw = (scene: Scene) => {
    const { study, trajectory, episode: index } = scene;
    const episode = scene.episodes[index];
    if (!episode) return;
    const known = Boolean(episode.cause);
    last = episode.stop - 1;
    const chunk = Math.floor(last / study.chunk);
    const [ended, seen] = known ? find({ trajectory, episode: index }, chunk) : [];
    const told = ended?.result as Partial<Ending> | undefined;
    const frame = ended?.arrays.frame;
    const place = `${trajectory}/${index}`;
    const pixels = slice(seen, "observation", last - chunk * study.chunk);
    before.draw(pixels as Uint8Array | null, study.observation, place, `step ${last}`);
    const shown = frame ? (inOrder(frame, AXES).data as Uint8Array) : null;
    after.draw(shown, study.observation, place, "no agent saw it");
    const words = told?.found
      ? [
          outcomeInWords(episode),
          culpritsInWords(told.objects ?? []),
          necessityInWords({ necessary: told.necessary === true }),
          sufficiencyInWords({ sufficient: told.sufficient === true }),
        ]
      : [outcomeInWords(episode)];
    for (const [at, { value }] of rows.entries()) setText(value, words[at] ?? "…");
    const missing = told ? "This last frame is not known." : "Loading…";
    setText(status, known ? (shown ? "" : missing) : "The recording stops before this episode ends.");
    go.disabled = !known;
  };
  return menu([h("style", {}, style), frames, list, foot], draw);
}

/** A frame with its caption, and a plain square of its size until it is there. */
function still(name: string) {
  const hint = h("span", { class: "rlv-hint" });
  const canvas = h("canvas", { class: "rlv-frame", role: "img" });
  const caption = h("figcaption", {}, h("span", { class: "rlv-title" }, name), hint);
  const element = h("figure", { class: "rlv-figure" }, caption, canvas);
  let drawn = "";
  return {
    element,
    draw(pixels: Uint8Array | null, size: { height: number; width: number }, key: string, note: string) {
      setText(hint, note);
      setAttribute(canvas, "data-blank", pixels === null);
      setAttribute(canvas, "aria-label", pixels ? `${name}, ${note}` : `${name}, not loaded`);
      const now = pixels ? key : "";
      if (drawn === now && canvas.width === size.width) return;
      drawn = now;
      [canvas.height, canvas.width] = [size.height, size.width]; // clears it
      if (!pixels) return;
      const image = new ImageData(size.width, size.height);
      paint(pixels, image.data);
      context2d(canvas).putImageData(image, 0, 0);
    },
  };
}
