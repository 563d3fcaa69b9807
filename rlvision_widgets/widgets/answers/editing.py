"""What an edited agent makes of a frame, how it plays on from there, and how often it fails: beside the original.

`edits` is JSON: entries as `edit_list.completed` takes them, of which those count that are enabled and have a strength.
Answers that were computed are kept in the study (`kept_edits`), and found there without an agent. The dim `version` is
the original agent, the edited one.
"""

import json
from typing import Any

import xarray as xr

from rlvision_widgets.schema import EDITED_FRAME, RACE, Output
from rlvision_widgets.widgets import kept_edits
from rlvision_widgets.widgets.answers.world import MOST_STEPS, shared_scales
from rlvision_widgets.widgets.edit_list import completed, text_of
from rlvision_widgets.widgets.jobs import Cancelled
from rlvision_widgets.widgets.kept import Asked, as_json, features_stayed
from rlvision_widgets.widgets.kept_edits import Answered, Kind
from rlvision_widgets.widgets.presets import keep_entries
from rlvision_widgets.widgets.requests import Answer, Work, request
from rlvision_widgets.widgets.source import StudySource

__all__ = ["MOST_LEVELS", "asked_edited", "asked_race", "looked_at", "raced", "scales_of"]

MOST_LEVELS = 4096
MOST_SEED = 2**31 - 1
METHODS: dict[Kind, str] = {"frames": "look_edited", "races": "race", "measured": "measure"}  # of a connection
SHOWN = [name for name in EDITED_FRAME.variables if name != "largest"]


def asked_edited(
    source: StudySource, *, trajectory: int, step: int, edits: Any, layer: str, output: str
) -> dict[str, Any]:
    """Return a question about a frame in the words that stand for all equal ones; ValueError for what is none."""
    name = Output.parse(output, source.action_names).name
    return {**_place(source, trajectory, step, edits), "layer": layer, "output": name}


def asked_race(
    source: StudySource, *, trajectory: int, step: int, edits: Any, num_steps: int, seed: int
) -> dict[str, Any]:
    """Return a question about a race; raise ValueError for what is none."""
    _check("race: num_steps", num_steps, 1, MOST_STEPS)
    _check("race: seed", seed, -1, MOST_SEED)
    return {**_place(source, trajectory, step, edits), "num_steps": num_steps, "seed": seed}


def looked_at(source: StudySource, connection: Any, question: dict[str, Any], **callbacks: Any) -> Answered:
    """Return what original and edited agent make of a frame, computed unless the study keeps it.

    Parameters
    ----------
    source : StudySource
    connection : Connection or None
    question : dict
        From `asked_edited`.
    callbacks
        progress and cancelled.

    Raises
    ------
    ValueError
        If it is not kept, and there is nothing to compute it with; if an edit cannot be made.
    Cancelled
    """
    return _answered(source, connection, "frames", question, callbacks)


def raced(source: StudySource, connection: Any, question: dict[str, Any], **callbacks: Any) -> Answered:
    """Return how original and edited agent play on, computed unless the study keeps it; as `looked_at`."""
    return _answered(source, connection, "races", question, callbacks)


def scales_of(source: StudySource, question: dict[str, Any], answer: Answered) -> dict[str, Any]:
    """Return the display scale and the axis of the output that is explained; see `shared_scales`."""
    asked = Asked(question["trajectory"], question["step"], "", "", question["layer"], question["output"])
    return shared_scales(source, asked, answer.data)


def _stored_edited(source: StudySource, **params: Any) -> Answer | None:
    question = asked_edited(source, **params)
    known = kept_edits.find(source.study, "frames", question)
    return None if known is None else _frame(source, question, known)


@request(needs_agent=True, stored=_stored_edited)
def edited(
    source: StudySource, work: Work, *, trajectory: int, step: int, edits: str, layer: str, output: str
) -> Answer:
    """Look at a frame with the original agent and with the edited one; see `bench.Bench.look`."""
    question = asked_edited(source, trajectory=trajectory, step=step, edits=edits, layer=layer, output=output)
    is_new = source.layer(layer) is None
    answer = looked_at(source, work.connection, question, progress=work.progress, cancelled=work.cancelled)
    if is_new:  # its features were fitted on the way; views have to know their names before they draw them
        work.refresh()
    return _frame(source, question, answer)


def _stored_race(source: StudySource, **params: Any) -> Answer | None:
    question = asked_race(source, **params)
    known = kept_edits.find(source.study, "races", question)
    return None if known is None else _race(source, question, known)


@request(needs_agent=True, stored=_stored_race)
def race(
    source: StudySource, work: Work, *, trajectory: int, step: int, edits: str, num_steps: int, seed: int
) -> Answer:
    """Let original and edited agent play on from a step with the same luck; see `racing.race`."""
    question = asked_race(source, trajectory=trajectory, step=step, edits=edits, num_steps=num_steps, seed=seed)
    answer = raced(source, work.connection, question, progress=work.progress, cancelled=work.cancelled)
    return _race(source, question, answer)


def _stored_measure(source: StudySource, **params: Any) -> Answer | None:
    known = kept_edits.find(source.study, "measured", _asked_measure(source, **params))
    return None if known is None else (known.told, {})


@request(needs_agent=True, stored=_stored_measure, aside=True)
def measure(source: StudySource, work: Work, *, edits: str, levels: int, seed: int) -> Answer:
    """Let both agents play the same levels, and count how they fail; see `small_measure`.

    Runs beside other requests. What was played before it was cancelled is not played again.
    """
    question = _asked_measure(source, edits=edits, levels=levels, seed=seed)
    callbacks = {"progress": work.progress, "cancelled": work.cancelled}
    return _answered(source, work.connection, "measured", question, callbacks).told, {}


@request(writes=True)
def keep_edits(source: StudySource, *, name: str, edits: str) -> Answer:
    """Keep the edits that have an effect in the study, under a name."""
    keep_entries(source.study, name, edits)
    return {}, {}


def _asked_measure(source: StudySource, *, edits: Any, levels: int, seed: int) -> dict[str, Any]:
    _check("measure: levels", levels, 1, MOST_LEVELS)
    _check("measure: seed", seed, 0, MOST_SEED)
    return {"edits": _text(source, edits), "levels": levels, "seed": seed}


def _answered(
    source: StudySource, connection: Any, kind: Kind, question: dict[str, Any], callbacks: dict[str, Any]
) -> Answered:
    method = METHODS[kind]
    known = kept_edits.find(source.study, kind, question)
    if known is not None:
        return known
    if connection is None:
        raise ValueError("this is not computed: computing it needs the notebook and the agent (agent= of the view)")
    if not hasattr(connection, method):
        raise ValueError("what this view is connected to cannot edit its agent: pass agent= to it")
    before = kept_edits.marks(source.study, question)
    found = getattr(connection, method)(**{**question, "edits": json.loads(question["edits"])}, **callbacks)
    if found is None:
        raise Cancelled("cancelled")
    answer = Answered(found.data, as_json(found.told))
    stayed = all(map(features_stayed, before, kept_edits.marks(source.study, question)))
    if question["edits"] != "[]" and stayed:
        kept_edits.keep(source.study, kind, question, answer)
    return answer


def _place(source: StudySource, trajectory: int, step: int, edits: Any) -> dict[str, Any]:
    return {"trajectory": trajectory, "step": step, "edits": _text(source, edits)}


def _text(source: StudySource, edits: Any) -> str:
    return text_of(completed(edits, source.study))


def _check(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{what} must be from {low} to {high}, got {value}")


def _frame(source: StudySource, question: dict[str, Any], answer: Answered) -> Answer:
    told = {**answer.told, **_mark(source, "frames", question), **scales_of(source, question, answer)}
    return told, _arrays(answer.data, SHOWN)


def _race(source: StudySource, question: dict[str, Any], answer: Answered) -> Answer:
    return {**answer.told, **_mark(source, "races", question)}, _arrays(answer.data, RACE.variables)


def _mark(source: StudySource, kind: Kind, question: dict[str, Any]) -> dict[str, Any]:
    """Return what tells one answer from another."""
    return {"key": kept_edits.key_of(source.study, kind, question), "computed": True}


def _arrays(data: xr.Dataset, names: Any) -> dict[str, xr.Variable]:
    """Return arrays in one order: a study that was saved and opened has them in another."""
    return {name: data.variables[name] for name in names}
