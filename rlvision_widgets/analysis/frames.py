"""Observations with any leading dims, worked on a batch at a time."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.agent import Agent

__all__ = ["Batch", "Frames", "collect", "coordinates", "leading", "numbered"]

Frames = xr.DataArray | npt.NDArray[np.uint8]
Batch = tuple[int, npt.NDArray[np.uint8]]
"""Frames, (frame, height, width, rgb), and the number of the first one, counted over the leading dims in C order."""


def leading(observations: Frames) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return names and sizes of the dims before height, width, rgb; raise ValueError for what are no frames."""
    if isinstance(observations, xr.DataArray):
        dims = tuple(map(str, observations.dims))
        if dims[-3:] != ("height", "width", "rgb"):
            raise ValueError(f"observations have dims {dims}; expected (..., 'height', 'width', 'rgb').")
    elif observations.ndim in (3, 4, 5):
        dims = ("trajectory", "step", "height", "width", "rgb")[5 - observations.ndim :]
    else:
        raise ValueError(f"observations have shape {observations.shape}; expected (..., height, width, rgb).")
    if not math.prod(observations.shape[:-3]):
        raise ValueError(f"no observations to attribute: their shape is {observations.shape}.")
    return dims[:-3], tuple(observations.shape[:-3])


def numbered(observations: Frames, batch_size: int) -> Iterator[Batch]:
    """Yield the frames in batches, the leading dims in C order, reading no more than a batch at a time."""
    start = 0
    for frames in _read(observations, leading(observations)[1], batch_size):
        yield start, frames
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
    if not isinstance(observations, xr.DataArray):
        return {}
    return {name: kept for name, kept in observations.coords.items() if set(kept.dims) <= set(dims)}


def _read(observations: Frames, shape: tuple[int, ...], batch_size: int) -> Iterator[npt.NDArray[np.uint8]]:
    if not shape:
        yield np.asarray(observations)[None]
        return
    pieces: list[npt.NDArray[np.uint8]] = []
    held = 0
    for row in np.ndindex(*shape[:-1]):
        start = 0
        while start < shape[-1]:
            stop = min(start + batch_size - held, shape[-1])
            pieces.append(np.asarray(observations[(*row, slice(start, stop))]))
            held += stop - start
            start = stop
            if held == batch_size:
                yield np.concatenate(pieces)
                pieces, held = [], 0
    if pieces:
        yield np.concatenate(pieces)
