/** Where stories are found and begun: a menu of those that the study holds, and a note about the step shown. */
import { storySpan } from "../core/story.ts";
import { type Study, studyOf } from "../core/study.ts";
import { h, icon, setAttribute, setText } from "../views/dom.ts";
import { CHEVRON } from "../views/icons.ts";
import { popover } from "../views/popover.ts";
import type { Context, Panel } from "./panel.ts";

const NEEDS_KERNEL = "needs a kernel: open the notebook";
const FIRST_NAME = "Notes";

export function storyMenu({ session, signal }: Context): Panel {
  const list = h("div", { class: "rlv-stories", role: "group", "aria-label": "Stories" });
  const name = h("input", { class: "rlv-story-new", type: "text", "aria-label": "Name of a new story" });
  name.placeholder = "a new story…";
  const begin = h("button", { class: "rlv-button" }, "Begin");
  const wrong = h("p", { class: "rlv-hint", role: "alert" });
  const button = h("button", { class: "rlv-plain" }, "stories", icon(CHEVRON, 90));
  const start = h("div", { class: "rlv-field" }, name, begin);
  const menu = popover(button, h("div", {}, list, start, wrong), () => session.invalidate(), signal);
  const add = h("button", { class: "rlv-plain" }, "note +");
  const element = h("span", { class: "rlv-story-menu" }, menu.element, add);

  const choose = (story: string) => {
    session.set("note", null);
    session.set("story", story);
    menu.close();
    button.focus();
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
  /** Opens the story shown, the first one, or a new one; its panel sees the mark and opens its form. */
  const note = async () => {
    const stories = studyOf(session.model.get("_study"))?.stories ?? [];
    element.closest<HTMLElement>(".rlv-explorer")?.setAttribute("data-add-note", "");
    if (session.model.get("story") !== "") return session.invalidate();
    const step = session.model.get("step");
    const [first] = stories;
    if (!first) {
      await create(FIRST_NAME);
      return;
    }
    choose(first.name);
    session.goTo(step);
  };
  const act = (target: HTMLElement, event: string, then: (event: Event) => void) =>
    target.addEventListener(event, then, { signal });
  act(begin, "click", () => name.value.trim() && void create(name.value.trim()).then((ok) => ok && clear()));
  const clear = () => {
    name.value = "";
  };
  act(name, "keydown", (event) => {
    const { key } = event as KeyboardEvent;
    if (key === "Enter") begin.click();
    if (key !== "Escape") event.stopPropagation();
  });
  act(add, "click", () => void note());

  let built: unknown;
  const build = (study: Study) => {
    built = study.stories;
    list.replaceChildren(
      ...study.stories.map((story) => {
        const [first] = story.notes;
        const span = first && storySpan(story, first.trajectory);
        const where =
          first && span ? `trajectory ${first.trajectory + 1}, steps ${span.start}–${span.stop - 1}` : "";
        const count = `${story.notes.length} ${story.notes.length === 1 ? "note" : "notes"}`;
        const item = h(
          "button",
          { class: "rlv-bookmark", "data-story": story.name },
          h("span", {}, story.name),
          h("span", { class: "rlv-hint" }, [count, where].filter(Boolean).join(" · ")),
        );
        act(item, "click", () => choose(story.name));
        return item;
      }),
    );
  };
  return {
    element,
    draw({ study }) {
      if (built !== study.stories) build(study);
      const { offline } = session;
      element.hidden = offline && study.stories.length === 0;
      name.disabled = offline;
      begin.disabled = offline;
      add.disabled = offline;
      setAttribute(
        add,
        "title",
        offline ? NEEDS_KERNEL : "write a note about the brushed steps, or else this one",
      );
      setAttribute(begin, "title", offline ? NEEDS_KERNEL : "");
      const shown = session.model.get("story");
      for (const item of list.children)
        setAttribute(item, "aria-current", item.getAttribute("data-story") === shown ? "true" : false);
    },
  };
}
