/** The curves below the step's slider, with all that is done to time there: bundle `time`. */
export { curves as mount } from "../panels/curves.ts";
