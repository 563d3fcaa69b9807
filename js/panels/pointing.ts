/** What is written above the curves at a place on the screen: marks and episodes. */
import { outcomeInWords } from "../core/episodes.ts";
import { endsOf } from "../core/marks.ts";
import { type Episode, episodeAt } from "../core/study.ts";
import { perStep } from "../core/timeline.ts";
import type { Scene } from "../host/scene.ts";
import { OUTCOME_MARK } from "./header.ts";
import type { Plot, Pointed } from "./plot.ts";
import { END } from "./rail.ts";

const NEAR = 6; // pixels within which a mark is meant

export interface Named {
  /** A bookmark, a note, or where an episode begins or ends. */
  mark?: { step: number; text: string } | undefined;
  episode?: Episode | undefined;
}

/** What is named at `step` (with its fraction), if the pointer is where the names are. */
export function namedAt(picture: Plot, scene: Scene | null, step: number, { clientY }: MouseEvent): Named {
  const { axis, layout, marks, element } = picture;
  if (!scene || !axis || !layout) return {};
  if (clientY - element.getBoundingClientRect().top > layout.strip.top) return {};
  const away = (one: { step: number; at?: number }) => Math.abs((one.at ?? one.step) - step);
  const reach = NEAR / perStep(axis);
  const starts = scene.episodes.map(({ start }, index) => ({
    step: start,
    text: `episode ${index + 1} begins`,
  }));
  const ends = endsOf(scene.episodes).map((end) => ({ ...end, at: end.step + 1 - END / perStep(axis) }));
  const [mark] = [...marks, ...starts, ...ends]
    .filter((one) => away(one) <= reach)
    .sort((a, b) => away(a) - away(b));
  return { mark, episode: scene.episodes[episodeAt(scene.episodes, Math.floor(step))] };
}

/** The step that is meant, and what else the pointer is told of it; null beyond the trajectory. */
export function pointedAt({ mark, episode }: Named, step: number, numSteps: number): Pointed | null {
  const at = mark?.step ?? Math.round(step);
  if (at < 0 || at >= numSteps) return null;
  const outcome =
    episode &&
    `${OUTCOME_MARK[episode.outcome] ?? "·"} ${outcomeInWords(episode)} (double-click selects the episode)`;
  return { step: at, note: mark?.text ?? outcome ?? "" };
}
