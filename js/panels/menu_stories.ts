/** Where stories are found and begun: those that the study holds, and a note about the step shown. */
import { storySpan } from "../core/story.ts";
import { type Study, studyOf } from "../core/study.ts";
import type { LazyPanel } from "../host/lazy.ts";
import style from "../styles/story_menu.css";
import { h, setAttribute, setText } from "../views/dom.ts";
import { menu } from "./menu.ts";
import type { Context } from "./panel.ts";

const NEEDS_KERNEL = "needs a kernel: open the notebook";
const FIRST_NAME = "Notes";

export function stories({ session, signal }: Context, close: () => void): LazyPanel {
  const add = h("button", { class: "rlv-button rlv-story-add" }, "add note here");
  const list = h("div", { class: "rlv-story-list", role: "group", "aria-label": "Stories" });
  const name = h("input", { class: "rlv-story-new", type: "text", "aria-label": "Name of a new story" });
  name.placeholder = "a new story…";
  const begin = h("button", { class: "rlv-button" }, "Begin");
  const wrong = h("p", { class: "rlv-hint", role: "alert" });

  const choose = (story: string) => {
    session.set("note", null);
    session.set("story", story);
    close();
  };
  const create = async (story: string): Promise<boolean> => {
    try {
      await session.request("new_story", { story });
      setText(wrong, "");
      choose(story);
      return true;
    } catch (error) {
      setText(wrong, error instanceof Error ? error.message : String(error));
      return false;
    }
  };
  /** Opens the story shown, the first one, or a new one; its panel then opens the form. */
  const note = async () => {
    const [first] = studyOf(session.model.get("_study"))?.stories ?? [];
    session.errand = "add a note";
    if (session.model.get("story")) close();
    else if (first) choose(first.name);
    else if (!(await create(FIRST_NAME))) session.errand = "";
    session.invalidate();
  };
  const start = async () => {
    const wanted = name.value.trim();
    if (wanted && (await create(wanted))) name.value = "";
  };
  add.addEventListener("click", () => void note(), { signal });
  begin.addEventListener("click", () => void start(), { signal });
  name.addEventListener("keydown", (event) => event.key === "Enter" && void start(), { signal });

  const item = (story: Study["stories"][number]): HTMLElement => {
    const [first] = story.notes;
    const span = first && storySpan(story, first.trajectory);
    const count = `${story.notes.length} ${story.notes.length === 1 ? "note" : "notes"}`;
    const where =
      first && span ? [`trajectory ${first.trajectory + 1}, steps ${span.start}–${span.stop - 1}`] : [];
    const element = h(
      "button",
      { class: "rlv-story-item", "data-story": story.name },
      h("span", {}, story.name),
      h("span", { class: "rlv-hint" }, [count, ...where].join(" · ")),
    );
    element.addEventListener("click", () => choose(story.name));
    return element;
  };
  let built: unknown;
  return menu(
    [h("style", {}, style), list, h("div", { class: "rlv-story-begin" }, name, begin, add), wrong],
    ({ study }) => {
      if (built !== study.stories) {
        built = study.stories;
        const none = h("p", { class: "rlv-hint" }, "This study holds no story yet.");
        list.replaceChildren(...(study.stories.length > 0 ? study.stories.map(item) : [none]));
      }
      const { offline } = session;
      for (const control of [name, begin, add]) {
        control.disabled = offline;
        setAttribute(control, "title", offline && NEEDS_KERNEL);
      }
      const shown = session.model.get("story");
      for (const row of list.children)
        setAttribute(row, "aria-current", row.getAttribute("data-story") === shown ? "true" : false);
    },
  );
}
