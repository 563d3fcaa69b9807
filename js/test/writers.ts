/** What Python would do when a view writes stories or names into a synthetic study. */
import type { Story } from "../core/story.ts";
import type { Study } from "../core/study.ts";
import type { Params } from "../core/wants.ts";
import { note } from "./stories.ts";

type Reply = Record<string, unknown>;

/** Changes `study` as the request asks and returns the reply; undefined for requests that write nothing. */
export function write(study: Study, method: string, params: Params): Reply | undefined {
  if (method === "rename" || method === "recolour") return describe(study, params);
  if (method === "remove_branches") {
    study.branches = study.branches?.filter(({ name }) => name !== params.name);
    return {};
  }
  if (method === "new_story") {
    if (!find(study, params)) study.stories.push({ name: String(params.story), notes: [] });
    return {};
  }
  if (!["add_note", "edit_note", "remove_note"].includes(method)) return undefined;
  const story = find(study, params);
  if (!story) throw new Error(`unknown story ${params.story}`);
  if (method === "add_note") return { note: insert(story, params) };
  story.notes.splice(Number(params.note), 1);
  return method === "edit_note" ? { note: insert(story, params) } : {};
}

function describe(study: Study, { layer, feature, name, colour }: Params): Reply {
  const target = study.layers.find((one) => one.name === layer);
  const old = target?.features[Number(feature)];
  if (!target || !old) throw new Error(`layer ${layer} has no feature ${feature}`);
  if (String(name).includes("!")) throw new Error("this kernel takes no exclamation marks");
  const text = name === undefined ? old.name : String(name).trim() || `feature ${feature}`;
  target.features = target.features.map((one) =>
    one === old ? { name: text, colour: colour === undefined ? old.colour : String(colour) } : one,
  );
  return {};
}

const find = (study: Study, params: Params): Story | undefined =>
  study.stories.find(({ name }) => name === params.story);

function insert(story: Story, params: Params): number {
  const added = note({
    trajectory: Number(params.trajectory),
    start: Number(params.start),
    stop: Number(params.stop),
    text: String(params.text),
    layer: String(params.layer) || null,
    outputs: String(params.output).split("\n"),
    feature: Number(params.feature) < 0 ? null : Number(params.feature),
    combine: Number(params.combine) < 0 ? null : params.combine === 1,
  });
  const later = story.notes.findIndex(
    (other) => other.trajectory === added.trajectory && other.start > added.start,
  );
  const asked = Number(params.position ?? -1);
  const at = asked >= 0 ? asked : later < 0 ? story.notes.length : later;
  story.notes.splice(at, 0, added);
  return at;
}
