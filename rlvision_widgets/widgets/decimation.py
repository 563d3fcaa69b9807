"""Fewer points for a chart that look the same: of every bin of steps its smallest and its largest."""

import numpy as np
import numpy.typing as npt

__all__ = ["MAX_POINTS", "bin_size", "min_max"]

MAX_POINTS = 2000  # bqplot redraws that many in a frame; at 50,000 a cursor takes a fifth of a second

Floats = npt.NDArray[np.floating]


def bin_size(num_steps: int) -> int:
    """Return how many steps share two points: 1 where every step has its own."""
    return 1 if num_steps <= MAX_POINTS else -(-num_steps // (MAX_POINTS // 2))


def min_max(values: Floats) -> tuple[Floats, Floats]:
    """Keep each bin's smallest and largest value, where they are.

    Parameters
    ----------
    values : ndarray, (series, step)
        NaN where there is none.

    Returns
    -------
    steps, values : ndarray, (series, point)
        At most `MAX_POINTS` points, in order of steps; without bins every step. A bin without a number stays empty.
    """
    series, num_steps = values.shape
    size = bin_size(num_steps)
    if size == 1:
        return np.broadcast_to(np.arange(num_steps, dtype=np.float64), values.shape), values
    bins = np.full((series, -(-num_steps // size), size), np.nan)
    bins.reshape(series, bins.shape[1] * size)[:, :num_steps] = values
    absent = np.isnan(bins)
    places = np.stack([np.where(absent, np.inf, bins).argmin(-1), np.where(absent, -np.inf, bins).argmax(-1)], axis=-1)
    places.sort(axis=-1)
    steps = places + size * np.arange(bins.shape[1])[:, np.newaxis]
    kept = np.take_along_axis(bins, places, axis=-1)
    return np.minimum(steps, num_steps - 1).reshape(series, kept.shape[1] * 2).astype(np.float64), kept.reshape(
        series, kept.shape[1] * 2
    )
