"""The arrays that a view can ask for, read from a study piece by piece.

`StudySource` knows no kernel and no browser: the live widget and the snapshot ask it the same questions. Requests
come from several threads (a notebook serves them beside the running cell), so nothing here is changed after
construction but a cache, whose entries are only ever replaced by equal ones. What can be asked for stands in
`widgets.answers`, one function a request; the functions below are what they share.
"""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import xarray as xr

from rlvision_widgets.names import unknown
from rlvision_widgets.schema import CHUNK, ROLLOUT, SchemaError, check
from rlvision_widgets.widgets.description import (
    Offers,
    action_names,
    are_computed,
    describe_layers,
    describe_outputs,
    describe_rollout,
    describe_stories,
    finite,
    layer_names,
    unpack_episodes,
    with_causes,
)
from rlvision_widgets.widgets.requests import Answer, Request, check_request
from rlvision_widgets.widgets.wire import EpisodeDescription, StudyDescription
from rlvision_widgets.widgets.world_description import describe_branches, describe_endings, describe_world

__all__ = ["SHORT", "StudySource", "is_long", "read", "steps_of"]

SHORT = 2048  # steps up to which a trajectory is shown without a preview

T = TypeVar("T")


class StudySource:
    """Answers a view's requests from a study.

    Parameters
    ----------
    study : DataTree
        In memory, or opened lazily: each request reads no more than it returns.
    connection : Connection, optional
        A connected agent, whose layers and outputs are offered besides the stored ones.

    Raises
    ------
    ValueError
        If the study has no step, or is none by the schema.
    """

    def __init__(self, study: xr.DataTree, connection: Offers | None = None) -> None:
        _check_study(study)
        self.study = study
        self.connection = connection
        self.num_trajectories: int = study.sizes["trajectory"]
        self.num_steps: int = study.sizes["step"]
        self.chunk = CHUNK
        self.num_chunks = -(-self.num_steps // CHUNK)
        self.action_names = action_names(study)
        self._rollout = describe_rollout(study)
        self.peers: tuple[StudySource, ...] = (self,)  # all sources of the view that this one belongs to
        self._kept: dict[Hashable, Any] = {}

    def describe(self) -> StudyDescription:
        """Describe the study as it is now."""
        layers = describe_layers(self.study, self.connection)
        outputs = describe_outputs(self.study, layers, self.connection)
        world, branches = describe_world(self.study), describe_branches(self.study)
        endings = describe_endings(self.study)
        return {
            **self._rollout,  # type: ignore[typeddict-item]
            "trajectories": with_causes(self._rollout["trajectories"], self.study),
            "layers": layers,
            "outputs": outputs,
            "stories": describe_stories(self.study),
            **({"endings": endings} if endings is not None else {}),
            **({"world": world} if world is not None else {}),
            **({"branches": branches} if branches else {}),
        }

    def episodes(self, trajectory: int) -> list[EpisodeDescription]:
        """Return the episodes of a trajectory, in order."""
        return unpack_episodes(self._rollout["trajectories"][trajectory])

    def answer(self, method: str, params: dict[str, Any]) -> Answer:
        """Answer a request for arrays.

        Parameters
        ----------
        method : str
            One of `requests.REQUESTS`; of those that need an agent, one whose answer the study holds.
        params : dict
            Its parameters.

        Returns
        -------
        dict, mapping of str to Variable
            Numbers and flags; arrays with their dims.

        Raises
        ------
        ValueError
            If the method or a parameter is unknown, missing, of a wrong type or out of range.
        """
        asked, checked = self.check(method, params)
        if not asked.needs_agent:
            return asked.answer(self, **checked)
        if asked.stored is not None and (kept := asked.stored(self, **checked)) is not None:
            return kept
        raise ValueError(f"{method} needs a view with an agent; a source only reads")

    def check(self, method: object, params: object) -> tuple[Request, dict[str, Any]]:
        """Return the request and its parameters if the study can have an answer; raise ValueError otherwise."""
        asked, checked = check_request(method, params)
        for key, size in (("trajectory", self.num_trajectories), ("chunk", self.num_chunks), ("step", self.num_steps)):
            if key in checked and not 0 <= checked[key] < size:
                raise ValueError(f"{asked.name}: {key} {checked[key]} is out of range; there are {size}, from 0")
        if "layer" in checked:
            layers = layer_names(self.study, self.connection)
            if checked["layer"] not in layers:
                raise ValueError(f"{asked.name}: " + unknown("layer", checked["layer"], layers))
        return asked, checked

    def cached(self, key: Hashable, make: Callable[[], T], *, keep: bool = True) -> T:
        """Return what is kept under `key`, or make it, and keep it if `keep` says that it will stay true."""
        if key in self._kept:
            kept: T = self._kept[key]
            return kept
        made = make()
        if keep:
            self._kept[key] = made
        return made

    def layer(self, name: str) -> xr.DataTree | None:
        """Return the node of a layer, or None when nothing of it is stored."""
        return _below(self.study, "layers", name)

    def output(self, layer: str, output: str) -> xr.DataTree | None:
        """Return the node of an output's attribution, or None when nothing of it is stored."""
        return _below(self.study, "layers", layer, "outputs", output)

    def is_computed(self, trajectory: int, layer: str, output: str, chunk: int) -> bool:
        """Tell whether a chunk of attribution is there."""
        node = self.output(layer, output)
        return node is not None and bool(are_computed(node, steps_of(trajectory, chunk)).all())

    def display_scale(self, layer: str, output: str) -> float:
        """Return the attribution that is drawn at full strength; 1 where nothing is computed, or all of it is zero."""
        node = self.output(layer, output)
        return (finite(node.attrs["display_scale"]) if node is not None else None) or 1.0


def read(node: xr.DataTree, names: tuple[str, ...], where: dict[str, Any]) -> dict[str, xr.Variable]:
    """Load those of the named arrays that the node has, at the places given."""
    data = node.dataset
    return {name: data.variables[name].isel(where, missing_dims="ignore").load() for name in names if name in data}


def steps_of(trajectory: int, chunk: int) -> dict[str, Any]:
    """Return where a chunk's steps are."""
    return {"trajectory": trajectory, "step": slice(chunk * CHUNK, (chunk + 1) * CHUNK)}


def is_long(source: StudySource) -> bool:
    """Tell whether reading a whole trajectory takes so long that it should not hold up other answers."""
    return source.num_steps > SHORT


def _below(tree: xr.DataTree, *names: str) -> xr.DataTree | None:
    for name in names:
        if name not in tree.children:
            return None
        tree = tree.children[name]
    return tree


def _check_study(study: xr.DataTree) -> None:
    if not isinstance(study, xr.DataTree):
        raise TypeError(f"expected a study (xarray.DataTree, as build_study makes it), got {type(study).__name__}")
    try:
        check(study.to_dataset(), ROLLOUT)
    except SchemaError as error:
        raise SchemaError(f"this tree cannot be shown; is it a study? {error}") from None
    if 0 in (study.sizes["trajectory"], study.sizes["step"]):
        raise ValueError("this study is empty: it has no step. Build it with num_trajectories and num_steps above 0.")
