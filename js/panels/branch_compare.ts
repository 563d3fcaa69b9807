/** The branch that is picked, in lock-step with what happened: its frame beside the observation, numbers of both. */
import { endInWords, type Fork, momentOf } from "../core/branches.ts";
import { fixed, signed } from "../core/numbers.ts";
import { requestKey, want } from "../core/wants.ts";
import type { LazyPanel } from "../host/lazy.ts";
import { type Loaded, numbers, slice } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import { branchFrame } from "./branch_frame.ts";
import { described } from "./branch_lane.ts";
import { leave, neighbour, type Picked, pick, pickedIn } from "./branch_pick.ts";
import { survivalChart } from "./branch_survival.ts";
import type { Context } from "./panel.ts";

export interface BranchCompare extends LazyPanel {
  /** Asks whether the fork is to be removed. */
  forget: () => void;
}

export function branchCompare({ session, signal }: Context): BranchCompare {
  let scene: Scene | undefined;
  let asked = "";
  let doubting = false;
  let outlined = true;
  const frame = branchFrame(session.invalidate);
  const chart = survivalChart(session);
  const picked = (): Picked | null => (scene ? pickedIn(session, scene) : null);
  const title = h("span", { class: "rlv-title" });
  const hint = h("span", { class: "rlv-hint" });
  const button = (label: string, content: Node | string, act: () => void, look = "rlv-icon") => {
    const made = h(
      "button",
      { class: look, ...(look === "rlv-icon" && { "aria-label": label }), title: label },
      content,
    );
    made.addEventListener("click", act, { signal });
    return made;
  };
  const turn = (by: number) => {
    const now = picked();
    if (now) pick(session, now.fork, neighbour(now.fork, now.member, by));
  };
  const doubt = (now: boolean) => {
    doubting = now;
    session.invalidate();
  };
  const forget = () => {
    const now = picked();
    if (!now || session.offline) return;
    doubt(true);
    // Drawn first: what is hidden takes no focus.
    requestAnimationFrame(() => requestAnimationFrame(() => keep.focus()));
  };
  const back = button("The branch above", icon(CHEVRON, -90), () => turn(-1));
  const next = button("The branch below", icon(CHEVRON, 90), () => turn(1));
  const outline = button(
    "outline what differs",
    "differences",
    () => {
      outlined = !outlined;
      session.invalidate();
    },
    "rlv-toggle",
  );
  const remove = button("remove this fork from the study", "remove fork", forget, "rlv-button");
  const yes = button("it cannot be brought back", "Remove", () => void erase(), "rlv-button");
  const keep = button(
    "leave it in the study",
    "Keep",
    () => {
      doubt(false);
      remove.hidden = false;
      remove.focus();
    },
    "rlv-button",
  );
  const question = h("span", { class: "rlv-branch-question", role: "alert" });
  const sure = h("span", { class: "rlv-branch-sure" }, question, yes, keep);
  const close = button("Leave the branch", "✕", () => leave(session));
  const reading = (label: string) => ({
    row: label,
    cells: ["recorded", "branch", "difference"].map(() => h("td", {})),
  });
  const [action, value, reward, pixels] = ["action", "value", "reward", "pixels"].map(reading);
  const rows = [action, value, reward, pixels].flatMap((one) => (one ? [one] : []));
  const head = ["", "recorded", "branch", "difference"].map((text) => h("th", { scope: "col" }, text));
  const table = h(
    "table",
    { class: "rlv-branch-table" },
    h("thead", {}, h("tr", {}, ...head)),
    h("tbody", {}, ...rows.map(({ row, cells }) => h("tr", {}, h("th", { scope: "row" }, row), ...cells))),
  );
  const where = h("p", { class: "rlv-hint" });
  const element = h(
    "section",
    { class: "rlv-branch-compare", "aria-label": "Branch compared" },
    h("div", { class: "rlv-caption" }, title, back, next, hint, outline, remove, sure, close),
    h("div", { class: "rlv-branch-body" }, h("div", {}, table, where), chart.element),
  );

  async function erase(): Promise<void> {
    const now = picked();
    doubting = false;
    if (!now) return;
    try {
      await session.request("remove_branches", { name: now.fork.name });
      leave(session);
    } catch (error) {
      hint.dataset.wrong = "";
      setText(hint, error instanceof Error ? error.message : String(error));
    }
  }

  const find = ({ fork, member }: Picked): Loaded | undefined => {
    const params = { name: fork.name, branch: member };
    const key = requestKey("branch_frames", params);
    if (asked !== key && !fork.note) {
      asked = key;
      session.alsoWant([want("branch_frames", params), want("survival", { name: fork.name })], "branches");
    }
    return session.store.get(key);
  };
  const write = (one: typeof action, texts: readonly string[]) => {
    for (const [index, cell] of (one?.cells ?? []).entries()) setText(cell, texts[index] ?? "");
  };
  const draw = (now: Scene, { fork, member }: Picked) => {
    const found = find({ fork, member });
    const { at, index } = momentOf(fork, member, now.step);
    const shown = slice(found, "observation", index) as Uint8Array | null;
    const root = element.closest(".rlv-explorer");
    const ended = endInWords(fork, member);
    setText(title, `${fork.name}: branch ${member + 1} of ${fork.taken.length}`);
    if (!("wrong" in hint.dataset)) setText(hint, described(fork));
    setAttribute(hint, "title", described(fork));
    const state = { before: `begins at step ${fork.step}`, within: `step ${index} of it`, after: ended }[at];
    const words = { title: `branch ${member + 1}`, hint: state, outlined: outlined && at !== "before" };
    if (root) frame.draw(root, now, shown, `${fork.name}/${member}/${index}`, words);
    const names = now.study.action_names;
    const named = (number: number | undefined) => names[number ?? -1] ?? "–";
    const of = (loaded: Loaded | undefined, name: string, step: number) => numbers(loaded, name)[step];
    const [own, other] = [
      of(now.curves, "action", now.step),
      at === "within" ? of(found, "action", index) : undefined,
    ];
    write(action, [
      named(own),
      named(other),
      other === undefined ? "" : own === other ? "the same" : "another",
    ]);
    const decimals = 2;
    for (const [one, name] of [
      [value, "value"],
      [reward, "reward"],
    ] as const) {
      const [a, b] = [of(now.curves, name, now.step), at === "within" ? of(found, name, index) : undefined];
      const delta = a === undefined || b === undefined ? "" : signed(b - a, decimals);
      write(one, [fixed(a, decimals), fixed(b, decimals), delta]);
    }
    const { share } = frame;
    write(pixels, ["", "", share === null ? "" : share === 0 ? "the same" : `${(100 * share).toFixed(1)} %`]);
    setText(where, fork.note || (found ? `${ended}${beyond(fork, member, now.numSteps)}` : "loading…"));
    chart.draw(fork, member, now.step);
    setAttribute(outline, "aria-pressed", String(outlined));
    setText(question, doubting ? "Remove the fork from the study?" : "");
    sure.hidden = !doubting;
    remove.hidden = doubting || session.offline;
  };

  return {
    element,
    forget,
    draw(now) {
      scene = now;
      const one = picked();
      element.hidden = !one;
      if (one) return draw(now, one);
      doubting = false;
      delete hint.dataset.wrong;
      frame.close();
      if (asked) session.alsoWant([], "branches");
      asked = "";
    },
    close() {
      frame.close();
      session.alsoWant([], "branches");
    },
  };
}

/** What of a branch no step of the trajectory stands beside. */
function beyond(fork: Fork, member: number, numSteps: number): string {
  const more = fork.step + (fork.taken[member] ?? 0) - numSteps;
  return more > 0 ? ` · goes on for ${more} steps beyond the recording` : "";
}
