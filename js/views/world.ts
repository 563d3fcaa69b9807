/** Entry of the bundle that shows the objects in the observation, and how an episode ended; fetched when first asked for. */
export { ending } from "../panels/ending.ts";
export { objects as mount } from "../panels/overlay.ts";
