"""How blind an edit makes an agent, on the way from the original to an object that cannot be seen."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.cause_table import ORIGINAL
from rlvision_widgets.analysis.paired import mcnemar
from rlvision_widgets.names import unknown

__all__ = ["Blindness", "blindness", "ceiling_table", "ceilings_of", "hidden_object"]


class Blindness(NamedTuple):
    """How far an edit goes from the original (0) to not seeing at all (1), with its bootstrap interval.

    `p_ceiling` is McNemar's exact p of the ceiling against the original: without a difference there is no such way.
    """

    estimate: float
    low: float
    high: float
    p_ceiling: float


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
        Of the percentile bootstrap over levels, which keeps the three outcomes of a level together; and of the ceiling
        being above the original.
    num_resamples, seed : int

    Returns
    -------
    Blindness
        All but p_ceiling NaN where the ceiling is not shown to be above the original (p_ceiling below 1 - confidence):
        there is nothing to be blind to. A resample in which it is not counts as beyond either bound, so that a bound
        is NaN where there are too many of them.
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
    p = mcnemar(int((outcomes[2] & ~outcomes[0]).sum()), int((outcomes[0] & ~outcomes[2]).sum()))
    index = _index(patterns[None])[0]
    if np.isnan(index) or p >= 1 - confidence:
        return Blindness(np.nan, np.nan, np.nan, p)
    resampled, tail = _index(drawn), (1 - confidence) / 2
    with np.errstate(invalid="ignore"):  # between two infinities there is no bound: NaN
        low, high = (
            float(np.quantile(np.nan_to_num(resampled, nan=beyond), place))
            for beyond, place in ((-np.inf, tail), (np.inf, 1 - tail))
        )
    return Blindness(float(index), low, high, p)


def hidden_object(cause: str) -> str:
    """Return the object class that has to be hidden for a cause to be unseen: an enemy, whichever way it walks."""
    return re.sub(r" moving (left|right)$", "", cause)


def ceilings_of(
    main: xr.Dataset, kinds: Mapping[str, str], targets: Mapping[str, str], ceiling: Mapping[str, str] | None
) -> dict[str, str]:
    """Return the condition in which each edit's target cannot be seen, where there is one."""
    if ceiling is not None:
        for edit, condition in ceiling.items():
            if edit not in targets:
                raise ValueError(unknown("edit with a target", edit, targets))
            if condition not in kinds:
                raise ValueError(unknown("condition", condition, kinds))
        return dict(ceiling)
    worlds = json.loads(main.attrs.get("world", "{}"))
    hidden = {_hidden(edits): name for name, edits in worlds.items() if kinds.get(name) == "world"}
    return {edit: hidden[what] for edit, cause in targets.items() if (what := hidden_object(cause)) in hidden}


def ceiling_table(
    failed: xr.DataArray, targets: Mapping[str, str], ceilings: Mapping[str, str], settings: Mapping[str, Any]
) -> xr.Dataset:
    """Compare edits with their ceilings, (edit): the three rates, and what `blindness` says."""
    rows = []
    for edit, condition in ceilings.items():
        outcomes = [failed.sel(condition=name, cause=targets[edit]).values for name in (ORIGINAL, edit, condition)]
        rows.append([*(outcome.mean() for outcome in outcomes), *blindness(*outcomes, **settings)])
    names = (
        *("rate_original", "rate_edited", "rate_ceiling"),
        *("blindness", "blindness_low", "blindness_high", "p_ceiling"),
    )
    columns = np.array(rows, float).T
    return xr.Dataset(
        {name: ("edit", column) for name, column in zip(names, columns, strict=True)},
        coords={
            "edit": np.array(list(ceilings), object),
            "target": ("edit", np.array([targets[edit] for edit in ceilings], object)),
            "ceiling": ("edit", np.array(list(ceilings.values()), object)),
        },
        attrs={"num_levels": failed.sizes["level"], "num_resamples": settings["num_resamples"]},
    )


def _index(patterns: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the blindness index of each row of counts, (row, pattern)."""
    bits = (np.arange(8)[:, None] >> np.arange(3)) & 1
    original, edited, ceiling = (patterns @ bits).T.astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(ceiling > original, (edited - original) / (ceiling - original), np.nan)


def _hidden(edits: Sequence[Mapping[str, Any]]) -> str:
    """Return what a world hides everywhere; nothing if it does something else as well."""
    alone = len(edits) == 1 and edits[0].get("kind") == "hide" and edits[0].get("at") is None
    return str(edits[0]["what"]) if alone else ""
