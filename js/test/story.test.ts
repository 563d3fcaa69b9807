import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type Note,
  nextNote,
  noteAt,
  outputAt,
  pieces,
  readingMs,
  type Story,
  spoken,
  stepsText,
  storySpan,
} from "../core/story.ts";
import { Player } from "../panels/story_player.ts";
import { note } from "./stories.ts";
import { syntheticStudy } from "./synthetic.ts";

const study = syntheticStudy({ numTrajectories: 2, numSteps: 64 });
const { layers } = study;
const story: Story = {
  name: "of two places",
  notes: [
    note({ start: 4, stop: 8, text: "a" }),
    note({ start: 6, stop: 7, text: "b, within a" }),
    note({ start: 20, stop: 22, text: "c" }),
    note({ trajectory: 1, start: 2, stop: 3, text: "d" }),
  ],
};

describe("the note of a step", () => {
  test("is one that is about it, and stays the same as long as it is", () => {
    for (let step = 0; step < 30; step++)
      for (const current of [null, 0, 1, 2, 3]) {
        const found = noteAt(story, 0, step, current);
        const about = story.notes.filter(
          ({ trajectory, start, stop }) => trajectory === 0 && step >= start && step < stop,
        );
        if (about.length === 0) expect(found).toBeNull();
        else expect(about).toContain(story.notes[found ?? -1]);
        if (current !== null && about.includes(story.notes[current] as Note)) expect(found).toBe(current);
      }
    expect(noteAt(story, 1, 6)).toBeNull();
  });

  test("next and previous visit every note in order, across trajectories, and end", () => {
    const visited: number[] = [];
    let current = nextNote(story, 0, 0, null, 1);
    while (current !== null) {
      visited.push(current);
      current = nextNote(story, 0, 0, current, 1);
    }
    expect(visited).toEqual([0, 1, 2, 3]);
    expect(nextNote(story, 1, 2, 3, -1)).toBe(2);
    expect(nextNote(story, 0, 4, 0, -1)).toBeNull();
  });

  test("between notes next and previous are the nearest in time", () => {
    expect(nextNote(story, 0, 10, null, 1)).toBe(2);
    expect(nextNote(story, 0, 10, null, -1)).toBe(1);
    expect(nextNote(story, 0, 40, null, 1)).toBe(3);
    expect(nextNote(story, 1, 0, null, -1)).toBe(2);
    expect(nextNote({ name: "", notes: [] }, 0, 0, null, 1)).toBeNull();
  });

  test("a story spans its notes on a trajectory, and none of another", () => {
    expect(storySpan(story, 0)).toEqual({ start: 4, stop: 22 });
    expect(storySpan(story, 1)).toEqual({ start: 2, stop: 3 });
    expect(storySpan(story, 5)).toBeNull();
    expect(stepsText({ start: 4, stop: 5 })).toBe("step 4");
    expect(stepsText({ start: 4, stop: 8 })).toBe("steps 4–7");
  });
});

describe("the output of a step", () => {
  const actions = ["LEFT", "NOOP", "RIGHT"];
  const at = (outputs: string[], step = 5, logits: number[] | null = [0, 3, 1], taken = 2) =>
    outputAt(note({ start: 4, stop: 7, text: "", outputs }), step, logits, taken, actions);

  test("is the note's, or the one for the step", () => {
    expect(at(["value"])).toBe("value");
    expect([4, 5, 6].map((step) => at(["LEFT", "value", "RIGHT"], step))).toEqual(["LEFT", "value", "RIGHT"]);
    expect(at([])).toBeNull();
  });

  test("follows the likeliest action, or the one taken, within any kind of output", () => {
    expect(at(["likeliest"])).toBe("NOOP");
    expect(at(["log_prob:taken"])).toBe("log_prob:RIGHT");
    expect(at(["difference:likeliest,LEFT"])).toBe("difference:NOOP,LEFT");
    expect(at(["difference:taken,RIGHT"])).toBeNull();
    expect(at(["likeliest"], 5, null)).toBeNull();
  });

  test("an action that is called so is meant before the automatic one", () => {
    const own = note({ start: 4, stop: 7, text: "", outputs: ["taken"] });
    expect(outputAt(own, 5, [1, 0], 1, ["taken", "other"])).toBe("taken");
  });
});

describe("a note's text", () => {
  const kinds = (text: string) => pieces(text, layers, "2b").map(({ kind, text: shown }) => [kind, shown]);

  test("a bold name is a feature's if a feature has it, whatever its case, and keeps how it is written", () => {
    expect(kinds("the **Buzzsaw** and **nothing else**")).toEqual([
      ["text", "the "],
      ["feature", "Buzzsaw"],
      ["text", " and "],
      ["bold", "nothing else"],
    ]);
  });

  test("a reference shows the present name and follows a renaming", () => {
    const renamed = layers.map((layer) => ({
      ...layer,
      features: layer.features.map((feature, index) =>
        index === 1 ? { ...feature, name: "gold" } : feature,
      ),
    }));
    expect(pieces("[feature 1]!", layers, "2b")[0]).toMatchObject({ text: "coin", feature: 1, layer: "2b" });
    expect(pieces("**[feature 1]**", renamed, "2b")).toMatchObject([{ kind: "feature", text: "gold" }]);
    expect(pieces("[feature 1 of 2b]", renamed, "3a")).toMatchObject([{ text: "gold", layer: "2b" }]);
  });

  test("what refers to nothing stays as it was written, and no character is ever lost", () => {
    for (const text of [
      "[feature 99] [feature x] ** ** **** **a",
      '<img src=x onerror="alert(1)"></script>',
      "**two\nlines** ✂ 🪚 \u202e",
      "",
    ]) {
      const joined = pieces(text, layers, "2b").map((piece) => piece.text);
      expect(joined.join("").replaceAll("*", "")).toBe(text.replaceAll("*", ""));
    }
    for (const text of ["[feature 99]", "** a **", "2 ** 3 ** 4", "**", "**\n**"])
      expect(kinds(text)).toEqual([["text", text]]);
    expect(spoken("a **coin** [feature 0]", layers, "2b")).toBe("a coin buzzsaw");
  });
});

describe("playing a story", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("each turn comes when the one before said, and null ends it", () => {
    const waits = [1000, 500, null];
    const turns: number[] = [];
    const changed = vi.fn();
    const player = new Player(() => {
      turns.push(Date.now());
      return waits[turns.length - 1] ?? null;
    }, changed);
    const begin = Date.now();
    player.start(2000);
    expect(player.playing).toBe(true);
    vi.advanceTimersByTime(10_000);
    expect(turns.map((time) => time - begin)).toEqual([2000, 3000, 3500]);
    expect(player.playing).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
    expect(changed).toHaveBeenCalledTimes(2);
  });

  test("stopped, it has no turn any more, even from within a turn", () => {
    const turn = vi.fn(() => 100);
    const player = new Player(turn, () => {});
    player.start(100);
    player.stop();
    vi.advanceTimersByTime(1000);
    expect(turn).not.toHaveBeenCalled();
    const own: Player = new Player(
      () => {
        own.stop();
        return 100;
      },
      () => {},
    );
    own.start(100);
    vi.advanceTimersByTime(1000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("the time to read a text grows with its words", () => {
    expect(readingMs("")).toBe(0);
    expect(readingMs("one two  three\nfour")).toBe(4 * readingMs("word"));
  });
});
