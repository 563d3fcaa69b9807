"""What travels between a view and Python: the study's description, and arrays as bytes.

The shapes below are the one source for both sides: `js/generated/traits.d.ts` is generated from them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NotRequired, TypedDict

import numpy as np
import xarray as xr

__all__ = [
    "AlignmentChoice",
    "AlignmentDescription",
    "Arrays",
    "BookmarkDescription",
    "BranchesDescription",
    "EpisodeDescription",
    "EpisodesDescription",
    "FeatureDescription",
    "FrameDescription",
    "KeptEdits",
    "LayerDescription",
    "MemberDescription",
    "NoteDescription",
    "OutputDescription",
    "PairDescription",
    "StoredCounterfactual",
    "StoredEdit",
    "StoredOutputDescription",
    "StoryDescription",
    "StudyDescription",
    "TrackDescription",
    "TrajectoryDescription",
    "WorldDescription",
    "encode",
]

Arrays = Mapping[str, xr.Variable]  # named arrays with their dims


class FrameDescription(TypedDict):
    """Pixels of an observation."""

    height: int
    width: int


# In the functional form, because `return` is a keyword of Python.
EpisodeDescription = TypedDict(
    "EpisodeDescription",
    {
        "start": int,
        "stop": int,
        "level_seed": int,
        "return": float,
        "outcome": Literal["completed", "failed", "ended", "unfinished"],  # ended: a world without levels
        "cause": NotRequired[str],
    },
)
EpisodeDescription.__doc__ = "One episode; `stop` is exclusive, `return` is the sum of its raw rewards so far."


# Episodes as columns: a study of 800,000 steps has tens of thousands, and its state has to stay small.
EpisodesDescription = TypedDict(
    "EpisodesDescription",
    {
        "start": list[int],
        "level_seed": list[int],
        "return": list[float | None],  # None: not a finite number
        "outcome": str,  # the first letter of each episode's outcome
        "cause": NotRequired[list[str]],
    },
)
EpisodesDescription.__doc__ = "A trajectory's episodes as columns; each stops where the next one starts."


class TrajectoryDescription(TypedDict):
    """One environment's sequence of steps."""

    num_steps: int
    episodes: EpisodesDescription


class BookmarkDescription(TypedDict):
    """A step that went unexpectedly well or badly."""

    trajectory: int
    step: int
    advantage: float
    kind: Literal["high", "low"]


class FeatureDescription(TypedDict):
    """One direction of a layer."""

    name: str
    colour: str | None


class StoredOutputDescription(TypedDict):
    """An output whose attribution the study holds, wholly (`complete`) or in part."""

    name: str
    complete: bool
    tolerance: float | None


class LayerDescription(TypedDict):
    """A layer of the agent; without `features` nothing of it has been computed."""

    name: str
    channels: int
    height: int
    width: int
    features: list[FeatureDescription]
    quality: dict[str, float | None]
    outputs: list[StoredOutputDescription]


class OutputDescription(TypedDict):
    """An output that can be shown, or computed when an agent is connected."""

    name: str
    label: str


class NoteDescription(TypedDict):
    """A note of a story; `outputs` has none, one, or one a step, and None stands for what it does not say."""

    trajectory: int
    start: int
    stop: int
    text: str
    layer: str | None
    outputs: list[str]
    feature: int | None
    mode: Literal["attribution", "change"] | None
    combine: bool | None


class StoryDescription(TypedDict):
    """A story and its notes, in the order in which they are read."""

    name: str
    notes: list[NoteDescription]


class WorldDescription(TypedDict):
    """The classes of objects that the study's masks tell apart; none, and a `note` that says why, where it has none."""

    classes: list[str]
    colours: list[str]
    note: str


class BranchesDescription(TypedDict):
    """A fork: what was tried from one step on; `taken` steps and the `causes` of their ends are one a branch."""

    name: str
    trajectory: int
    step: int
    num_steps: int
    seed: int
    agent: str
    actions: str
    edits: list[str]
    taken: list[int]
    causes: list[str]
    completed: list[bool]
    note: str


class StudyDescription(TypedDict):
    """All that a view has to know of a study before it asks for arrays."""

    schema: int
    agent: str
    environment: str
    action_names: list[str]
    has_value: bool  # False: the agent has a policy alone
    value_scale: float | None
    observation: FrameDescription
    chunk: int
    seed: int | None
    trajectories: list[TrajectoryDescription]
    bookmarks: list[BookmarkDescription]
    layers: list[LayerDescription]
    outputs: list[OutputDescription]
    stories: list[StoryDescription]
    endings: NotRequired[str]  # why the last frames cannot be asked for; empty: they can
    world: NotRequired[WorldDescription]
    branches: NotRequired[list[BranchesDescription]]


class StoredCounterfactual(TypedDict):
    """A counterfactual that the study keeps: what was asked, what was done in words, and which requests it answers."""

    trajectory: int
    step: int
    edits: str
    actions: str
    layer: str
    output: str
    label: str
    has: list[str]


class KeptEdits(TypedDict):
    """Edits of the agent that the study keeps under a name: entries of a view's list, and each in words."""

    name: str
    note: str
    edits: list[dict[str, object]]
    described: list[str]


class StoredEdit(TypedDict):
    """What the study keeps of an edited agent at a step; a race has [num_steps, seed], a measurement [levels, seed]."""

    trajectory: int
    step: int
    edits: str
    layer: str
    output: str
    label: str
    has: list[str]
    race: list[int]
    measure: list[int]


class MemberDescription(TypedDict):
    """One of the trajectories that are compared: `study` counts the view's studies."""

    study: int
    trajectory: int


class AlignmentChoice(TypedDict):
    """Something that members can be aligned at, and how many of them have it."""

    name: str
    label: str
    members: int


class TrackDescription(TypedDict):
    """A member's steps from `start` to `stop` (exclusive) on the shared time: its step is the shared one + `offset`."""

    start: int
    stop: int
    offset: int


class PairDescription(TypedDict):
    """Where two members part: shared steps, null while frames or actions never differ (or have different sizes)."""

    members: list[int]
    overlap: int
    comparable: bool
    observation: int | None
    action: int | None


class AlignmentDescription(TypedDict):
    """Members on one shared time; the reply to the request `alignment`."""

    name: str
    label: str
    tracks: list[TrackDescription | None]
    num_steps: int
    zero: int
    pairs: list[PairDescription]


def encode(
    arrays: Arrays, encoding: Literal["raw", "zlib", "gzip"], compress: Callable[[memoryview], bytes]
) -> tuple[list[dict[str, Any]], list[bytes]]:
    """Describe arrays, and turn them into compressed bytes in the same order.

    Parameters
    ----------
    arrays : mapping of str to Variable
        Of uint8, int8, int32, float32 or bool; bytes go out little-endian and in C order, bool as uint8.
    encoding : str
        What the receiver has to undo.
    compress : callable
        From the bytes of one array to what is sent.
    """
    specs, buffers = [], []
    for name, array in arrays.items():
        values = np.ascontiguousarray(array.values)
        if values.dtype == np.bool_:
            values = values.view(np.uint8)
        if values.dtype.name not in {"uint8", "int8", "int32", "float32"}:
            raise TypeError(f"{name}: {values.dtype} does not travel; expected uint8, int8, int32, float32 or bool")
        shape, dims = list(array.shape), [str(dim) for dim in array.dims]
        specs.append({"name": name, "dtype": values.dtype.name, "shape": shape, "dims": dims, "encoding": encoding})
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)
        buffers.append(compress(little.reshape(-1).view(np.uint8).data))
    return specs, buffers
