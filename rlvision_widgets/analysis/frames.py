"""Observations with any leading dims, worked on a batch at a time; those of a recurrent agent bring its memory.

A Dataset of frames has the variable observation and, for a recurrent agent, what it carried when it saw each of them:
memory_first (...), and the rows of its state memory_0, memory_1, ... (see `remembering`).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.memory import Remembered

__all__ = [
    "MEMORY",
    "Batch",
    "Frames",
    "Seen",
    "as_dataset",
    "collect",
    "coordinates",
    "frame_shape",
    "joined",
    "leading",
    "numbered",
    "read",
    "seen_by",
]

MEMORY = "memory_"
FRAME = ("height", "width", "rgb")

Frames = xr.DataArray | xr.Dataset | npt.NDArray[np.uint8] | Remembered
Seen = npt.NDArray[np.uint8] | Remembered
"""Frames as an agent takes them."""


class Batch(NamedTuple):
    """Some of the frames, in the C order of the leading dims."""

    start: int
    """The number of the first one."""
    frames: Seen
    """(frame, height, width, rgb)"""


def leading(observations: Frames) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return names and sizes of the dims before height, width, rgb; raise ValueError for what are no frames."""
    if isinstance(observations, xr.Dataset) and "observation" not in observations:
        raise ValueError(
            f"a Dataset of frames has the variable observation; this has {', '.join(map(str, observations))}."
        )
    pixels = _pixels(observations)
    if isinstance(pixels, xr.DataArray):
        dims = tuple(map(str, pixels.dims))
        if dims[-3:] != FRAME:
            raise ValueError(f"observations have dims {dims}; expected (..., 'height', 'width', 'rgb').")
    elif len(pixels.shape) in (3, 4, 5):
        dims = ("trajectory", "step", *FRAME)[5 - len(pixels.shape) :]
    else:
        raise ValueError(f"observations have shape {pixels.shape}; expected (..., height, width, rgb).")
    if not math.prod(pixels.shape[:-3]):
        raise ValueError(f"no observations to attribute: their shape is {pixels.shape}.")
    return dims[:-3], tuple(pixels.shape[:-3])


def frame_shape(observations: Frames) -> tuple[int, ...]:
    """Return (height, width, rgb)."""
    return tuple(_pixels(observations).shape[-3:])


def seen_by(agent: Agent, observations: Frames) -> Frames:
    """Return the observations; raise ValueError when a recurrent agent's memory is not among them."""
    remembers = isinstance(observations, Remembered) or (
        isinstance(observations, xr.Dataset) and f"{MEMORY}first" in observations
    )
    if agent.recurrent and not remembers:
        raise ValueError(
            f"agent {agent.name!r} is recurrent: what it makes of a frame depends on those before. Pass frames with "
            "its memory, frames = rlv.remember(agent, study), and select from these (frames.isel(trajectory=0)); or "
            "rlv.remember(agent, observations, alone=True), which takes each frame for an episode's first."
        )
    return observations


def numbered(observations: Frames, batch_size: int) -> Iterator[Batch]:
    """Yield the frames in batches, the leading dims in C order, reading no more than a batch at a time."""
    start = 0
    for frames in _read(observations, leading(observations)[1], batch_size):
        yield Batch(start, frames)
        start += len(frames)


def collect(
    agent: Agent,
    explain: Callable[[Batch], tuple[npt.NDArray[Any], ...]],
    observations: Frames,
    batch_size: int,
) -> tuple[npt.NDArray[Any], ...]:
    """Return what `explain` says of every batch, each array (..., what it says of a frame) with the leading dims."""
    _, shape = leading(observations)
    arrays: tuple[npt.NDArray[Any], ...] = ()
    start = 0
    for batch in agent.over_batches(explain, numbered(observations, batch_size)):
        if not arrays:
            arrays = tuple(np.empty((math.prod(shape), *part.shape[1:]), part.dtype) for part in batch)
        for array, part in zip(arrays, batch, strict=True):
            array[start : start + len(part)] = part
        start += len(batch[0])
    return tuple(array.reshape((*shape, *array.shape[1:])) for array in arrays)


def coordinates(observations: Frames, dims: tuple[str, ...]) -> dict[Any, Any]:
    """Return the coordinates that lie along the leading dims alone (level_seed, episode, …)."""
    if not isinstance(observations, xr.DataArray | xr.Dataset):
        return {}
    return {name: kept for name, kept in observations.coords.items() if set(kept.dims) <= set(dims)}


def read(observations: Frames) -> Seen:
    """Return frames as an agent takes them, in memory."""
    if isinstance(observations, xr.Dataset):
        dims, _ = leading(observations)
        first = observations.get(f"{MEMORY}first")
        if first is None:
            return np.asarray(observations["observation"])
        names = sorted((name for name in map(str, observations) if _is_row(name)), key=_number)
        rows = tuple(observations[name].transpose(*dims, ...).values for name in names)
        return Remembered(observations["observation"].values, first.transpose(*dims).values, rows)
    return observations if isinstance(observations, Remembered) else np.asarray(observations)


def as_dataset(seen: Remembered, dims: tuple[str, ...], coords: Mapping[Any, Any] | None = None) -> xr.Dataset:
    """Return frames that remember as a Dataset; the opposite of `read`."""
    rows = {
        f"{MEMORY}{number}": ((*dims, *(f"{MEMORY}{number}_{axis}" for axis in range(row.ndim - len(dims)))), row)
        for number, row in enumerate(seen.rows)
    }
    frames = {"observation": ((*dims, *FRAME), seen.frames), f"{MEMORY}first": (dims, seen.first)}
    return xr.Dataset({**frames, **rows}, coords)


def _is_row(name: str) -> bool:
    return name.startswith(MEMORY) and name.removeprefix(MEMORY).isdecimal()


def _number(name: str) -> int:
    return int(name.removeprefix(MEMORY))


def _pixels(observations: Frames) -> Any:
    return observations["observation"] if isinstance(observations, xr.Dataset) else observations


def _taken(observations: Frames, where: tuple[int | slice, ...]) -> Seen:
    if isinstance(observations, xr.Dataset):
        dims, _ = leading(observations)
        return read(observations.isel(dict(zip(dims, where, strict=True))))
    return read(observations[where])


def joined(pieces: Sequence[Seen]) -> Seen:
    """Return the frames of all pieces, one after another."""
    kept = [piece for piece in pieces if isinstance(piece, Remembered)]
    return Remembered.joined(kept) if kept else np.concatenate([np.asarray(piece) for piece in pieces])


def _read(observations: Frames, shape: tuple[int, ...], batch_size: int) -> Iterator[Seen]:
    if not shape:
        one = read(observations)
        yield one[np.newaxis]
        return
    pieces: list[Seen] = []
    held = 0
    for row in np.ndindex(*shape[:-1]):
        start = 0
        while start < shape[-1]:
            stop = min(start + batch_size - held, shape[-1])
            pieces.append(_taken(observations, (*row, slice(start, stop))))
            held += stop - start
            start = stop
            if held == batch_size:
                yield joined(pieces)
                pieces, held = [], 0
    if pieces:
        yield joined(pieces)
