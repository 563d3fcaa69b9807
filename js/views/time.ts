/** Parts of the timeline that are fetched when something is zoomed or selected. */
export { tools } from "../panels/time_tools.ts";
