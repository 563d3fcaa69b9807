/** Objects in the observation: outlined by class, named under the pointer, listed for the keyboard. */
import { take } from "../core/arrays.ts";
import { parseHex } from "../core/colours.ts";
import { counted, objectAt, objectsOf, type Seen } from "../core/masks.ts";
import { requestKey, want } from "../core/wants.ts";
import type { LazyPanel } from "../host/lazy.ts";
import { type Loaded, numbers } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import style from "../styles/world.css";
import { h, setAttribute, setText } from "../views/dom.ts";
import { type Layer, overlayLayer, type Sight } from "./overlay_layer.ts";
import { inWords, objectList } from "./overlay_list.ts";
import { missingObjects } from "./overlay_missing.ts";
import type { Context } from "./panel.ts";

const COLUMNS = "at_step instance class_code centre_x centre_y vx vy visible_pixels left top right bottom";
const AXES = ["step", "height", "width"];

export function objects(outside: Context): LazyPanel {
  const { session } = outside;
  const life = new AbortController();
  const signal = AbortSignal.any([outside.signal, life.signal]);
  const context = { ...outside, signal };
  const hint = h("span", { class: "rlv-hint" });
  const legend = h("span", { class: "rlv-object-legend" });
  const fill = h("button", { class: "rlv-toggle", title: "tint the objects, too" }, "filled");
  const close = h("button", { class: "rlv-icon", "aria-label": "Stop marking objects", title: "close" }, "✕");
  const title = h("span", { class: "rlv-title" }, "objects");
  const missing = missingObjects(context);
  const layers = new Map<HTMLElement, Layer>();
  let scene: Scene | undefined;
  let pointed: number | null = null;
  let held: number | null = null;
  let at: { place: HTMLElement; x: number; y: number } | null = null;
  let asked = "";
  let sight: Sight | null = null;
  let listed: Seen[] = [];
  const classes = {
    name: (code: number) => (scene?.study.world?.classes[code] ?? "object").replaceAll("_", " "),
    colour: (code: number) => scene?.study.world?.colours[code] ?? "",
  };
  const list = objectList(
    classes,
    {
      point(instance) {
        pointed = instance;
        session.invalidate();
      },
      hold(instance) {
        held = held === instance ? null : instance;
        session.invalidate();
      },
    },
    signal,
  );
  const caption = h("div", { class: "rlv-caption" }, title, legend, hint, fill, close);
  const element = h(
    "section",
    { class: "rlv-objects", "aria-label": "Objects" },
    h("style", {}, style),
    caption,
    missing.element,
    list.element,
  );
  const leave = () => session.set("objects", "off");
  close.addEventListener("click", leave, { signal });
  const filled = () => session.model.get("objects") === "fill";
  fill.addEventListener("click", () => session.set("objects", filled() ? "outlines" : "fill"), { signal });
  element.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape") return;
      leave();
      event.stopPropagation();
    },
    { signal },
  );

  /** Asks for what is seen here and next; tells what has come. */
  const find = ({ trajectory, step, study, numSteps }: Scene): Loaded | undefined => {
    const chunk = Math.floor(step / study.chunk);
    if (asked !== `${trajectory}/${chunk}`) {
      asked = `${trajectory}/${chunk}`;
      const chunks = [chunk, chunk + 1].filter((one) => one * study.chunk < numSteps);
      session.alsoWant(
        chunks.map((one) => want("masks", { trajectory, chunk: one })),
        "objects",
      );
    }
    return session.store.get(requestKey("masks", { trajectory, chunk }));
  };
  const see = (now: Scene): Sight | null => {
    const { study, trajectory, step } = now;
    const found = find(now);
    const array = found?.arrays.object_class;
    const within = step % study.chunk;
    const key = `${trajectory}/${step}/${filled() ? "fill" : "outlines"}`;
    if (!found || !array) return null;
    if (sight?.key === key) return sight;
    const codes = take(array, AXES, within);
    if (!codes) return null;
    const table = Object.fromEntries(COLUMNS.split(" ").map((name) => [name, numbers(found, name)]));
    listed = objectsOf(table, step).sort((a, b) => a.code - b.code || a.instance - b.instance);
    const colours = (study.world?.colours ?? []).map((colour, code) =>
      code === 0 ? null : parseHex(colour),
    );
    drawLegend(codes, now);
    return { codes, size: study.observation, look: { colours, line: 1, fill: filled() }, key };
  };
  function drawLegend(codes: ArrayLike<number>, { study }: Scene): void {
    const counts = counted(codes, study.world?.classes.length ?? 0);
    const seen = counts.flatMap((count, code) => (code > 0 && count > 0 ? [code] : []));
    if (legend.dataset.shows === seen.join()) return;
    legend.dataset.shows = seen.join();
    const chip = (code: number) => {
      const made = h("span", { class: "rlv-object-class" }, classes.name(code));
      made.style.setProperty("--rlv-colour", classes.colour(code));
      return made;
    };
    legend.replaceChildren(...seen.map(chip));
  }
  const under = (place: HTMLElement): { words: string; seen: Seen | null } => {
    if (!at || at.place !== place || !sight) return { words: "", seen: null };
    const { height, width } = sight.size;
    const [x, y] = [Math.floor(at.x * width), Math.floor(at.y * height)];
    const code = sight.codes[y * width + x] ?? 0;
    if (code === 0 || x < 0 || y < 0 || x >= width || y >= height) return { words: "", seen: null };
    const seen = objectAt(listed, code, x, y);
    return { words: [classes.name(code), ...(seen ? inWords(seen) : [])].join("\n"), seen };
  };
  const arrange = () => {
    const root = element.closest(".rlv-explorer");
    const places = [...(root?.querySelectorAll<HTMLElement>(".rlv-observation > .rlv-place") ?? [])];
    for (const [place, layer] of layers)
      if (!places.includes(place)) {
        layer.close();
        layers.delete(place);
      }
    for (const place of places)
      if (!layers.has(place)) {
        const options = {
          resized: session.invalidate,
          pointed(now: { x: number; y: number } | null) {
            at = now && { place, ...now };
            session.invalidate();
          },
        };
        layers.set(place, overlayLayer(place, options));
      }
  };

  return {
    element,
    draw(now) {
      scene = now;
      const holds = (now.study.world?.classes.length ?? 0) > 0;
      missing.element.hidden = holds;
      for (const part of [list.element, fill, legend]) part.hidden = !holds;
      if (!holds) {
        missing.draw(now);
        asked = "";
      }
      arrange();
      sight = holds ? see(now) : null;
      setAttribute(fill, "aria-pressed", String(filled()));
      setText(hint, holds && !sight ? "loading…" : "");
      if (sight) list.draw(listed, held);
      for (const [place, layer] of layers) {
        const { words, seen } = under(place);
        const shown = pointed ?? held;
        const marked = seen ?? listed.find(({ instance }) => instance === shown) ?? null;
        layer.draw(sight, marked, words);
      }
    },
    close() {
      life.abort();
      missing.close();
      session.alsoWant([], "objects");
      for (const layer of layers.values()) layer.close();
      layers.clear();
    },
  };
}
