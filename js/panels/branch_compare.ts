/** The branch that is picked, in lock-step with what happened: its frame beside the observation, numbers of both. */
import { endInWords, type Fork, momentOf } from "../core/branches.ts";
import { episodeAt } from "../core/study.ts";
import { requestKey, want } from "../core/wants.ts";
import type { LazyPanel } from "../host/lazy.ts";
import { type Loaded, slice } from "../host/replies.ts";
import type { Scene } from "../host/scene.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import { branchFrame } from "./branch_frame.ts";
import { described } from "./branch_lane.ts";
import { leave, neighbour, type Picked, pick, pickedIn } from "./branch_pick.ts";
import { survivalChart } from "./branch_survival.ts";
import { branchTable } from "./branch_table.ts";
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
    "outline what differs, unless it is more than a quarter",
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
  const table = branchTable();
  const where = h("p", { class: "rlv-hint" });
  const element = h(
    "section",
    { class: "rlv-branch-compare", "aria-label": "Branch compared" },
    h("div", { class: "rlv-caption" }, title, back, next, hint, outline, remove, sure, close),
    h("div", { class: "rlv-branch-body" }, h("div", {}, table.element, where), chart.element),
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
  const draw = (now: Scene, { fork, member }: Picked) => {
    const found = find({ fork, member });
    const moment = momentOf(fork, member, now.step);
    const { at, index } = moment;
    const pixels = slice(found, "observation", index) as Uint8Array | null;
    const ended = endInWords(fork, member);
    const name = `branch ${member + 1}`;
    setText(title, `${fork.name}: ${name} of ${fork.taken.length}`);
    if (!("wrong" in hint.dataset)) setText(hint, described(fork));
    setAttribute(hint, "title", described(fork));
    const state = { before: `begins at step ${fork.step}`, within: `step ${index} of it`, after: ended }[at];
    // The frame that ended it still has its own step; later ones stand beside nothing.
    const isBeside = now.step === fork.step + index;
    const key = `${fork.name}/${member}/${index}`;
    const root = element.closest(".rlv-explorer");
    if (root)
      frame.draw(root, now, pixels, key, { title: name, hint: state, outlined: outlined && isBeside });
    table.draw(now, found, moment, isBeside ? frame.share : null);
    setText(where, fork.note || (found ? `${ended}${aside(now, fork, member)}` : "loading…"));
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
      frame.hide();
      if (asked) session.alsoWant([], "branches");
      asked = "";
    },
    close() {
      frame.close();
      session.alsoWant([], "branches");
    },
  };
}

/** What keeps a branch and the recording from being of one kind. */
function aside({ numSteps, episodes, episode }: Scene, fork: Fork, member: number): string {
  const more = fork.step + (fork.taken[member] ?? 0) - numSteps;
  if (episode > episodeAt(episodes, fork.step)) return " · the recording is in a later episode";
  return more > 0 ? ` · goes on for ${more} steps beyond the recording` : "";
}
