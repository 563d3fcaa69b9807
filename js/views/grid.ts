/** The feature grid: a view of its own, and a part of the explorer that is fetched on demand. */
export { mount } from "../panels/grid_panel.ts";
