/** Entry of the forks' bundle: lanes beneath the timeline and what is compared; fetched when a study has some. */
export { branches as mount } from "../panels/branch_lanes.ts";
