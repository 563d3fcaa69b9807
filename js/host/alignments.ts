/** How members stand beside each other: asked of Python once for each alignment, and kept. */
import type { Track } from "../core/align.ts";
import { studyOf } from "../core/study.ts";
import { type Params, requestKey } from "../core/wants.ts";
import type { AlignmentDescription } from "../generated/traits.d.ts";
import type { Rpc } from "./rpc.ts";
import type { CompareModel } from "./scoped_model.ts";

export class Alignments {
  #model: CompareModel;
  #rpc: Rpc;
  #known = new Map<string, Promise<AlignmentDescription>>();

  constructor(model: CompareModel, rpc: Rpc) {
    this.#model = model;
    this.#rpc = rpc;
  }

  /** The alignment at `at`; what failed is asked for again the next time. */
  ask(at: string): Promise<AlignmentDescription> {
    const members = this.#model.get("_members").map(({ study, trajectory }) => `${study}/${trajectory}`);
    const params = { members: members.join(" "), at };
    const key = requestKey("alignment", params);
    const known = this.#known.get(key) ?? this.#request(params);
    this.#known.set(key, known);
    known.catch(() => this.#known.delete(key));
    return known;
  }

  /** Equal steps beside each other need no answer from Python; where members part does. */
  bySteps(): AlignmentDescription | null {
    if (this.#model.get("align") !== "step") return null;
    const tracks = this.#model.get("_members").map(({ study, trajectory }): Track | null => {
      const length = studyOf(this.#model.get("_studies")[study])?.trajectories[trajectory]?.num_steps ?? 0;
      return length > 0 ? { start: 0, stop: length, offset: 0 } : null;
    });
    const num_steps = Math.max(1, ...tracks.map((track) => track?.stop ?? 0));
    return { name: "step", label: "same step", tracks, num_steps, zero: 0, pairs: [] };
  }

  async #request(params: Params): Promise<AlignmentDescription> {
    const [result] = await this.#rpc.request("alignment", params);
    return result as unknown as AlignmentDescription;
  }
}
