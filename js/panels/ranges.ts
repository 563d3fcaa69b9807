/** What is done to the timeline's traits: the part that is shown, the range that is selected, the playhead's place. */
import { markBeyond, marksOf } from "../core/marks.ts";
import { episodeAt, studyOf } from "../core/study.ts";
import { centre, type Range, rangeOf, type Span, spanOf, within, zoom } from "../core/timeline.ts";
import type { Session } from "../host/session.ts";

const ARTICLE_SPAN = 256; // steps beneath a playhead in the middle, as Hilton et al. 2020 show them

/** Sets a trait that is a range; an equal one is no change, though it is another array. */
function setRange(session: Session, name: "view_range" | "selected_range", range: Range): void {
  if (session.model.get(name).join() !== range.join()) session.set(name, [...range]);
}

/** The part that is shown; of one whose playhead stands in the middle only the length counts. */
export function shown({ model }: Session): Span {
  const span = spanOf(model.get("view_range"), model.get("num_steps"));
  return model.get("centred") ? centre(span, model.get("step")) : span;
}

export function look(session: Session, span: Span): void {
  const numSteps = session.model.get("num_steps");
  setRange(session, "view_range", rangeOf(within(span, numSteps), numSteps));
}

/** Shows `factor` times as many steps, around the playhead if it is seen and nothing else is said. */
export function zoomed(session: Session, factor: number, around?: number): void {
  const { model } = session;
  const [numSteps, step] = [model.get("num_steps"), model.get("step")];
  const span = within(shown(session), numSteps);
  const seen = step >= span.first && step <= span.last ? step : (span.first + span.last) / 2;
  look(session, zoom(span, factor, model.get("centred") ? step : (around ?? seen), numSteps));
}

/** Puts the playhead in the middle or sets it free; the steps that are shown stay about the same. */
export function toggleCentred(session: Session): void {
  const { model } = session;
  const centred = !model.get("centred");
  if (!centred) look(session, shown(session));
  else if (model.get("view_range").length === 0)
    look(session, centre({ first: 0, last: ARTICLE_SPAN - 1 }, model.get("step")));
  session.set("centred", centred);
}

export const select = (session: Session, range: Range): void => setRange(session, "selected_range", range);

/** Begins (or with `end` ends) the selected range at the playhead, as film editors have it. */
export function selectFrom(session: Session, end: boolean): void {
  const { model } = session;
  const step = model.get("step");
  const [start = 0, stop = model.get("num_steps")] = model.get("selected_range");
  select(session, end ? [Math.min(start, step), step + 1] : [step, Math.max(stop, step + 1)]);
}

/** Selects the episode that the playhead is in. */
export function selectEpisode(session: Session): void {
  const { model } = session;
  const { episodes = [] } = studyOf(model.get("_study"))?.trajectories[model.get("trajectory")] ?? {};
  const episode = episodes[episodeAt(episodes, model.get("step"))];
  if (episode) select(session, [episode.start, episode.stop]);
}

/** Plays the selected range, from its start when the playhead is elsewhere. */
export function playRange(session: Session): void {
  const [start = 0, stop = 0] = session.model.get("selected_range");
  const step = session.model.get("step");
  if (step < start || step >= stop) session.goTo(start);
  if (!session.model.get("playing") || session.model.get("direction") < 0) session.play(1);
}

/** Goes to the next (1) or last (-1) mark of this trajectory. */
export function goToMark(session: Session, direction: number): void {
  const study = studyOf(session.model.get("_study"));
  if (!study) return;
  const mark = markBeyond(
    marksOf(study, session.model.get("trajectory")),
    session.model.get("step"),
    direction,
  );
  session.set("playing", false);
  if (mark) session.goTo(mark.step);
}
