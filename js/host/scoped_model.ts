/** One member's part of a comparison's model, so that a session and its panels serve it like an explorer's. */
import type { AnyModel } from "@anywidget/types";
import { nearestStep, type Track } from "../core/align.ts";
import type { Params } from "../core/wants.ts";
import type { CompareTraits as Described } from "../generated/traits.d.ts";
import type { ExplorerModel, ExplorerTraits } from "./model.ts";

/** As a mapped type, because anywidget asks for an index signature, which an interface lacks. */
export type CompareTraits = { [Name in keyof Described]: Described[Name] };

export type CompareModel = Pick<
  AnyModel<CompareTraits>,
  "get" | "set" | "on" | "off" | "save_changes" | "send"
>;

/** Where a member's traits are kept in the shared model, if under another name. */
const SHARED: Record<string, keyof CompareTraits> = {
  _study: "_studies",
  trajectory: "_members",
  layer: "layers",
  feature: "features",
};

/** What a comparison does not offer. */
const FIXED: Partial<ExplorerTraits> = {
  playing: false,
  can_compute: false,
  show_residual: false,
  more_outputs: [],
  mode: "attribution",
  scale: "study",
  look: "standard",
  centred: false,
  view_range: [],
  selected_range: [],
  opened: null,
  cell: [],
  story: "",
  note: null,
  cursor_x: [],
};

/** What only the views know of a member. */
export interface Own {
  track: Track | null;
  hovered: number | null;
}

const sharedEvent = (event: string): string => {
  const [kind, name = ""] = event.split(":");
  return kind === "change" && SHARED[name] ? `change:${SHARED[name]}` : event;
};

/** The model that member `index` has: its own study, trajectory, layer and step; all else is shared. */
export function scopedModel(shared: CompareModel, index: number, own: Own): ExplorerModel {
  const member = () => shared.get("_members")[index] ?? { study: 0, trajectory: 0 };
  const get = (name: string): unknown => {
    if (name in FIXED) return FIXED[name as keyof ExplorerTraits];
    if (name === "_study") return shared.get("_studies")[member().study];
    if (name === "trajectory") return member().trajectory;
    if (name === "step") return own.track ? nearestStep(own.track, shared.get("step")) : 0;
    if (name === "layer") return shared.get("layers")[index];
    if (name === "feature") return shared.get("features")[index] ?? null;
    if (name === "hovered") return own.hovered;
    return shared.get(name as keyof CompareTraits);
  };
  const send = (message: { kind?: string; method?: string; params?: Params }) => {
    const isOfStudy = message.kind === "rlv-request" && message.method !== "bundle";
    if (!isOfStudy || shared.get("_studies").length < 2) shared.send(message);
    else shared.send({ ...message, params: { ...message.params, study: member().study } });
  };
  type Listener = Parameters<CompareModel["on"]>[1];
  return {
    get,
    set: () => {
      throw new Error("what a member shows is set in the comparison's model");
    },
    on: (event: string, listener: Listener) => shared.on(sharedEvent(event), listener),
    off: (event?: string | null, listener?: Listener | null) =>
      shared.off(event && sharedEvent(event), listener),
    save_changes: () => shared.save_changes(),
    send,
  } as unknown as ExplorerModel;
}
