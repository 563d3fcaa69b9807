"""What the world would look like to the agent, had it been another: frames before and after edits, and what follows.

A situation is a recorded step, the actions that were pressed from there (`actions`, "7 7 8"), and edits (`edits`, JSON
as `edits_to_json` writes it, in which ``{"kind": "play", "action": 7}`` presses an action). Answers that were computed
are kept in the study (`kept`), and found there without an agent. The dim `version` is before, after.
"""

import json
from collections.abc import Iterable
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr

from rlvision_widgets.schema import COUNTERFACTUAL, Output
from rlvision_widgets.widgets import kept
from rlvision_widgets.widgets.answers.attribution import robust_axis, scales_of_the_study
from rlvision_widgets.widgets.description import finite
from rlvision_widgets.widgets.jobs import Cancelled
from rlvision_widgets.widgets.kept import Asked, Kept
from rlvision_widgets.widgets.requests import Answer, Work, request
from rlvision_widgets.widgets.source import StudySource

__all__ = ["MOST_STEPS", "asked_of", "imagined", "played_on", "shared_scales"]

SHOWN = [name for name in COUNTERFACTUAL.variables if name != "largest"]
PLAYED = ("observation", "value", "reward", "action")
CURVES = ("survival", "low", "high")
MOST_STEPS = 512  # of playing on: 6 MB of frames a world


def asked_of(  # noqa: PLR0917 - the order in which views ask
    source: StudySource, trajectory: int, step: int, edits: str, actions: str, layer: str = "", output: str = "value"
) -> Asked:
    """Return a question in the words that stand for all equal ones; raise ValueError for what is none."""
    try:
        text = kept.plain(edits)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"edits must be JSON, as edits_to_json writes it: {error}.") from None
    if not text.startswith("["):
        raise ValueError(f"edits must be a list of edits, got {edits[:80]!r}")
    name = Output.parse(output, source.action_names).name
    return Asked(trajectory, step, text, " ".join(actions.split()), layer, name)


def imagined(source: StudySource, connection: Any, asked: Asked, *, keep: bool = True, **callbacks: Any) -> Kept:
    """Return the answer to a question, computed unless the study keeps it.

    Parameters
    ----------
    source : StudySource
    connection : Connection or None
    asked : Asked
    keep : bool
        Keep it in the study.
    callbacks
        progress and cancelled.

    Raises
    ------
    ValueError
        If it is not kept, and there is nothing to compute it with; if it cannot be.
    Cancelled
    """
    known = kept.find(source.study, asked)
    if known is not None:
        return known
    before = kept.features_mark(source.study, asked.layer)
    found = _ask(connection, "imagine", asked, **callbacks)
    answer = Kept(found.data, kept.as_json(found.told))
    if keep and kept.features_stayed(before, kept.features_mark(source.study, asked.layer)):
        kept.keep(source.study, asked, answer)
    return answer


def played_on(
    source: StudySource, connection: Any, asked: Asked, num_steps: int, seed: int, **callbacks: Any
) -> xr.Dataset:
    """Return how it goes on from a situation, computed unless the study keeps it; as `imagined`.

    What `playing_on.play_on` tells stands in ``attrs["told"]``, as JSON.
    """
    if not 1 <= num_steps <= MOST_STEPS:
        raise ValueError(f"play_on: num_steps must be from 1 to {MOST_STEPS}, got {num_steps}")
    known = kept.find_played(source.study, asked, num_steps, seed)
    if known is not None:
        return known
    options = {"num_steps": num_steps, "seed": seed}
    found = _ask(connection, "play_on", asked, **options, **callbacks)
    data: xr.Dataset = found.data.assign_attrs(**options, told=json.dumps(kept.as_json(found.told)))
    kept.keep_played(source.study, asked, data)
    return data


def _stored_sight(source: StudySource, **params: Any) -> Answer | None:
    asked = asked_of(source, **params)
    known = kept.find(source.study, asked)
    return None if known is None else _sight(source, asked, known)


@request(needs_agent=True, stored=_stored_sight)
def imagine(
    source: StudySource,
    work: Work,
    *,
    trajectory: int,
    step: int,
    edits: str,
    actions: str,
    layer: str,
    output: str,
) -> Answer:
    """Compare a situation with what it would have been without its edits.

    The arrays are those of `counterfactual.imagine`; beside what that tells there are ``display_scale`` and ``axis``,
    as in `totals`, and ``key``. A layer without features gets them first.
    """
    asked = asked_of(source, trajectory, step, edits, actions, layer, output)
    is_new = source.layer(layer) is None
    answer = imagined(
        source, work.connection, asked, keep=not asked.is_unedited, progress=work.progress, cancelled=work.cancelled
    )
    if is_new:  # its features were fitted on the way; views have to know their names before they draw them
        work.refresh()
    return _sight(source, asked, answer)


def _stored_effects(source: StudySource, **params: Any) -> Answer | None:
    known = kept.find(source.study, asked_of(source, **params))
    return None if known is None or "effects" not in known.told else _effects(known)


@request(needs_agent=True, stored=_stored_effects)
def effects(
    source: StudySource,
    work: Work,
    *,
    trajectory: int,
    step: int,
    edits: str,
    actions: str,
    layer: str,
    output: str,
) -> Answer:
    """Measure what each object of the edited world adds to the output: `lost` when it goes, beside `attributed`.

    ``objects`` are its rows, and more for what is listed by class alone, such as walls and background; the arrays go
    with them. Attributed values sum to ``total``; ``unaltered`` is the output with all objects there.
    """
    asked = asked_of(source, trajectory, step, edits, actions, layer, output)
    is_new = source.layer(layer) is None
    before = kept.features_mark(source.study, asked.layer)
    found = _ask(work.connection, "effects", asked, progress=work.progress, cancelled=work.cancelled)
    played = known.played if (known := kept.find(source.study, asked)) is not None else None
    answer = Kept(found.data, kept.as_json(found.told), played)
    if kept.features_stayed(before, kept.features_mark(source.study, asked.layer)):
        kept.keep(source.study, asked, answer)
    if is_new:
        work.refresh()
    return _effects(answer)


def _stored_play(source: StudySource, num_steps: int, seed: int, **params: Any) -> Answer | None:
    played = kept.find_played(source.study, asked_of(source, **params), num_steps, seed)
    return None if played is None else _played(played)


@request(needs_agent=True, stored=_stored_play)
def play_on(
    source: StudySource,
    work: Work,
    *,
    trajectory: int,
    step: int,
    edits: str,
    actions: str,
    num_steps: int,
    seed: int,
) -> Answer:
    """Let the agent play on in both worlds with the same luck; see `playing_on.play_on`. Seed -1: the rollout's own."""
    asked = asked_of(source, trajectory, step, edits, actions)
    callbacks = {"progress": work.progress, "cancelled": work.cancelled}
    return _played(played_on(source, work.connection, asked, num_steps, seed, **callbacks))


@request(needs_agent=True)
def branch(
    source: StudySource,
    work: Work,
    *,
    trajectory: int,
    step: int,
    edits: str,
    actions: str,
    num_branches: int,
    num_steps: int,
    seed: int,
) -> Answer:
    """Let the agent play on many times in both worlds, and count how many survive; see `playing_on.survive`."""
    asked = asked_of(source, trajectory, step, edits, actions)
    options = {"num_branches": num_branches, "num_steps": num_steps, "seed": max(seed, 0)}
    found = _ask(work.connection, "survive", asked, **options, progress=work.progress, cancelled=work.cancelled)
    return kept.as_json(found.told), _arrays(found.data, CURVES)


@request(needs_agent=True)
def large(source: StudySource, work: Work, *, trajectory: int, step: int, edits: str, actions: str) -> Answer:
    """Return smooth, large frames of a situation before and after its edits."""
    asked = asked_of(source, trajectory, step, edits, actions)
    frames = _method(work.connection, "large")(trajectory, step, edits=asked.edits, actions=asked.actions)
    return {}, {"large": xr.Variable(("version", "height", "width", "rgb"), frames)}


@request(slow=True)
def objects(source: StudySource, trajectory: int, step: int) -> Answer:
    """Return what lies in a recorded frame; needs Procgen, but no agent."""
    # by name, when first asked: views open where there is no world
    reentry = import_module("rlvision_widgets.analysis.reentry")
    frame_objects = import_module("rlvision_widgets.analysis.frame_objects")
    try:
        world = reentry.world_of(source.study)
    except ImportError as error:
        raise ValueError(str(error)) from None
    size = source.study.sizes["height"], source.study.sizes["width"]
    scene = frame_objects.scene_of(world, world.state(trajectory, step), size)
    told = {
        "objects": scene.rows,
        "camera": scene.camera,
        "classes": list(scene.classes),
        "colours": list(frame_objects.colours_of(scene.classes)),
    }
    pixels = ("height", "width")
    return told, {
        "instance": xr.Variable(pixels, scene.instance),
        "object_class": xr.Variable(pixels, scene.object_class),
    }


def _ask(connection: Any, method: str, asked: Asked, **options: Any) -> Any:
    """Ask the connected agent; raise Cancelled if that was cancelled."""
    about = {} if method in ("play_on", "survive") else {"layer": asked.layer, "output": asked.output}
    found = _method(connection, method)(
        asked.trajectory, asked.step, edits=asked.edits, actions=asked.actions, **about, **options
    )
    if found is None:
        raise Cancelled("cancelled")
    return found


def _method(connection: Any, name: str) -> Any:
    if connection is None:
        raise ValueError("this is not computed: computing it needs the notebook and the agent (agent= of the view)")
    if not hasattr(connection, name):
        raise ValueError("what this view is connected to cannot change worlds: pass agent= to it")
    return getattr(connection, name)


def _sight(source: StudySource, asked: Asked, answer: Kept) -> Answer:
    data = answer.data
    scales = shared_scales(source, asked, data)
    output_value = [finite(float(value)) for value in data["output_value"].values]
    told = {"key": kept.key_of(source.study, asked), "computed": True, **scales, "output_value": output_value}
    shown = {name: one for name, one in answer.told.items() if name not in ("recorded", "unlisted", "effects")}
    return {**shown, **told}, _arrays(data, SHOWN)


def shared_scales(source: StudySource, asked: Asked, data: xr.Dataset) -> dict[str, Any]:
    """Return the study's display scale and axis, or where it lacks the output those of these frames."""
    node = source.output(asked.layer, asked.output)
    if node is not None:
        shared = scales_of_the_study(source, asked.layer, asked.output, node)
        return {name: shared[name] for name in ("display_scale", "axis")}
    strongest = data["largest"].values[np.isfinite(data["largest"].values)]
    bars = np.concatenate([data["total"].values, data["residual_total"].values[:, None]], axis=1)
    fine = bars[np.isfinite(bars).all(axis=1)]
    return {"display_scale": float(strongest.max(initial=0)) or 1.0, "axis": robust_axis(fine)}


def _effects(answer: Kept) -> Answer:
    told = answer.told
    rows = [{**row, **effect} for row, effect in zip(told["objects"][1], told["effects"], strict=True)]
    rows += [{**row, "lost": None} for row in told["unlisted"][1]]
    columns = {
        name: np.array([np.nan if row[name] is None else row[name] for row in rows], np.float32)
        for name in ("attributed", "lost")
    }
    parts = [np.nan if part is None else part for part in told["class_attributed"][1].values()]
    unaltered = finite(float(answer.data["output_value"].values[1]))
    result = {"objects": rows, "total": finite(float(np.sum(parts))), "unaltered": unaltered}
    return result, {name: xr.Variable("object", column) for name, column in columns.items()}


def _played(data: xr.Dataset) -> Answer:
    """Return the paths; of an agent without a value also its logits, of which views then draw the curve."""
    logits = ["policy_logits"] if "policy_logits" in data and np.isnan(data["value"]).all() else []
    return json.loads(data.attrs["told"]), _arrays(data, [*PLAYED, *logits])


def _arrays(data: xr.Dataset, names: Iterable[str]) -> dict[str, xr.Variable]:
    """Return arrays in one order: a study that was saved and opened has them in another."""
    return {name: data.variables[name] for name in names}
