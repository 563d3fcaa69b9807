import { describe, expect, it } from "vitest";
import { toggledFeature, withFeature } from "../core/editor.ts";
import type { EditorScene } from "../host/editor_scene.ts";
import { type EditorModel, ownSeat } from "../host/editor_seats.ts";
import { Workbench } from "../host/editor_session.ts";
import { counted, numFrames, paint, settled, stubFrames } from "./animation.ts";
import { packed, syntheticStudy } from "./synthetic.ts";
import { type EditorWorld, editorModel, entry } from "./synthetic_editor.ts";

stubFrames();

function opened(changes: Record<string, unknown> = {}, world: EditorWorld = {}) {
  const model = editorModel(changes, world);
  const counts = counted(model);
  const seat = ownSeat(model as unknown as EditorModel);
  const workbench = new Workbench(seat);
  const drawn: EditorScene[] = [];
  const detach = workbench.attach((scene) => drawn.push(scene));
  const last = () => drawn.at(-1) as EditorScene;
  const settle = () => settled(() => !last().pending && !last().race.running && !last().measured.running);
  const asked = (method: string) => counts.sent.filter((message) => message.method === method);
  const close = () => {
    detach();
    workbench.dispose();
    seat.close();
  };
  return { model, workbench, counts, last, settle, asked, detach, close };
}

const editedValue = ({ last }: ReturnType<typeof opened>) => last().edited?.after.value ?? Number.NaN;

describe("Workbench", () => {
  it("shows what an edit does, and undoing brings the same answer back without asking", async () => {
    const view = opened({ step: 92 });
    await view.settle();
    const original = editedValue(view);
    expect(view.last().edited?.before.value).toBe(original);
    view.workbench.change([entry(0), entry(1), entry(6)]);
    await view.settle();
    expect(editedValue(view)).not.toBe(original);
    expect(view.last().edited?.before.value).toBe(original);
    const count = view.asked("edited").length;
    view.workbench.travel(-1);
    await view.settle();
    expect(editedValue(view)).toBe(original);
    view.workbench.travel(1);
    await view.settle();
    expect(view.asked("edited")).toHaveLength(count);
    view.close();
  });

  it("asks one thing at a time while a slider is held, and the newest next", async () => {
    const view = opened();
    await view.settle();
    view.counts.hold = true;
    const start = view.asked("edited").length;
    for (const strength of [0.1, 0.2, 0.3, 0.4, 0.5])
      view.workbench.preview(withFeature([], "2b", 3, { strength }));
    expect(view.asked("edited")).toHaveLength(start + 1);
    view.counts.hold = false;
    for (const go of view.counts.held.splice(0)) go();
    await view.settle();
    const strengths = view
      .asked("edited")
      .slice(start)
      .map(({ params }) => JSON.parse(String(params?.edits))[0].strength);
    expect(strengths).toEqual([0.1, 0.5]);
    expect(view.model.get("edits")).toEqual([]);
    expect(view.model.get("history")).toEqual([]);
    view.close();
  });

  it("makes one step back of a slider that was held, and none of one that was let go of where it was", async () => {
    const view = opened();
    await view.settle();
    view.workbench.preview(withFeature([], "2b", 3, { strength: 0.5 }));
    view.workbench.preview(null);
    await view.settle();
    expect(view.model.get("history")).toEqual([]);
    view.workbench.preview(withFeature([], "2b", 3, { strength: 0.25 }));
    view.workbench.change(withFeature([], "2b", 3, { strength: 0.5 }));
    await view.settle();
    expect(view.model.get("history")).toEqual([[]]);
    expect(view.last().edits[0]?.strength).toBe(0.5);
    view.close();
  });

  it("keeps what a slider is held at while the explorer plays", async () => {
    const view = opened();
    await view.settle();
    view.workbench.preview(withFeature([], "2b", 3, { strength: 0.5 }));
    view.model.set("step", 41);
    await view.settle();
    expect(view.last().edits[0]?.strength).toBe(0.5);
    view.model.set("edits", [entry(1)]);
    await view.settle();
    expect(view.last().edits).toEqual([entry(1)]);
    view.close();
  });

  it("tells which entry did what, also when some are off", async () => {
    const view = opened({
      edits: [entry(4, { enabled: false }), entry(2), entry(1, { strength: 0 }), entry(3)],
    });
    await view.settle();
    expect([...view.last().changes.keys()]).toEqual([1, 3]);
    expect(view.last().changes.get(3)?.text).toContain("agent or enemy moving right");
    view.workbench.preview([entry(2)]);
    expect([...(view.workbench.gather()?.changes.keys() ?? [])]).toEqual([]);
    view.close();
  });

  it("drops what a slider is held at when its layer goes, and with it the slider", async () => {
    const view = opened();
    await view.settle();
    view.workbench.preview(withFeature([], "2b", 3, { strength: 0.5 }));
    view.model.set("layer", "3a");
    await view.settle();
    expect(view.last().edits).toEqual([]);
    view.close();
  });

  it("says no longer what went wrong on a frame or layer that was left", async () => {
    const view = opened({ layer: "4a", edits: [entry(1, { layer: "4a" })] });
    await view.settle();
    expect(view.last().notice?.kind).toBe("error");
    view.model.set("edits", []);
    await view.settle();
    expect(view.last().notice).toBeNull();
    view.model.set("edits", [entry(55)]);
    await view.settle();
    expect(view.last().notice?.kind).toBe("error");
    view.model.set("edits", []); // known: nothing is asked
    await view.settle();
    expect(view.last().notice).toBeNull();
    view.close();
  });

  it("learns from an answer where a layer is edited, for one that no kernel reads alone", async () => {
    const view = opened({ layer: "4a" });
    expect(view.workbench.usualPlace).toBe("next_kernel");
    await view.settle();
    expect(view.workbench.usualPlace).toBe("layer");
    view.workbench.change(toggledFeature([], "4a", 1, view.workbench.usualPlace));
    await view.settle();
    expect(view.last().notice).toBeNull();
    view.model.set("layer", "2b");
    await view.settle();
    expect(view.workbench.usualPlace).toBe("next_kernel");
    view.close();
  });

  it("takes no answer for its own that was under way when the features were fitted anew", async () => {
    const view = opened();
    await view.settle();
    view.counts.hold = true;
    const count = view.asked("edited").length;
    view.workbench.change([entry(0)]);
    const study = syntheticStudy();
    for (const layer of study.layers) for (const feature of layer.features) feature.name += " of another fit";
    view.model.set("_study", packed(study));
    expect(view.asked("edited")).toHaveLength(count + 2);
    expect(view.counts.sent.filter(({ kind }) => kind === "rlv-cancel")).toHaveLength(1);
    const [old] = view.counts.held.splice(0, 1);
    old?.();
    await settled(() => true);
    expect(view.last().pending).toBe(true);
    view.counts.hold = false;
    for (const go of view.counts.held.splice(0)) go();
    await view.settle();
    expect(view.last().changes.size).toBe(1);
    view.close();
  });

  it("knows at once that a race or a measurement was of other numbers", async () => {
    const view = opened({ edits: [entry(0)] });
    await view.settle();
    view.workbench.race();
    view.workbench.measure();
    await view.settle();
    view.model.set("num_steps", 30);
    paint();
    expect(view.last().race.stale).toBe(true);
    expect(view.last().measured.stale).toBe(false);
    view.model.set("levels", 30);
    paint();
    expect(view.last().measured.stale).toBe(true);
    view.close();
  });

  it("stops a race without the measurement that runs beside it", async () => {
    const view = opened({ edits: [entry(0)] });
    await view.settle();
    view.counts.hold = true;
    view.workbench.measure();
    view.workbench.race();
    view.workbench.stop("race");
    expect(view.workbench.gather()?.race.running).toBe(false);
    expect(view.workbench.gather()?.measured.running).toBe(true);
    view.close();
  });

  it("does not ask about an edit that is off", async () => {
    const view = opened();
    await view.settle();
    const count = view.asked("edited").length;
    view.workbench.change([entry(0, { enabled: false }), entry(1, { strength: 0 })]);
    await view.settle();
    expect(view.asked("edited")).toHaveLength(count);
    view.close();
  });

  it("says why an edit cannot be, keeps the list, and is well again when it is undone", async () => {
    const view = opened();
    await view.settle();
    const before = editedValue(view);
    view.workbench.change([entry(55)]);
    await view.settle();
    expect(view.last().notice).toEqual({
      kind: "error",
      text: "layer 2b has features 0 to 7, got 55",
    });
    expect(view.last().edits).toEqual([entry(55)]);
    view.workbench.travel(-1);
    await view.settle();
    expect(view.last().notice).toBeNull();
    expect(editedValue(view)).toBe(before);
    view.close();
  });

  it("follows what others set", async () => {
    const view = opened();
    await view.settle();
    const here = view.last().edited?.key;
    view.model.set("edits", [entry(6)]);
    await view.settle();
    expect(view.last().edited?.key).not.toBe(here);
    expect(view.last().changes.size).toBe(1);
    view.close();
  });

  it("races both agents, knows when the race is of another list, and runs a kept one with its own numbers", async () => {
    const view = opened({ edits: [entry(0)], num_steps: 90 });
    await view.settle();
    view.workbench.race();
    await view.settle();
    const { value, stale } = view.last().race;
    expect(stale).toBe(false);
    expect(value?.paths.map(({ cause }) => cause)).toEqual(["coin", "saw"]);
    expect(value?.diverged).toBe(19);
    expect(value?.last).toBe(61);
    view.workbench.change([]);
    await view.settle();
    expect(view.last().race.stale).toBe(true);
    view.workbench.race();
    await view.settle();
    expect(view.last().race.value?.diverged).toBeNull();
    view.close();

    const page = opened({ edits: [entry(0)] }, { offline: true });
    await page.settle();
    expect(page.last().canRace).toBe(true);
    page.workbench.race();
    page.workbench.measure();
    await page.settle();
    expect(page.asked("race").at(-1)?.params).toMatchObject({ num_steps: 60, seed: 3 });
    expect(page.asked("measure").at(-1)?.params).toMatchObject({ levels: 128, seed: 5 });
    expect(page.last().notice).toBeNull();
    page.close();
  });

  it("measures, and stops when it is told to", async () => {
    const view = opened({ edits: [entry(0)], levels: 64 });
    await view.settle();
    view.workbench.measure();
    await view.settle();
    expect(view.last().measured.value?.rows[0]?.cause).toBe("failed");
    view.counts.hold = true;
    view.workbench.measure();
    expect(view.workbench.gather()?.measured.running).toBe(true);
    view.workbench.stop("measure");
    expect(view.workbench.gather()?.measured.running).toBe(false);
    expect(view.counts.sent.at(-1)?.kind).toBe("rlv-cancel");
    view.close();
  });

  it("shows a recorded frame and nothing more where no agent is", async () => {
    const view = opened({ can_compute: false }, { offline: true });
    await view.settle();
    expect(view.last().edited?.pixels.some((value) => value > 0)).toBe(true);
    expect(editedValue(view)).toBeNaN();
    expect(view.last().notice).toBeNull();
    view.close();
  });

  it("leaves no listener, frame or question behind", async () => {
    const view = opened();
    await view.settle();
    expect(view.counts.listeners).toBeGreaterThan(5);
    view.counts.hold = true;
    view.workbench.change([entry(3)]);
    view.workbench.race();
    view.close();
    paint();
    expect(view.counts.listeners).toBe(0);
    expect(numFrames()).toBe(0);
    expect(view.counts.sent.filter(({ kind }) => kind === "rlv-cancel")).toHaveLength(2);
  });
});
