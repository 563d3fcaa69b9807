/** Forks of the study, to go to; and a form that makes one at the step that is shown. */
import { type Fork, outcomes } from "../core/branches.ts";
import { studyOf } from "../core/study.ts";
import type { LazyPanel } from "../host/lazy.ts";
import type { Scene } from "../host/scene.ts";
import style from "../styles/fork_menu.css";
import { h, setText } from "../views/dom.ts";
import { forking, pick } from "./branch_pick.ts";
import { menu } from "./menu.ts";
import { running } from "./overlay_job.ts";
import type { Context } from "./panel.ts";

const MOST = { branches: 256, steps: 1000 };

export function forks({ session, signal }: Context, close: () => void): LazyPanel {
  const job = forking(session);
  const number = (value: number, min: number, max: number) =>
    h("input", { class: "rlv-fork-number", type: "number", value, min, max, step: 1 });
  const [branches, steps, seed] = [
    number(8, 1, MOST.branches),
    number(50, 1, MOST.steps),
    number(0, 0, 2 ** 31 - 1),
  ];
  const first = h("select", { class: "rlv-select" });
  const name = h("input", { class: "rlv-fork-name", type: "text" });
  const field = (label: string, input: HTMLElement) => h("label", {}, h("span", {}, label), input);
  const go = h("button", { class: "rlv-button", type: "submit" }, "Fork here");
  go.type = "submit";
  const progress = running(job, signal);
  const heading = h("h2", {});
  const told = h("p", { class: "rlv-hint", role: "status" });
  const form = h(
    "form",
    { class: "rlv-fork-form" },
    heading,
    field("tries", branches),
    field("steps each", steps),
    field("seed", seed),
    field("first action", first),
    field("name", name),
    go,
  );
  const list = h("div", { class: "rlv-fork-list" });
  let scene: Scene | undefined;
  let built: unknown;
  let offered: unknown;
  const within = (input: HTMLInputElement) => {
    const [low, high] = [Number(input.min), Number(input.max)];
    const value = Math.round(Number(input.value));
    input.value = String(Math.max(low, Math.min(high, Number.isFinite(value) ? value : low)));
    return Number(input.value);
  };
  form.addEventListener(
    "submit",
    (event) => {
      event.preventDefault();
      if (scene && !job.progress) void make(scene);
    },
    { signal },
  );
  async function make({ trajectory, step }: Scene): Promise<void> {
    const params = {
      ...{ trajectory, step, actions: first.value, name: name.value.trim() },
      ...{ num_branches: within(branches), num_steps: within(steps), seed: within(seed) },
    };
    session.set("playing", false);
    const made = await job.run("fork", params);
    // The study has been described anew before the answer came.
    const fork = studyOf(session.model.get("_study"))?.branches?.find((one) => one.name === made?.name);
    if (!fork || signal.aborted) return;
    name.value = "";
    pick(session, fork, 0);
    close();
  }
  const item = (fork: Fork): HTMLElement => {
    const said = h("span", { class: "rlv-hint" }, outcomes(fork));
    const button = h("button", { class: "rlv-fork-item" }, h("span", {}, fork.name), said);
    const act = () => {
      pick(session, fork, 0);
      close();
    };
    button.addEventListener("click", act, { signal });
    return button;
  };
  const build = ({ study }: Scene) => {
    built = study.branches;
    const parts: HTMLElement[] = [];
    let last = -1;
    for (const fork of study.branches ?? []) {
      if (fork.trajectory !== last) parts.push(h("h2", {}, `trajectory ${fork.trajectory + 1}`));
      last = fork.trajectory;
      parts.push(item(fork));
    }
    list.replaceChildren(...parts);
    list.hidden = parts.length === 0;
  };

  return menu([h("style", {}, style), list, form, progress.element, told], (now) => {
    scene = now;
    if (built !== now.study.branches || list.childElementCount === 0) build(now);
    if (offered !== now.study.action_names) {
      offered = now.study.action_names;
      const choices = now.study.action_names.map((text, index) => h("option", { value: index }, text));
      first.replaceChildren(h("option", { value: "" }, "as the agent chooses"), ...choices);
    }
    setText(heading, `fork here: step ${now.step} of trajectory ${now.trajectory + 1}`);
    name.placeholder = `step ${now.step}`;
    form.hidden = !now.canCompute;
    go.disabled = job.progress !== null;
    progress.draw();
    setText(told, job.failure || reason(now, session.offline));
    told.hidden = told.textContent === "";
  });
}

function reason({ canCompute }: Scene, offline: boolean): string {
  if (canCompute) return "";
  if (offline) return "To fork a trajectory needs a kernel with the agent: open the notebook.";
  return "To fork a trajectory, give the view its agent: Explorer(study, agent=agent)";
}
