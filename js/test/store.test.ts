import { describe, expect, test } from "vitest";
import { ChunkStore } from "../core/store.ts";
import type { Want } from "../core/wants.ts";

const wants = (...keys: string[]): Want[] => keys.map((key) => ({ key, method: key, params: {} }));
const settle = () => new Promise((resolve) => setTimeout(resolve));

/** A store whose loads end when told to. */
function rig(options: { maxBytes?: number } = {}) {
  const asked: string[] = [];
  const aborted: string[] = [];
  const failures: string[] = [];
  const open = new Map<string, { resolve: (value: string) => void; reject: (error: Error) => void }>();
  const time = { now: 0 };
  const store = new ChunkStore<string>({
    load: (want, signal) =>
      new Promise((resolve, reject) => {
        asked.push(want.key);
        open.set(want.key, { resolve, reject });
        signal.addEventListener("abort", () => {
          aborted.push(want.key);
          reject(new Error("aborted"));
        });
      }),
    bytes: (value) => value.length,
    changed: () => {},
    failed: (_, want) => failures.push(want.key),
    now: () => time.now,
    ...options,
  });
  const finish = async (key: string, value = key) => {
    open.get(key)?.resolve(value);
    await settle();
  };
  const fail = async (key: string) => {
    open.get(key)?.reject(new Error("no"));
    await settle();
  };
  return { store, asked, aborted, failures, finish, fail, time };
}

describe("ChunkStore", () => {
  test("never has more than two requests in flight, and asks in order of urgency", async () => {
    const { store, asked, finish } = rig();
    store.want(wants("a", "b", "c", "d"));
    expect(asked).toEqual(["a", "b"]);
    await finish("b");
    expect(asked).toEqual(["a", "b", "c"]);
    expect(store.inFlight).toBe(2);
  });

  test("wants that a sweep has passed are never asked for", async () => {
    const { store, asked, finish } = rig();
    for (let chunk = 0; chunk < 100; chunk++) store.want(wants(`c${chunk}`, `c${chunk + 1}`));
    await finish("c0");
    await finish("c1");
    expect(asked).toEqual(["c0", "c1", "c99", "c100"]);
  });

  test("what is there or on its way is not asked for again", async () => {
    const { store, asked, finish } = rig();
    store.want(wants("a"));
    store.want(wants("a"));
    await finish("a");
    store.want(wants("a"));
    expect(asked).toEqual(["a"]);
    expect(store.get("a")).toBe("a");
  });

  test("the least recently used goes first, a hit counts as use", async () => {
    const { store, finish } = rig({ maxBytes: 3 });
    for (const key of ["a", "b", "c"]) {
      store.want(wants(key));
      await finish(key);
    }
    store.get("a");
    store.want(wants("d"));
    await finish("d");
    expect(store.get("b")).toBeUndefined();
    expect(["a", "c", "d"].map((key) => store.get(key))).toEqual(["a", "c", "d"]);
    expect(store.bytes).toBe(3);
  });

  test("wants that exceed the memory do not evict each other forever", async () => {
    const { store, asked, finish } = rig({ maxBytes: 3 });
    const list = wants("a", "b", "c", "d", "e", "f");
    store.want(list);
    for (const { key } of list) await finish(key);
    for (let again = 0; again < 10; again++) store.want(list);
    expect(asked.length).toBeLessThanOrEqual(5);
    expect(store.get("a")).toBe("a");
    expect(store.bytes).toBeLessThanOrEqual(3);
  });

  test("a failure is told once and tried again only after a pause that doubles", async () => {
    const { store, asked, failures, fail, time } = rig();
    store.want(wants("a"));
    await fail("a");
    store.want(wants("a"));
    expect(asked).toEqual(["a"]);
    time.now = 1001;
    store.want(wants("a"));
    await fail("a");
    time.now = 2500;
    store.want(wants("a"));
    expect(asked).toEqual(["a", "a"]);
    expect(failures).toEqual(["a", "a"]);
    store.retry();
    expect(asked.length).toBe(3);
  });

  test("refresh keeps the old value until the new one is there", async () => {
    const { store, finish } = rig();
    store.want(wants("a"));
    await finish("a", "old");
    store.refresh((key) => key === "a");
    expect(store.get("a")).toBe("old");
    await finish("a", "newer");
    expect(store.get("a")).toBe("newer");
    expect(store.bytes).toBe(5);
  });

  test("a refresh that overtakes a request drops its answer", async () => {
    const { store, asked, finish } = rig();
    store.want(wants("a"));
    store.refresh((key) => key === "a");
    expect(asked).toEqual(["a", "a"]);
    await finish("a", "second");
    expect(store.get("a")).toBe("second");
  });

  test("rest ends every request and starts none", async () => {
    const { store, asked, aborted, failures } = rig();
    store.want(wants("a", "b", "c"));
    store.rest();
    await settle();
    expect(aborted).toEqual(["a", "b"]);
    expect(asked).toEqual(["a", "b"]);
    expect(failures).toEqual([]);
    expect(store.inFlight).toBe(0);
  });
});
