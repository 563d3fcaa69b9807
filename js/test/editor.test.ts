import { describe, expect, it } from "vitest";
import {
  askedAs,
  changed,
  type Edits,
  entryOfFeature,
  isActive,
  movedEntry,
  nameOf,
  type Past,
  snapped,
  textOfEdits,
  toggledFeature,
  travelled,
  withFeature,
  withoutEntry,
} from "../core/editor.ts";
import { syntheticStudy } from "./synthetic.ts";
import { entry } from "./synthetic_editor.ts";

describe("strengths", () => {
  it("are drawn to 0 and 1 and nowhere else, and stay between -2 and 2", () => {
    expect([0.05, -0.07, 0.95, 1.06].map(snapped)).toEqual([0, 0, 1, 1]);
    expect([0.5, -0.94, 1.3].map(snapped)).toEqual([0.5, -0.94, 1.3]);
    expect([7, -7].map(snapped)).toEqual([2, -2]);
  });
});

describe("the list of edits", () => {
  const three: Edits = [entry(0), entry(1), entry(2)];

  it("gets a feature at its end, and keeps its place when it is switched", () => {
    const on = toggledFeature(toggledFeature([], "2b", 4), "2b", 5);
    expect(on).toEqual([entry(4), entry(5)]);
    const off = toggledFeature(on, "2b", 4);
    expect(off.map(isActive)).toEqual([false, true]);
    expect(toggledFeature(off, "2b", 4)).toEqual(on);
  });

  it("edits a feature where the layer's other features are edited", () => {
    const there = [entry(0, { where: "layer" }), entry(0, { layer: "3a" })];
    expect(entryOfFeature(toggledFeature(there, "2b", 1), "2b", 1)?.where).toBe("layer");
    expect(entryOfFeature(toggledFeature(there, "3a", 1), "3a", 1)?.where).toBe("next_kernel");
    expect(entryOfFeature(toggledFeature(there, "3a", 1, "layer"), "3a", 1)?.where).toBe("next_kernel");
    expect(entryOfFeature(toggledFeature(there, "4a", 1, "layer"), "4a", 1)?.where).toBe("layer");
  });

  it("keeps a strength while an edit is off, but one of 0 comes back as 1", () => {
    const weak = withFeature([], "2b", 3, { strength: 0.25 });
    expect(toggledFeature(toggledFeature(weak, "2b", 3), "2b", 3)).toEqual(weak);
    const none = withFeature([], "2b", 3, { strength: 0 });
    expect(entryOfFeature(toggledFeature(none, "2b", 3), "2b", 3)).toEqual(entry(3));
  });

  it("tells features of two layers apart", () => {
    const edits = withFeature(withFeature([], "2b", 0), "3a", 0, { strength: -1 });
    expect(edits).toHaveLength(2);
    expect(entryOfFeature(edits, "3a", 0)?.strength).toBe(-1);
    expect(entryOfFeature(edits, "1a", 0)).toBeUndefined();
  });

  it("is put in another order without losing an entry", () => {
    for (let from = 0; from < 3; from++)
      for (let to = 0; to < 3; to++) {
        const moved = movedEntry(three, from, to);
        expect(moved[to]).toBe(three[from]);
        expect(moved.filter((one) => one !== three[from])).toEqual(withoutEntry(three, from));
      }
  });

  it("is not changed itself", () => {
    const before = JSON.stringify(three);
    toggledFeature(three, "2b", 0);
    movedEntry(three, 0, 2);
    withFeature(three, "2b", 1, { strength: 2 });
    expect(JSON.stringify(three)).toBe(before);
  });
});

describe("what is asked for", () => {
  it("is the same for all lists that make the same agent", () => {
    const { kind, layer, feature, strength, where } = entry(2, { strength: 1 });
    const shuffled = { where, strength, feature, layer, kind };
    const idle = [entry(0, { enabled: false }), entry(1, { strength: 0 })];
    expect(textOfEdits([...idle, entry(2)])).toBe(textOfEdits([shuffled]));
    expect(textOfEdits(idle)).toBe("[]");
    expect(textOfEdits([entry(0), entry(1)])).not.toBe(textOfEdits([entry(1), entry(0)]));
  });

  it("leaves out the switch, and says a strength that was left out", () => {
    expect(JSON.parse(textOfEdits([{ kind: "stored", name: "saw", enabled: true }]))).toEqual([
      { kind: "stored", name: "saw", strength: 1 },
    ]);
  });

  it("is put as Python wrote it where the study keeps the answer", () => {
    const edits =
      '[{"feature": 0, "kind": "feature", "layer": "2b", "strength": 1.0, "where": "next_kernel"}]';
    expect(askedAs([entry(0)], [{ edits: "[]" }, { edits }])).toBe(edits);
    expect(askedAs([entry(1)], [{ edits }])).toBe(textOfEdits([entry(1)]));
  });
});

describe("the way back", () => {
  const start: Past = { edits: [], history: [], undone: [] };
  const next = (past: Past, edits: Edits): Past => changed(past, edits) ?? past;

  it("leads through every list, there and back again", () => {
    const lists: Edits[] = [[], [entry(0)], [entry(0, { strength: 0.5 })], [entry(1)]];
    let past = lists.slice(1).reduce(next, start);
    for (const edits of lists.slice(0, -1).reverse()) {
      past = travelled(past, -1) ?? past;
      expect(past.edits).toEqual(edits);
    }
    expect(travelled(past, -1)).toBeNull();
    for (const edits of lists.slice(1)) {
      past = travelled(past, 1) ?? past;
      expect(past.edits).toEqual(edits);
    }
    expect(travelled(past, 1)).toBeNull();
  });

  it("forgets what was undone after another change, and what changed nothing", () => {
    const back = travelled(next(start, [entry(0)]), -1) as Past;
    expect(next(back, [entry(1)]).undone).toEqual([]);
    expect(changed(back, [])).toBeNull();
  });

  it("is no longer than 64 lists", () => {
    let past = start;
    for (let feature = 0; feature < 100; feature++) past = next(past, [entry(feature)]);
    expect(past.history).toHaveLength(64);
    expect(past.history.at(-1)).toEqual([entry(98)]);
  });
});

describe("names", () => {
  const study = syntheticStudy();
  it("are those of the study where it has them", () => {
    expect(nameOf(entry(1), study)).toBe("coin");
    expect(nameOf(entry(99), study)).toBe("feature 99");
    expect(nameOf({ kind: "stored", name: "saw blind" }, study)).toBe("saw blind");
    expect(nameOf({ kind: "erase", concept: "saw" }, study)).toBe("saw");
    expect(nameOf({ kind: "ablate_channels", channels: [1, 2, 3, 4, 5] }, study)).toBe(
      "channels 1, 2, 3, 4, …",
    );
    expect(nameOf({ kind: "steer" }, study)).toBe("steering");
  });
});
