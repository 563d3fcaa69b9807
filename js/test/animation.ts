/** Animation frames that come when a test says so, and a model whose listeners and messages are counted. */
import { afterEach, beforeEach, vi } from "vitest";
import type { StaticModel } from "../host/static_model.ts";

const frames = new Map<number, FrameRequestCallback>();

/** To be called once in a file of tests. */
export function stubFrames(): void {
  beforeEach(() => {
    frames.clear();
    let id = 0;
    vi.stubGlobal("requestAnimationFrame", (call: FrameRequestCallback) => {
      frames.set(++id, call);
      return id;
    });
    vi.stubGlobal("cancelAnimationFrame", (frame: number) => frames.delete(frame));
  });
  afterEach(() => void vi.unstubAllGlobals());
}

export const numFrames = (): number => frames.size;

export function paint(): void {
  const due = [...frames.values()];
  frames.clear();
  for (const call of due) call(0);
}

/** Paints until `isAtRest` says so. */
export async function settled(isAtRest: () => boolean): Promise<void> {
  for (let round = 0; round < 400; round++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    paint();
    if (frames.size === 0 && isAtRest()) return;
  }
  throw new Error("the view does not come to rest");
}

export interface Message {
  kind?: string;
  id?: string;
  method?: string;
  params?: Record<string, unknown>;
}

/** Counts what `model` is asked to do; while `hold` is set, messages wait in `held`. */
export function counted(model: StaticModel) {
  const counts = { listeners: 0, sent: [] as Message[], held: [] as (() => void)[], hold: false };
  const [on, off, send] = [model.on.bind(model), model.off.bind(model), model.send.bind(model)];
  model.on = (event, listener) => {
    counts.listeners++;
    on(event, listener);
  };
  model.off = (event, listener) => {
    counts.listeners--;
    off(event, listener);
  };
  model.send = (message) => {
    counts.sent.push(message as Message);
    if (counts.hold) counts.held.push(() => send(message));
    else send(message);
  };
  return counts;
}
