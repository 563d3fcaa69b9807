"""How blind an edit makes an agent, on the way from the original to an object that cannot be seen."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Blindness", "blindness"]


class Blindness(NamedTuple):
    """How far an edit goes from the original (0) to not seeing at all (1), with its bootstrap interval."""

    estimate: float
    low: float
    high: float


def blindness(
    original: npt.NDArray[np.bool_],
    edited: npt.NDArray[np.bool_],
    ceiling: npt.NDArray[np.bool_],
    *,
    confidence: float = 0.95,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> Blindness:
    """Return how blind an edit makes: (edited - original) / (ceiling - original), rates of failure by one cause.

    Parameters
    ----------
    original, edited, ceiling : bool array, (level,)
        Whether each level failed by that cause: as it is, after the edit, and where the object cannot be seen.
    confidence : float
        Of the percentile bootstrap over levels, which keeps the three outcomes of a level together.
    num_resamples, seed : int

    Returns
    -------
    Blindness
        All NaN where the ceiling is not above the original; bounds NaN where that is so in a resample.
    """
    outcomes = [np.asarray(outcome, bool) for outcome in (original, edited, ceiling)]
    if len({outcome.shape for outcome in outcomes}) != 1 or outcomes[0].ndim != 1 or not len(outcomes[0]):
        raise ValueError(
            f"blindness compares the same levels three times, and {[o.shape for o in outcomes]} came: give three "
            "arrays (level,) of one length, at least 1."
        )
    number = len(outcomes[0])
    # levels of one pattern of outcomes are alike, so that resampling counts of the eight patterns resamples levels
    patterns = np.bincount(outcomes[0] + 2 * outcomes[1] + 4 * outcomes[2], minlength=8)
    drawn = np.random.default_rng(seed).multinomial(number, patterns / number, size=num_resamples)
    index = _index(patterns[None])[0]
    resampled = _index(drawn)
    tail = (1 - confidence) / 2
    low, high = (np.nan, np.nan) if np.isnan(index) else np.quantile(resampled, [tail, 1 - tail])
    return Blindness(float(index), float(low), float(high))


def _index(patterns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the blindness index of each row of counts, (row, pattern)."""
    bits = (np.arange(8)[:, None] >> np.arange(3)) & 1
    original, edited, ceiling = (patterns @ bits).T.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(ceiling > original, (edited - original) / (ceiling - original), np.nan)
