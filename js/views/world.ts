/** Entry of the bundle that shows the objects in the observation, fetched when they are first asked for. */
export { objects as mount } from "../panels/overlay.ts";
