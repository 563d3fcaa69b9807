/** The curves below a comparison's slider: bundle `compare_time`. */
export { compareCurves as mount } from "../panels/compare_curves.ts";
