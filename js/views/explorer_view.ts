/** The explorer: panels in a grid, drawn together in the session's animation frame. */
import { placeIn } from "../core/cell.ts";
import type { Scene } from "../host/scene.ts";
import type { Session } from "../host/session.ts";
import { frames } from "../panels/frames.ts";
import { header } from "../panels/header.ts";
import { legend } from "../panels/legend.ts";
import { notice } from "../panels/notice.ts";
import type { Context, Panel } from "../panels/panel.ts";
import { status } from "../panels/status.ts";
import { timeline } from "../panels/timeline.ts";
import { transport } from "../panels/transport.ts";
import { h, setAttribute } from "./dom.ts";
import { listenToKeys } from "./keyboard.ts";
import { onDemand } from "./on_demand.ts";
import { readTheme, type Theme, watchTheme } from "./theme.ts";

/** Shows the explorer in `el` until `signal` aborts; then nothing of it is left. */
export function showExplorer(session: Session, el: HTMLElement, signal: AbortSignal): void {
  let theme: Theme | undefined;
  const root = h("div", { class: "rlv-explorer", role: "region", "aria-label": "Explorer" });
  const context = { session, signal, theme: () => (theme ??= readTheme(root)) };
  const panels: Panel[] = [
    header,
    notice,
    story,
    frames,
    status,
    legend,
    objects,
    cell,
    editing,
    transport,
    timeline,
    forks,
    grid,
  ].map((make) => make(context));
  const [top, message, told, pictures, numbers, features, ...below] = panels.map(({ element }) => element);
  const loading = h("div", { class: "rlv-loading", role: "status" }, "Opening the study…");
  const body = [
    top,
    message,
    told,
    h(
      "div",
      { class: "rlv-main" },
      h("div", { class: "rlv-left" }, ...parts(pictures, numbers)),
      ...parts(features),
    ),
    ...below,
  ];
  root.append(loading, ...parts(...body));
  root.dataset.loading = "";
  el.append(root);
  listenToKeys(root, session, signal);

  const draw = (scene: Scene | null) => {
    if (!scene) return;
    if ("loading" in root.dataset) {
      delete root.dataset.loading;
      loading.remove();
    }
    for (const panel of panels) panel.draw(scene);
    setAttribute(root, "data-stale", scene.stale);
    if (scene.observation && !scene.stale) el.dataset.ready = "1";
  };

  const detach = session.attach(draw);
  watchTheme(() => {
    theme = undefined;
    session.invalidate();
  }, signal);
  signal.addEventListener(
    "abort",
    () => {
      detach();
      root.remove();
    },
    { once: true },
  );
}

const story = (context: Context): Panel =>
  onDemand(context, "story", {
    label: "the story",
    wanted: () => Boolean(context.session.model.get("story")),
  });

const cell = (context: Context): Panel =>
  onDemand(context, "cell", {
    label: "the cell inspector",
    wanted: ({ layer }) => placeIn(layer, context.session.model.get("cell") ?? []) !== null,
  });

const editing = (context: Context): Panel =>
  onDemand(context, "editing", {
    label: "the editor",
    wanted: () => Boolean(context.session.model.get("editing")),
  });

const objects = (context: Context): Panel =>
  onDemand(context, "world", {
    label: "the overlay of objects",
    wanted: () => (context.session.model.get("objects") ?? "off") !== "off",
  });

const forks = (context: Context): Panel =>
  onDemand(context, "forks", {
    label: "the forks",
    wanted: ({ study, trajectory }) => (study.branches ?? []).some((fork) => fork.trajectory === trajectory),
  });

const grid = (context: Context): Panel =>
  onDemand(context, "grid", {
    label: "the feature grid",
    wanted: () => (context.session.model.get("opened") ?? null) !== null,
  });

const parts = (...elements: (HTMLElement | undefined)[]): HTMLElement[] =>
  elements.filter((element) => element !== undefined);
