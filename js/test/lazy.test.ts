/** Parts of a view that are fetched when they are first shown. */
import { afterEach, expect, test, vi } from "vitest";
import { loadBundle } from "../host/lazy.ts";

const TEXT = "export const answer = 42;";

afterEach(() => vi.restoreAllMocks());

/** Node cannot import blobs, which browsers can; what it is handed is looked at instead. */
function blobs(): Blob[] {
  const made: Blob[] = [];
  vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
    made.push(blob as Blob);
    return `data:text/javascript,${encodeURIComponent(TEXT)}`;
  });
  vi.spyOn(URL, "revokeObjectURL").mockImplementation(() => {});
  return made;
}

test("a bundle is asked for once, and again only after a failure; its address is given back", async () => {
  const made = blobs();
  const asked: unknown[] = [];
  let broken = true;
  const session = {
    request: async (method: string, params: unknown) => {
      asked.push([method, params]);
      if (broken) throw new Error("no answer");
      return [{ text: TEXT }, []] as [{ text: string }, DataView[]];
    },
  };
  await expect(loadBundle(session, "grid")).rejects.toThrow("no answer");
  broken = false;
  const first = await loadBundle<{ answer: number }>(session, "grid");
  expect(first.answer).toBe(42);
  expect(await loadBundle(session, "grid")).toBe(first);
  expect(asked).toEqual([
    ["bundle", { name: "grid" }],
    ["bundle", { name: "grid" }],
  ]);
  expect(await made[0]?.text()).toBe(TEXT);
  expect(URL.revokeObjectURL).toHaveBeenCalledTimes(1);
});

test("an empty bundle is an error that names it", async () => {
  blobs();
  const session = { request: async () => [{ text: "" }, []] as [{ text: string }, DataView[]] };
  await expect(loadBundle(session, "cell")).rejects.toThrow('the part "cell" of this view came empty');
});
