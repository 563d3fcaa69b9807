"""What a view has to know of a study before it asks for arrays: sizes, episodes, bookmarks, layers, outputs."""

import contextlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.moments import bookmarks, causes, episodes
from rlvision_widgets.notes import Note, outputs_of
from rlvision_widgets.schema import CHUNK, INPUT_LAYER, SCHEMA_VERSION, Output, SchemaError
from rlvision_widgets.stories import read_story, story_names
from rlvision_widgets.widgets.wire import (
    BookmarkDescription,
    EpisodeDescription,
    LayerDescription,
    NoteDescription,
    OutputDescription,
    StoredOutputDescription,
    StoryDescription,
    TrajectoryDescription,
)

__all__ = [
    "Offers",
    "action_names",
    "are_computed",
    "describe_layers",
    "describe_outputs",
    "describe_rollout",
    "describe_stories",
    "is_complete",
    "layer_names",
    "unpack_episodes",
    "with_causes",
]

_QUALITY = ("r_squared", "residual_share", "residual_share_totals", "num_rows", "seed_stability")
_OUTCOMES: dict[str, Literal["completed", "failed", "ended", "unfinished"]] = {
    "c": "completed",
    "f": "failed",
    "e": "ended",
    "u": "unfinished",
}
_LABELS = {
    "value": "value",
    "logit": "logit of {}",
    "centred": "centred logit of {}",
    "log_prob": "log-probability of {}",
    "difference": "{}",
    "sum": "sum of logits of {}",
}


class Offers(Protocol):
    """What a connected agent offers to compute (`study.Connection` does)."""

    @property
    def layers(self) -> Iterable[dict[str, Any]]:
        """Every layer as name, channels, height and width."""

    @property
    def outputs(self) -> Iterable[str]:
        """The names of its outputs."""


def describe_rollout(study: xr.DataTree) -> dict[str, Any]:
    """Describe what never changes while a study is open: not layers, outputs and causes (`with_causes`)."""
    attrs, sizes = study.attrs, study.sizes
    return {
        "schema": SCHEMA_VERSION,
        "agent": str(attrs["agent"]),
        "environment": str(attrs["environment"]),
        "action_names": action_names(study),
        "has_value": "value" in study.dataset.variables,
        "value_scale": finite(attrs["value_scale"]),
        "observation": {"height": sizes["height"], "width": sizes["width"]},
        "chunk": CHUNK,
        "seed": None if attrs["seed"] is None else int(attrs["seed"]),
        "trajectories": _trajectories(study),
        "bookmarks": _bookmarks(study),
    }


def describe_layers(study: xr.DataTree, offers: Offers | None) -> list[LayerDescription]:
    """Describe the agent's layers, or the stored ones without an agent, in the network's order."""
    stored = _stored_layers(study)
    known = {layer["name"]: layer for layer in offers.layers} if offers is not None else {}
    described: list[LayerDescription] = []
    for name in layer_names(study, offers):
        if name in stored:
            described.append(_stored_layer(name, stored[name]))
        else:
            size = known[name]
            described.append(
                {
                    "name": name,
                    "channels": int(size["channels"]),
                    "height": int(size["height"]),
                    "width": int(size["width"]),
                    "features": [],
                    "quality": {},
                    "outputs": [],
                }
            )
    return described


def unpack_episodes(described: TrajectoryDescription) -> list[EpisodeDescription]:
    """Return a trajectory's episodes one by one."""
    columns = described["episodes"]
    stops = [*columns["start"][1:], described["num_steps"]]
    rows = zip(columns["start"], stops, columns["level_seed"], columns["return"], columns["outcome"], strict=True)
    return [
        {
            "start": start,
            "stop": stop,
            "level_seed": seed,
            "return": math.nan if earned is None else earned,
            "outcome": _OUTCOMES[outcome],
        }
        for start, stop, seed, earned, outcome in rows
    ]


def with_causes(trajectories: list[TrajectoryDescription], study: xr.DataTree) -> list[TrajectoryDescription]:
    """Add what ended each episode, where the study says it."""
    known = causes(study)
    if not known:
        return trajectories
    described: list[TrajectoryDescription] = []
    for index, trajectory in enumerate(trajectories):
        columns, num_steps = trajectory["episodes"], trajectory["num_steps"]
        found = [known.get((index, stop - 1), "") for stop in [*columns["start"][1:], num_steps]]
        described.append({"num_steps": num_steps, "episodes": {**columns, "cause": found}})
    return described


def layer_names(study: xr.DataTree, offers: Offers | None) -> list[str]:
    """Return the names of the layers that are described, without reading anything; the observation comes first."""
    known = [str(layer["name"]) for layer in offers.layers] if offers is not None else []
    names = dict.fromkeys([*known, *_stored_layers(study)])
    return sorted(names, key=lambda name: name != INPUT_LAYER)  # otherwise in the network's order


def describe_outputs(
    study: xr.DataTree, layers: list[LayerDescription], offers: Offers | None
) -> list[OutputDescription]:
    """Describe the outputs that can be shown: those offered, then stored ones besides."""
    names = list(offers.outputs) if offers is not None else []
    names += [output["name"] for layer in layers for output in layer["outputs"]]
    return [{"name": name, "label": _label(name, action_names(study))} for name in dict.fromkeys(names)]


def describe_stories(study: xr.DataTree) -> list[StoryDescription]:
    """Describe the stories and their notes; a node that is no story is left out."""
    described: list[StoryDescription] = []
    for name in story_names(study):
        with contextlib.suppress(SchemaError):
            described.append({"name": name, "notes": [_note(note) for note in read_story(study, name)]})
    return described


def is_complete(output: xr.DataTree) -> bool:
    """Tell whether every step of every trajectory has its attribution."""
    return bool(are_computed(output).all())


def are_computed(output: xr.DataTree, where: Mapping[str, Any] | None = None) -> npt.NDArray[np.bool_]:
    """Tell of steps whether their attribution is computed.

    A step without points is not. One whose numbers are not finite (a broken network) is, and stays so.
    """
    data = output.dataset.variables
    error, points = (data[name].isel(where or {}).values for name in ("completeness_error", "num_points"))
    computed: npt.NDArray[np.bool_] = np.isfinite(error) | (points > 0)
    return computed


def action_names(study: xr.DataTree) -> list[str]:
    """Return the actions' names, in the order of the logits."""
    names = study.attrs["action_names"]
    return [str(name) for name in (json.loads(names) if isinstance(names, str) else names)]


def finite(number: object) -> float | None:
    """Return a number that JSON can hold: None for NaN, infinities and None."""
    return float(number) if isinstance(number, int | float | np.number) and math.isfinite(number) else None


def _stored_layers(study: xr.DataTree) -> Mapping[str, xr.DataTree]:
    return study["layers"].children if "layers" in study.children else {}


def _trajectories(study: xr.DataTree) -> list[TrajectoryDescription]:
    table = episodes(study)
    return [
        {
            "num_steps": study.sizes["step"],
            "episodes": {
                "start": rows["start"].tolist(),
                "level_seed": rows["level_seed"].tolist(),
                "return": [_short(number) for number in rows["return"]],
                "outcome": "".join(outcome[0] for outcome in rows["outcome"]),
            },
        }
        for _, rows in table.groupby("trajectory", sort=True)
    ]


def _short(number: float) -> float | None:
    """Return a number for JSON, a whole one as int, which is shorter."""
    return int(number) if float(number).is_integer() else finite(number)


def _bookmarks(study: xr.DataTree) -> list[BookmarkDescription]:
    return [
        {
            "trajectory": int(row["trajectory"]),
            "step": int(row["step"]),
            "advantage": float(row["advantage"]),
            "kind": row["kind"],
        }
        for row in bookmarks(study).to_dict("records")
    ]


def _stored_layer(name: str, node: xr.DataTree) -> LayerDescription:
    data = node.dataset
    names, colours = data["feature_name"].values, data["colour"].values
    return {
        "name": name,
        "channels": node.sizes["channel"],
        "height": int(node.attrs["layer_height"]),
        "width": int(node.attrs["layer_width"]),
        "features": [{"name": str(n), "colour": str(c) or None} for n, c in zip(names, colours, strict=True)],
        "quality": {key: finite(node.attrs[key]) for key in _QUALITY if key in node.attrs},
        "outputs": [
            _stored_output(str(output), below)
            for output, below in (node["outputs"].children.items() if "outputs" in node.children else ())
        ],
    }


def _stored_output(name: str, node: xr.DataTree) -> StoredOutputDescription:
    return {"name": name, "complete": is_complete(node), "tolerance": finite(node.attrs.get("tolerance"))}


def _note(note: Note) -> NoteDescription:
    return {
        "trajectory": note.trajectory or 0,
        "start": note.start,
        "stop": note.stop,
        "text": note.text,
        "layer": note.layer,
        "outputs": outputs_of(note),
        "feature": note.feature if isinstance(note.feature, int) else None,
        "mode": note.mode,
        "combine": note.combine,
    }


def _label(name: str, actions: list[str]) -> str:
    output = Output.parse(name, actions)
    joined = (" minus " if output.kind == "difference" else ", ").join(actions[action] for action in output.actions)
    return _LABELS[output.kind].format(joined)
