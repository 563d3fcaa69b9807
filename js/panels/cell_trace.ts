/** Which features of an earlier layer make a feature what it is at a cell; and so on, layer by layer. */
import { likelySource, type Place, peakOf, sourcesOf, strongest } from "../core/cell.ts";
import { featureColour } from "../core/colours.ts";
import { decimalsFor, fixed, signed } from "../core/numbers.ts";
import { layerNamed, type Study } from "../core/study.ts";
import { INPUT, type Scene } from "../host/scene.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import type { Context } from "./panel.ts";
import { featuresOf, swatch, thumbnail, traceMap, traceRow } from "./trace_parts.ts";
import { type Link, type Trace, Tracer } from "./tracer.ts";

const MOST = 8;

export interface CellTrace {
  element: HTMLElement;
  /** Asks about a feature of the layer shown. */
  start(scene: Scene, feature: number, place: Place): void;
  /** The feature of the layer shown that is asked about. */
  readonly feature: number | null;
  draw(scene: Scene, place: Place): void;
  close(): void;
}

export function cellTrace({ session, signal }: Context): CellTrace {
  const tracer = new Tracer(session);
  const crumbs = h("nav", { class: "rlv-crumbs", "aria-label": "Traced back" });
  const source = h("select", { class: "rlv-select", "aria-label": "Layer to trace to" });
  const go = h("button", { class: "rlv-button" }, "Trace");
  const ask = h(
    "div",
    { class: "rlv-trace-ask" },
    h("span", {}, "what makes it, in features of"),
    source,
    go,
  );
  const bar = h("progress", { class: "rlv-progress", "aria-label": "Progress" });
  const stage = h("span", { class: "rlv-label" });
  const cancel = h("button", { class: "rlv-button" }, "Cancel");
  const busy = h("div", { class: "rlv-trace-busy", role: "status" }, bar, stage, cancel);
  const hint = h("p", { class: "rlv-hint", role: "status" });
  const maps = [traceMap("raises", "makes it"), traceMap("lowers", "holds it back")];
  const list = h("div", { class: "rlv-trace-list", role: "group", "aria-label": "Features that make it" });
  const sums = h("p", { class: "rlv-hint" });
  const result = h("div", { class: "rlv-trace-result" }, ...maps.map(({ element }) => element), list);
  const element = h(
    "section",
    { class: "rlv-trace", "aria-label": "Trace" },
    crumbs,
    ask,
    busy,
    hint,
    result,
    sums,
  );
  let scene: Scene | undefined;
  let drawn: unknown;
  let layers = "";

  const run = () => scene && void tracer.run(scene);
  go.addEventListener("click", run, { signal });
  cancel.addEventListener("click", () => tracer.cancel(), { signal });
  source.addEventListener(
    "change",
    () => {
      const link = tracer.link;
      if (link) tracer.follow([...tracer.chain.slice(0, -1), { ...link, source: source.value }]);
      run();
    },
    { signal },
  );
  const linkTo = (study: Study, layer: string, feature: number, place: Place): Link => {
    return { layer, feature, place, source: likelySource(study, sourcesOf(study, layer)) };
  };
  /** Goes on from a feature of the source layer, at the cell where it says most. */
  const goOn = (trace: Trace, feature: number) => {
    const link = tracer.link;
    if (!scene || !link) return;
    const next = linkTo(scene.study, link.source, feature, peakOf(trace.cells, feature));
    tracer.follow([...tracer.chain, next]);
    run();
  };

  const drawCrumbs = (study: Study) => {
    const parts = tracer.chain.flatMap((link, index) => {
      const { layer, feature, place } = link;
      const name = layerNamed(study, layer)?.features[feature]?.name ?? `feature ${feature}`;
      const last = index === tracer.chain.length - 1;
      const crumb = h("button", { class: "rlv-crumb" }, swatch(study, layer, feature), `${layer} ${name}`);
      if (last) setAttribute(crumb, "aria-current", "step");
      setAttribute(crumb, "title", `row ${place[0]}, column ${place[1]} of ${layer}`);
      crumb.addEventListener("click", () => tracer.follow(tracer.chain.slice(0, index + 1)), { signal });
      return index > 0 ? ["← ", crumb] : [crumb];
    });
    crumbs.replaceChildren(...parts);
  };
  const drawSources = (study: Study, link: Link) => {
    const names = sourcesOf(study, link.layer);
    if (layers !== names.join()) {
      layers = names.join();
      source.replaceChildren(...names.map((name) => h("option", { value: name }, name)));
    }
    source.value = link.source;
  };
  const drawResult = (study: Study, link: Link, trace: Trace, pixels: Uint8Array | null) => {
    for (const map of maps) map.draw(study, link.source, trace, pixels);
    const features = featuresOf(study, link.source, trace);
    const indices = strongest(trace.totals, trace.totals.length, MOST);
    const most = Math.max(
      ...indices.map((k) => Math.abs(trace.totals[k] ?? 0)),
      Math.abs(trace.residual),
      1e-30,
    );
    const decimals = decimalsFor(Math.max(most, Math.abs(trace.activation) || 0));
    const final = sourcesOf(study, link.source).length === 0;
    const rows = indices.map((k) => {
      const name = features[k]?.name ?? `feature ${k}`;
      const row = traceRow(name, trace.totals[k] ?? Number.NaN, most, decimals, thumbnail(trace, k));
      row.style.setProperty("--rlv-colour", featureColour(features, k));
      row.disabled = final || !trace.totals[k];
      if (!row.disabled) setAttribute(row, "title", `what makes ${name} there?`);
      row.addEventListener("click", () => goOn(trace, k), { signal });
      return row;
    });
    const rest = traceRow("residual", trace.residual, most, decimals, null);
    rest.disabled = true;
    list.replaceChildren(...rows, rest);
    const more = trace.totals.length - indices.length;
    setText(
      sums,
      `activation ${fixed(trace.activation, decimals)}, ${fixed(trace.baseline, decimals)} when all of ` +
        `${link.source} is zero · completeness error ${signed(trace.error, decimals)}` +
        (more > 0 ? ` · ${more} weaker features are not listed` : ""),
    );
  };

  return {
    element,
    get feature() {
      const [first] = tracer.chain;
      return first && first.layer === scene?.layerName ? first.feature : null;
    },
    start(now, feature, place) {
      const link = linkTo(now.study, now.layerName, feature, place);
      tracer.follow([link]);
      // At once where that takes a moment; features have to be fitted elsewhere first, which is asked for.
      if (unable(now, session.offline, link) === "" && layerNamed(now.study, link.source)?.features.length)
        void tracer.run(now);
    },
    close: () => tracer.cancel(),
    draw(now, place) {
      scene = now;
      const first = tracer.chain[0];
      // Another cell or layer is shown: what was traced from the last one says nothing about it.
      if (first && (first.layer !== now.layerName || first.place.join() !== place.join())) {
        const same =
          first.layer === now.layerName ? [linkTo(now.study, first.layer, first.feature, place)] : [];
        tracer.follow(same);
      }
      const { link, progress } = tracer;
      const trace = tracer.found(now);
      const missing = unable(now, session.offline, link);
      ask.hidden = !link || missing !== "";
      busy.hidden = !progress;
      go.hidden = Boolean(progress) || Boolean(trace);
      result.hidden = !trace;
      sums.hidden = !trace;
      const bare = link && !progress && !trace && !layerNamed(now.study, link.source)?.features.length;
      setText(
        hint,
        missing ||
          tracer.failure ||
          (bare && link.source !== INPUT ? `${link.source} gets features first, which takes a while` : ""),
      );
      hint.hidden = hint.textContent === "";
      if (progress) {
        setAttribute(bar, "max", progress.total || 1);
        setAttribute(bar, "value", progress.total > 0 && progress.done);
        const { stage: text, done, total } = progress;
        setText(stage, total > 1 ? `${text} · ${done} of ${total}` : text);
      }
      if (!link) return crumbs.replaceChildren();
      drawSources(now.study, link);
      const key = [trace, now.study, link, now.observation?.key];
      if (Array.isArray(drawn) && key.every((part, index) => part === (drawn as unknown[])[index])) return;
      drawn = key;
      drawCrumbs(now.study);
      if (trace) drawResult(now.study, link, trace, now.observation?.pixels ?? null);
    },
  };
}

/** Why nothing can be traced; empty when it can. */
function unable(scene: Scene, offline: boolean, link: Link | undefined): string {
  if (offline) return "To trace a feature back through the network needs a kernel: open the notebook.";
  if (!scene.canCompute)
    return "To trace a feature back, give the view its agent: Explorer(study, agent=agent)";
  if (!link) return "Choose a feature to see what makes it here.";
  if (sourcesOf(scene.study, link.layer).length === 0) return `${link.layer} is the first layer there is.`;
  return "";
}
