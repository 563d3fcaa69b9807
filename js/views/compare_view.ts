/** The comparison: members side by side, their differences, and one time below all. */
import type { CompareScene } from "../host/compare_scene.ts";
import { othersOf } from "../host/compare_scene.ts";
import type { Comparison } from "../host/comparison.ts";
import { compareDifference, type DifferencePanel } from "../panels/compare_difference.ts";
import { compareHeader } from "../panels/compare_header.ts";
import { compareMember } from "../panels/compare_member.ts";
import { compareNotice } from "../panels/compare_notice.ts";
import { compareTimeline } from "../panels/compare_timeline.ts";
import { compareTransport } from "../panels/compare_transport.ts";
import { listenToCompareKeys } from "./compare_keys.ts";
import { h, setAttribute } from "./dom.ts";
import { readTheme, type Theme, watchTheme } from "./theme.ts";

/** Shows the comparison in `el` until `signal` aborts; then nothing of it is left. */
export function showComparison(comparison: Comparison, el: HTMLElement, signal: AbortSignal): void {
  let theme: Theme | undefined;
  const root = h("div", { class: "rlv-explorer rlv-compare", role: "region", "aria-label": "Comparison" });
  const context = { comparison, signal, theme: () => (theme ??= readTheme(root)) };
  const members = comparison.members.map((_, index) => compareMember(context, index));
  const differences = new Map<number, DifferencePanel>(
    comparison.members.map((_, index) => [index, compareDifference(context)]),
  );
  const panels = [compareHeader, compareNotice, compareTransport, compareTimeline].map((make) =>
    make(context),
  );
  const [top, message, controls, time] = panels.map(({ element }) => element);
  const side = h(
    "div",
    { class: "rlv-members", "data-count": members.length },
    ...members.map((m) => m.element),
  );
  const below = h(
    "div",
    { class: "rlv-differences" },
    ...[...differences.values()].map((one) => one.element),
  );
  const loading = h("div", { class: "rlv-loading", role: "status" }, "Opening the studies…");
  const parts = [top, message, side, below, controls, time].filter((part) => part !== undefined);
  root.append(loading, ...parts);
  root.dataset.loading = "";
  el.append(root);
  listenToCompareKeys(root, comparison, signal);

  const draw = (compared: CompareScene) => {
    if (compared.members.every(({ scene }) => scene === null)) return;
    if ("loading" in root.dataset) {
      delete root.dataset.loading;
      loading.remove();
    }
    for (const panel of panels) panel.draw(compared);
    for (const [index, member] of compared.members.entries()) members[index]?.draw(member, compared);
    const selected = compared.members[compared.selected];
    for (const [index, panel] of differences) {
      panel.element.hidden = index === compared.selected;
      const other = othersOf(compared).find((member) => member.index === index);
      if (selected && other) panel.draw(selected, other, compared);
    }
    setAttribute(root, "data-stale", compared.stale);
    if (!compared.stale) el.dataset.ready = "1";
  };

  const detach = comparison.attach(draw);
  watchTheme(() => {
    theme = undefined;
    comparison.invalidate();
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
