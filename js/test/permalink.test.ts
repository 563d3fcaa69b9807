import { describe, expect, test } from "vitest";
import { DEFAULTS, fromAddress, stateText, toAddress } from "../core/permalink.ts";

const STUDY = {
  layers: [{ name: "2b" }, { name: "3a" }],
  outputs: [{ name: "value" }, { name: "sum:RIGHT,RIGHT+UP" }],
  stories: [{ name: "a saw & a <coin>" }],
  branches: [{ name: "no saw" }],
};
const INITIAL = {
  ...DEFAULTS,
  trajectory: 1,
  step: 20,
  layer: "2b",
  output: "value",
  hovered: null,
  history: [],
  undone: [],
  playing: false,
  num_steps: 96,
  _study: STUDY,
};
const reader = (state: Record<string, unknown>) => (name: string) => state[name];

describe("an address", () => {
  test("brings back what was shown, whatever the text in it", () => {
    const shown = {
      ...INITIAL,
      step: 31,
      layer: "3a",
      output: "sum:RIGHT,RIGHT+UP",
      feature: 2,
      combine: true,
      overlay: false,
      more_outputs: ["value"],
      selected_range: [3, 9],
      story: "a saw & a <coin>",
      objects: "fill",
      branch: "no saw",
      branch_member: 3,
      editing: true,
      edits: [{ kind: "feature", layer: "2b", feature: 3, strength: -1, where: "layer", enabled: false }],
    };
    const address = toAddress(reader(shown), INITIAL);
    expect(address).not.toMatch(/[<>"\s]/);
    const { hovered, history, undone, playing, num_steps, _study, ...restored } = shown;
    expect(fromAddress(`#${address}`, INITIAL)).toEqual(restored);
  });

  test("is empty while nothing differs, and names nothing that passes", () => {
    expect(toAddress(reader(INITIAL), INITIAL)).toBe("");
    expect(toAddress(reader({ ...INITIAL, hovered: 3, playing: true, num_steps: 5 }), INITIAL)).toBe("");
    expect(toAddress(reader({ ...INITIAL, history: [[]], undone: [[]] }), INITIAL)).toBe("");
  });

  test.each([
    "layer=9z",
    "output=nonsense",
    "story=unknown",
    "branch=unknown",
    "step=abc",
    'step="5"',
    "step=null",
    "step=Infinity",
    "combine=1",
    "more_outputs=3",
    "feature={}",
    "edits={}",
    "edits=[3]",
    'edits=[{"layer":"2b"}]',
    "_study=1",
    "num_steps=7",
    "%%%",
    "constructor=1",
  ])("that does not fit changes nothing: %s", (address) => {
    expect(fromAddress(address, INITIAL)).toEqual(fromAddress("", INITIAL));
  });

  test("that names less than another goes back to how the page was saved", () => {
    expect(fromAddress("#step=5", INITIAL)).toMatchObject({ step: 5, trajectory: 1 });
    expect(fromAddress("#", INITIAL)).toMatchObject({ step: 20 });
  });
});

test("a state names where one is, and what else differs from a fresh view", () => {
  expect(JSON.parse(stateText(reader(INITIAL)))).toEqual({
    trajectory: 1,
    step: 20,
    layer: "2b",
    output: "value",
  });
  expect(JSON.parse(stateText(reader({ ...INITIAL, look: "article", opened: 0 })))).toMatchObject({
    look: "article",
    opened: 0,
  });
});
