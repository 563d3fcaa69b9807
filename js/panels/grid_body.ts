/** A feature grid with what belongs to it, wherever it is shown. */
import { outputLabel } from "../core/actions.ts";
import { DENSITIES, neighbour, patchBox, short, ZOOMS } from "../core/grid.ts";
import { fixed } from "../core/numbers.ts";
import type { Study } from "../core/study.ts";
import { type Ask, type Grid, GridData, type GridSettings } from "../host/grid_data.ts";
import type { Loaded } from "../host/replies.ts";
import { h, setAttribute, setText } from "../views/dom.ts";
import { focusedNear } from "../views/focus.ts";
import { gridBar } from "./grid_bar.ts";
import { gridField } from "./grid_field.ts";
import { gridFrame } from "./grid_frame.ts";
import { featureNumbers } from "./grid_numbers.ts";

export interface GridHost {
  signal: AbortSignal;
  ask: Ask;
  study: () => Study | null;
  settings: () => GridSettings;
  /** Whoever changes a setting also draws. */
  change: <K extends keyof GridSettings>(name: K, value: GridSettings[K]) => void;
  canCompute: () => boolean;
  go: (trajectory: number, step: number) => void;
  close: (() => void) | null;
  /** There is something to see: a grid, or why there is none. */
  ready?: () => void;
}

export interface GridBody {
  element: HTMLElement;
  draw(): void;
  focus(): void;
}

export function gridBody(host: GridHost): GridBody {
  const { signal } = host;
  const data = new GridData(host.ask);
  let grid: Grid | null = null;
  let numbers: Loaded | null = null;
  let wanted = "";
  let counted = "";
  let peeked: { index: number; kept: boolean } | null = null;

  const change: GridHost["change"] = (name, value) => {
    unpeek();
    host.change(name, value);
  };
  const by = <T>(list: readonly T[], value: T, steps: number) => neighbour(list, value, steps);
  const bar = gridBar({ signal, change, layers: host.close === null, close: host.close });
  const field = gridField({
    signal,
    peek: (index, kept) => void peek(index, kept),
    unpeek: () => unpeek(),
    isKept: () => peeked?.kept === true,
    zoomBy: (steps) => change("zoom", by<number>(ZOOMS, host.settings().zoom, steps)),
    densityBy: (steps) => change("density", by(DENSITIES, host.settings().density, steps)),
    toggleOpaque: () => host.change("opaque", !host.settings().opaque),
    go: (index) => go(index),
  });
  const frame = gridFrame({
    signal,
    keep: (kept) => (kept && peeked ? void peek(peeked.index, true) : unpeek()),
    go: () => peeked && go(peeked.index),
    close: () => unpeek(),
  });
  const text = h("p", {});
  const act = h("button", { class: "rlv-button" });
  const message = h("div", { class: "rlv-grid-message", role: "status" }, text, act);
  const note = h("p", { class: "rlv-hint" });
  const hint = h("p", { class: "rlv-hint" }, HINT);
  const aside = h("div", { class: "rlv-grid-numbers" });
  const stage = h("div", { class: "rlv-grid-stage" }, field.element, frame.element, message);
  const element = h(
    "div",
    { class: "rlv-grid-body" },
    bar.element,
    h("div", { class: "rlv-grid-columns" }, h("div", { class: "rlv-grid-left" }, stage, note, hint), aside),
  );
  let onAct: (() => void) | null = null;
  act.addEventListener("click", () => onAct?.(), { signal });

  const say = (words: string | null, button = "", action: (() => void) | null = null) => {
    message.hidden = words === null;
    setText(text, words ?? "");
    act.hidden = action === null;
    setText(act, button);
    onAct = action;
  };
  const numSteps = () => host.study()?.trajectories[0]?.num_steps ?? 1;
  const whereIs = (number: number): [trajectory: number, step: number] => [
    Math.floor(number / numSteps()),
    number % numSteps(),
  ];
  const sourceOf = (index: number): string => {
    const number = grid?.foundIn[index] ?? 0;
    if (grid?.origin !== "rollout") return `observation ${number}`;
    const [trajectory, step] = whereIs(number);
    return `trajectory ${trajectory}, step ${step}`;
  };

  async function peek(index: number, kept: boolean): Promise<void> {
    const study = host.study();
    if (!grid || !study) return;
    peeked = { index, kept };
    const [settings, of, patches] = [host.settings(), grid, grid.patches];
    const number = of.foundIn[index] ?? 0;
    try {
      const whole = await data.frame(of.origin, number, { numSteps: numSteps(), chunk: study.chunk });
      if (peeked?.index !== index || grid !== of) return;
      const layer = study.layers.find(({ name }) => name === settings.layer);
      const place = {
        row: of.row[Math.floor(index / patches.columns)] ?? 0,
        column: of.column[index % patches.columns] ?? 0,
      };
      const cells = { height: layer?.height ?? 1, width: layer?.width ?? 1 };
      const span = {
        height: Math.max(1, Math.round((of.span.height * settings.zoom) / of.fetched)),
        width: Math.max(1, Math.round((of.span.width * settings.zoom) / of.fetched)),
      };
      frame.show({
        frame: whole,
        box: patchBox(place, cells, whole, span),
        text: `${sourceOf(index)} · strength ${fixed(of.strength[index], 2)}`,
        go: of.origin === "rollout" ? `go to step ${whereIs(number)[1]}` : null,
        kept: peeked.kept,
      });
    } catch (error) {
      if (peeked?.index === index && !signal.aborted) frame.fail(reason(error));
    }
  }

  function unpeek(): void {
    const held = frame.element.contains(focusedNear(element));
    peeked = null;
    frame.show(null);
    if (held) field.focus();
  }

  function go(index: number): void {
    if (grid?.origin !== "rollout") return; // what is shown counts, not what is on its way
    host.go(...whereIs(grid.foundIn[index] ?? 0));
  }

  async function fetchGrid(settings: GridSettings, key: string): Promise<void> {
    setAttribute(stage, "data-busy", true);
    if (!grid) say("Looking for patches…");
    try {
      const found = await data.grid(settings);
      if (wanted !== key || signal.aborted) return;
      grid = found;
      if (found) say(null);
      else offer(settings.layer);
    } catch (error) {
      if (wanted !== key || signal.aborted) return;
      grid = null;
      say(reason(error), "Try again", () => {
        wanted = "";
        draw();
      });
    }
    setAttribute(stage, "data-busy", false);
    draw();
    host.ready?.();
  }

  async function fetchNumbers({ layer, feature }: GridSettings, key: string): Promise<void> {
    try {
      const found = await data.numbers(layer, feature);
      if (counted === key && !signal.aborted) numbers = found;
    } catch {
      if (counted === key) numbers = null; // what is missing is said where the grid would be
    }
    if (counted === key && !signal.aborted) drawNumbers();
  }

  /** What to do where the study holds no grid. */
  function offer(layer: string): void {
    if (!host.canCompute()) {
      say(
        "This study holds no grids of this layer. With its agent they can be computed: pass agent= to the view.",
      );
      return;
    }
    say("This study holds no grids of this layer yet.", "Look its features up", () => void survey(layer));
  }

  async function survey(layer: string): Promise<void> {
    say("Asking the agent…");
    try {
      await data.survey(layer, signal, ({ done, total }) =>
        say(`Looking features up: ${done} of ${total} frames`),
      );
      wanted = counted = "";
      draw();
    } catch (error) {
      if (!signal.aborted) say(reason(error), "Try again", () => void survey(layer));
    }
  }

  function drawNumbers(): void {
    const study = host.study();
    if (!study || !numbers) aside.replaceChildren();
    else
      aside.replaceChildren(
        ...featureNumbers(numbers, {
          frame: study.observation,
          labelOf: (output) => outputLabel(study, output),
        }),
      );
  }

  function draw(): void {
    const study = host.study();
    if (!study) return;
    const settings = host.settings();
    bar.draw(settings, study.layers);
    const { layer, feature, origin, density, zoom } = settings;
    const own = study.layers.find(({ name }) => name === layer);
    const exists = feature >= 0 && feature < (own?.features.length ?? 0);
    const key = exists ? JSON.stringify([layer, feature, origin, density, zoom > 4]) : "none";
    if (key !== wanted) {
      wanted = key;
      if (exists) void fetchGrid(settings, key);
      else {
        grid = null;
        host.ready?.();
        say(
          own
            ? `Layer ${layer} has no features yet: they come with its first attribution.`
            : `There is no layer ${layer}.`,
        );
      }
    }
    const about = exists ? JSON.stringify([layer, feature]) : "none";
    if (about !== counted) {
      counted = about;
      numbers = null;
      if (exists) void fetchNumbers(settings, about);
      else drawNumbers();
    }
    field.draw(grid, zoom, settings.opaque, sourceOf);
    setText(note, grid ? basis(grid) : "");
  }

  return { element, draw, focus: () => field.focus() };
}

const HINT =
  "Hold a patch to see its whole frame, click to keep it open. Keys: arrows, Enter, + and − (zoom), " +
  ". and , (density), o (opaque), g (to the step it is from).";

function basis({ numFrames, mostUses, patches, origin }: Grid): string {
  const what = origin === "observations" ? "diverse observations" : "frames of the rollout";
  if (patches.opacity.every((alpha) => alpha === 0))
    return `Nothing activates this feature in ${short(numFrames)} ${what}.`;
  const places = `${patches.rows} × ${patches.columns} places`;
  const uses = mostUses === 1 ? "once" : `${mostUses} times`;
  return `${places}, each with the strongest of ${short(numFrames)} ${what}; none is used more than ${uses}. The fainter, the weaker.`;
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
