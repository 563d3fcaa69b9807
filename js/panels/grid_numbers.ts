/** What is to be known of a feature beside its grid; every figure says what it is based on. */
import { size } from "../core/arrays.ts";
import { paint } from "../core/composite.ts";
import { percent, short } from "../core/grid.ts";
import { fixed } from "../core/numbers.ts";
import type { Loaded } from "../host/replies.ts";
import { context2d, h } from "../views/dom.ts";
import { directionChart, histogram, sightChart } from "./grid_charts.ts";

/** As in `rlvision_widgets.analysis.feature_quality.BANDS`, strongest first. */
const BANDS = ["strongest 0.1 %", "99 – 99.9 %", "90 – 99 %", "around the median"];

interface Share {
  output: string;
  raised: number | null;
  lowered: number | null;
  num_steps: number;
}

export interface About {
  frame: { height: number; width: number };
  labelOf: (output: string) => string;
}

/** The sections, or one that says what is missing. */
export function featureNumbers(loaded: Loaded, { frame, labelOf }: About): HTMLElement[] {
  const sections = [
    activations(loaded),
    bands(loaded),
    shares((loaded.result.shares ?? []) as Share[], labelOf),
    direction(loaded),
    sight(loaded, frame),
  ];
  return sections.filter((section) => section !== null);
}

function section(title: string, note: string, ...content: Node[]): HTMLElement {
  return h(
    "section",
    { class: "rlv-grid-section" },
    h("h2", {}, title, h("span", { class: "rlv-hint" }, note)),
    ...content,
  );
}

const number = (loaded: Loaded, name: string): number | null => {
  const value = loaded.result[name];
  return typeof value === "number" ? value : null;
};

function activations(loaded: Loaded): HTMLElement | null {
  const counts = loaded.arrays.histogram;
  const width = number(loaded, "bin_width");
  if (!counts || width === null) return null;
  const active = Array.from(counts.data).reduce((sum, count) => sum + count, 0);
  const all = active + (number(loaded, "inactive") ?? 0);
  const note = `${short(number(loaded, "num_observations") ?? 0)} observations, ${short(all)} cells`;
  if (active === 0) return section("activation", note, h("p", {}, "It is never active in them."));
  const bounds = ((loaded.result.band_from ?? []) as (number | null)[]).slice(0, 3);
  return section(
    "activation",
    note,
    histogram(
      counts.data,
      width,
      bounds.filter((bound) => bound !== null),
    ),
    h("p", {}, `Active in ${percent(active / all)} of the cells. Lines: the upper 10, 1 and 0.1 % of those.`),
  );
}

function bands(loaded: Loaded): HTMLElement | null {
  const { band_patch: patch, band_strength: strength } = loaded.arrays;
  if (!patch || !strength) return null;
  const [from, to] = [loaded.result.band_from, loaded.result.band_to] as (number | null)[][];
  const ranks = size(patch, "rank");
  const rows = BANDS.map((name, band) => {
    const shown = Array.from(strength.data.subarray(band * ranks, (band + 1) * ranks)).filter(
      Number.isFinite,
    );
    const range = `${fixed(from?.[band], 3)} – ${fixed(to?.[band], 3)}`;
    const pictures = h("div", { class: "rlv-grid-band" });
    const [height, width] = [size(patch, "patch_height"), size(patch, "patch_width")];
    const bytes = height * width * 3;
    for (let rank = 0; rank < shown.length; rank++) {
      const at = (band * ranks + rank) * bytes;
      pictures.append(
        patchCanvas(patch.data.subarray(at, at + bytes) as Uint8Array, height, width, shown[rank]),
      );
    }
    if (shown.length === 0) pictures.append(h("span", { class: "rlv-hint" }, "none apart from the above"));
    return h(
      "div",
      { class: "rlv-grid-band-row" },
      h("span", {}, name, h("span", { class: "rlv-hint" }, range)),
      pictures,
    );
  });
  return section("not only the strongest", "drawn at random from bands of its activations", ...rows);
}

function patchCanvas(
  pixels: Uint8Array,
  height: number,
  width: number,
  strength: number | undefined,
): HTMLElement {
  const name = `patch of strength ${fixed(strength, 3)}`;
  const canvas = h("canvas", { role: "img", height, width, "aria-label": name, title: name });
  const image = new ImageData(width, height);
  paint(pixels, image.data);
  context2d(canvas).putImageData(image, 0, 0);
  return canvas;
}

function shares(list: Share[], labelOf: (output: string) => string): HTMLElement | null {
  const known = list.filter(({ num_steps: steps }) => steps > 0);
  if (known.length === 0) return null;
  const bar = (share: number | null) => {
    const fill = h("span", {});
    fill.style.width = `${Math.min(100, 100 * (share ?? 0)).toFixed(1)}%`;
    return h(
      "span",
      { class: "rlv-grid-share" },
      h("span", { class: "rlv-grid-track", "aria-hidden": "true" }, fill),
      share === null ? "–" : percent(share),
    );
  };
  const rows = known.map(({ output, raised, lowered }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, labelOf(output)),
      h("td", {}, bar(raised)),
      h("td", {}, bar(lowered)),
    ),
  );
  const steps = Math.max(...known.map(({ num_steps: count }) => count));
  return section(
    "share of attribution",
    `of all features and the residual, over ${short(steps)} steps`,
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("td", {}),
          h("th", { scope: "col" }, "of what raises"),
          h("th", { scope: "col" }, "of what lowers"),
        ),
      ),
      h("tbody", {}, ...rows),
    ),
  );
}

function direction(loaded: Loaded): HTMLElement | null {
  const channels = loaded.arrays.direction;
  const oneHot = number(loaded, "one_hot");
  if (!channels || oneHot === null) return null;
  const stability = number(loaded, "stability");
  const again =
    stability === null
      ? "Whether another fit would find it again was not measured."
      : `Refits find it again with a cosine of ${fixed(stability, 2)} on average.`;
  return section(
    "direction",
    `${channels.data.length} channels`,
    directionChart(channels.data),
    h(
      "p",
      {},
      `One channel holds ${percent(oneHot)} of its square; effectively it has ${fixed(number(loaded, "effective_channels"), 1)} channels. ${again}`,
    ),
  );
}

function sight(loaded: Loaded, frame: About["frame"]): HTMLElement | null {
  const [height, width] = [number(loaded, "receptive_height") ?? 0, number(loaded, "receptive_width") ?? 0];
  const radius = number(loaded, "half_mass_radius");
  if (height === 0 && radius === null) return null;
  const cut = loaded.result.receptive_cut === true ? "at least " : "";
  const lines = [
    height > 0
      ? `By the network's structure a cell depends on ${cut}${height} × ${width} pixels (the square).`
      : "",
    radius === null
      ? ""
      : `Half of its gradient lies within ${fixed(radius, 1)} pixels (the disc; ${number(loaded, "num_gradients") ?? 0} strongest patches).`,
  ];
  return section(
    "what a cell sees",
    `of ${frame.height} × ${frame.width} pixels`,
    h(
      "div",
      { class: "rlv-grid-sees" },
      sightChart(frame, height > 0 ? { height, width } : null, radius),
      h("p", {}, lines.filter(Boolean).join(" ")),
    ),
  );
}
