/** Where an editor sits: in a widget of its own, or in the explorer. */
import type { AnyModel } from "@anywidget/types";
import { type EditorTraits, type Seat, USUAL } from "./editor_model.ts";
import { Rpc } from "./rpc.ts";
import { Saver } from "./saver.ts";
import type { Session } from "./session.ts";

export type EditorModel = Pick<
  AnyModel<EditorTraits>,
  "get" | "set" | "on" | "off" | "save_changes" | "send"
>;

/** The widget's own model. `close` ends what it still waits for. */
export function ownSeat(model: EditorModel): Seat & { close(): void } {
  const rpc = new Rpc(model);
  const saver = new Saver(model);
  const set = (name: keyof EditorTraits, value: unknown) => {
    if (model.get(name) === value) return;
    model.set(name, value as never);
    saver.request();
  };
  return {
    get: (name) => model.get(name),
    set,
    on: (event, listener) => model.on(event as "change", listener),
    off: (event, listener) => model.off(event as "change", listener),
    option: (name) => model.get(name),
    setOption: set,
    request: (method, params, options) => rpc.request(method, params, options),
    get offline() {
      return (model as { get(name: string): unknown }).get("_offline") === true;
    },
    close() {
      saver.flush();
      rpc.close();
    },
  };
}

/** The explorer's: its frame, its features, and the usual race. */
export function explorerSeat(session: Session): Seat {
  const { model } = session;
  const options = { ...USUAL };
  const all = model as unknown as {
    get(name: string): never;
    on(event: string, listener: () => void): void;
    off(event: string, listener: () => void): void;
  };
  return {
    get: (name) => all.get(name),
    set: (name, value) => session.set(name as never, value as never),
    on: (event, listener) => all.on(event, listener),
    off: (event, listener) => all.off(event, listener),
    option: (name) => options[name],
    setOption: (name, value) => {
      options[name] = value;
      session.invalidate();
    },
    request: (method, params, request) => session.request(method, params, request),
    get offline() {
      return session.offline;
    },
  };
}
