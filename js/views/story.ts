/** The story panel of the explorer, fetched when a story is first shown. */
export { mount } from "../panels/story.ts";
