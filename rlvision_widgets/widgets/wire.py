"""What travels between a view and Python: the study's description, the requests, and arrays as bytes.

The shapes below are the one source for both sides: `js/generated/traits.d.ts` is generated from them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NotRequired, TypedDict

import numpy as np
import xarray as xr

from rlvision_widgets.names import unknown

__all__ = [
    "REQUESTS",
    "Arrays",
    "BookmarkDescription",
    "EpisodeDescription",
    "FeatureDescription",
    "FrameDescription",
    "LayerDescription",
    "OutputDescription",
    "StoredOutputDescription",
    "StudyDescription",
    "TrajectoryDescription",
    "check_request",
    "encode",
]

Arrays = Mapping[str, xr.Variable]  # named arrays with their dims

REQUESTS: dict[str, dict[str, type]] = {  # method → its parameters
    "curves": {"trajectory": int},
    "strip": {"trajectory": int},
    "preview": {"trajectory": int},
    "observations": {"trajectory": int, "chunk": int},
    "attribution": {"trajectory": int, "layer": str, "output": str, "chunk": int},
    "totals": {"trajectory": int, "layer": str, "output": str},
    "examples": {"layer": str},
    "bundle": {"name": str},
    "compute": {"trajectory": int, "layer": str, "output": str, "step": int},
}


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


class TrajectoryDescription(TypedDict):
    """One environment's sequence of steps."""

    num_steps: int
    episodes: list[EpisodeDescription]


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


class StudyDescription(TypedDict):
    """All that a view has to know of a study before it asks for arrays."""

    schema: int
    agent: str
    environment: str
    action_names: list[str]
    value_scale: float | None
    observation: FrameDescription
    chunk: int
    seed: int | None
    trajectories: list[TrajectoryDescription]
    bookmarks: list[BookmarkDescription]
    layers: list[LayerDescription]
    outputs: list[OutputDescription]


def check_request(method: object, params: object) -> tuple[str, dict[str, Any]]:
    """Check that a request names a method and has its parameters, each of its type.

    Raises
    ------
    ValueError
        Naming what is unknown, missing or of a wrong type.
    """
    if not isinstance(method, str) or method not in REQUESTS:
        raise ValueError(unknown("request", method, REQUESTS))
    expected = REQUESTS[method]
    if not isinstance(params, Mapping):
        raise ValueError(f"{method}: expected parameters by name, got {params!r}")
    for name in params:
        if name not in expected:
            raise ValueError(f"{method}: " + unknown("parameter", name, expected))
    for name, kind in expected.items():
        if name not in params:
            raise ValueError(f"{method}: the parameter {name!r} is missing")
        if type(params[name]) is not kind:  # not isinstance: True is no step
            raise ValueError(f"{method}: {name} must be {kind.__name__}, got {params[name]!r}")
    return method, dict(params)


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
