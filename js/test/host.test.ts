import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ExplorerModel } from "../host/model.ts";
import { NoAnswer, Rpc } from "../host/rpc.ts";
import { NEEDS_KERNEL, StaticModel } from "../host/static_model.ts";

describe("StaticModel", () => {
  test("tells listeners of a change, of that trait and of any, but not of an equal value", () => {
    const model = new StaticModel({ step: 0 });
    const calls: string[] = [];
    model.on("change:step", () => calls.push(`step ${model.get("step")}`));
    model.on("change", () => calls.push("any"));
    model.set("step", 1);
    model.set("step", 1);
    expect(calls).toEqual(["step 1", "any"]);
  });

  test("off takes one listener, an event's, or all", () => {
    const model = new StaticModel({ step: 0 });
    const [one, two] = [vi.fn(), vi.fn()];
    model.on("change:step", one);
    model.on("change:step", two);
    model.off("change:step", one);
    model.set("step", 1);
    expect([one, two].map((call) => call.mock.calls.length)).toEqual([0, 1]);
    model.off("change:step");
    model.set("step", 2);
    model.on("change:step", one);
    model.off();
    model.set("step", 3);
    expect([one, two].map((call) => call.mock.calls.length)).toEqual([0, 1]);
  });

  test("answers what the page carries and says what needs a kernel", async () => {
    const stored = { result: { n: 1 }, buffers: [new DataView(new ArrayBuffer(2))] };
    const model = new StaticModel({}, (key) => (key === 'curves{"trajectory":0}' ? stored : undefined));
    const rpc = new Rpc(model as unknown as ExplorerModel);
    await expect(rpc.request("curves", { trajectory: 0 })).resolves.toEqual([stored.result, stored.buffers]);
    await expect(rpc.request("compute", {})).rejects.toThrow(NEEDS_KERNEL);
  });
});

/** A model that records what is sent and lets the test answer. */
function rig() {
  const sent: Record<string, unknown>[] = [];
  const model = new StaticModel({});
  model.send = (message) => void sent.push(message as Record<string, unknown>);
  const rpc = new Rpc(model as unknown as ExplorerModel);
  const say = (message: Record<string, unknown>, buffers: DataView[] = []) =>
    model.emit("msg:custom", message, buffers);
  return { sent, rpc, say, model };
}

describe("Rpc", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test("each reply reaches the request that it belongs to", async () => {
    const { sent, rpc, say } = rig();
    const [first, second] = [rpc.request("a", { x: 1 }), rpc.request("b", {})];
    expect(sent.map(({ kind, method }) => [kind, method])).toEqual([
      ["rlv-request", "a"],
      ["rlv-request", "b"],
    ]);
    say({ kind: "rlv-reply", id: sent[1]?.id, result: { who: "b" } });
    say({ kind: "rlv-reply", id: sent[0]?.id, result: { who: "a" } });
    expect((await first)[0]).toEqual({ who: "a" });
    expect((await second)[0]).toEqual({ who: "b" });
    expect(rpc.pending).toBe(0);
  });

  test("an error of Python is an error here, with its text", async () => {
    const { sent, rpc, say } = rig();
    const request = rpc.request("a", {});
    say({ kind: "rlv-reply", id: sent[0]?.id, error: "ValueError: no layer 9z" });
    await expect(request).rejects.toThrow("no layer 9z");
  });

  test("messages of others and of the past are ignored", () => {
    const { rpc, say, sent } = rig();
    void rpc.request("a", {});
    for (const message of [{}, { id: "x" }, { kind: "rlv-reply", id: "other:0", result: {} }]) say(message);
    say(null as unknown as Record<string, unknown>);
    expect(rpc.pending).toBe(1);
    say({ kind: "rlv-reply", id: sent[0]?.id, result: {} });
    say({ kind: "rlv-reply", id: sent[0]?.id, result: {} });
    expect(rpc.pending).toBe(0);
  });

  test("no answer in time is told as such, and progress counts as a sign of life", async () => {
    const { rpc, say, sent } = rig();
    const seen: number[] = [];
    const request = rpc.request("a", {}, { timeout: 1000, progress: ({ done }) => seen.push(done) });
    const outcome = request.catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(900);
    say({ kind: "rlv-progress", id: sent[0]?.id, stage: "s", done: 1, total: 2 });
    await vi.advanceTimersByTimeAsync(900);
    expect(rpc.pending).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(await outcome).toBeInstanceOf(NoAnswer);
    expect(seen).toEqual([1]);
  });

  test("an abort rejects, tells Python, and leaves no timer", async () => {
    const { rpc, sent } = rig();
    const control = new AbortController();
    const request = rpc.request("a", {}, { signal: control.signal });
    control.abort(new Error("enough"));
    await expect(request).rejects.toThrow("enough");
    expect(sent[1]).toEqual({ kind: "rlv-cancel", id: sent[0]?.id });
    expect(vi.getTimerCount()).toBe(0);
    await expect(rpc.request("b", {}, { signal: control.signal })).rejects.toThrow("enough");
    expect(sent.length).toBe(2);
  });

  test("a closed channel counts as no answer at once; a message too large for it is refused", async () => {
    const { rpc, model } = rig();
    await expect(rpc.request("a", { text: "x".repeat(1_100_000) })).rejects.toThrow("too large");
    model.send = () => {
      throw new Error("comm is closed");
    };
    const outcome = await rpc.request("a", {}).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(NoAnswer);
    expect(String(outcome)).toContain("kernel cannot be reached (comm is closed)");
    expect(rpc.pending).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("closing fails what is still open and leaves no timer and no listener", async () => {
    const { rpc, model } = rig();
    const outcome = rpc.request("bundle", { name: "grid" }).catch((error: unknown) => error);
    const off = vi.spyOn(model, "off");
    rpc.close();
    expect(await outcome).toBeInstanceOf(NoAnswer);
    expect([rpc.pending, vi.getTimerCount(), off.mock.calls.length]).toEqual([0, 0, 1]);
  });
});
