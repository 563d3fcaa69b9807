"""Outcomes of levels as a Dataset over condition and level: from an evaluation, or from the file it writes."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import stats

from rlvision_widgets.analysis.conditions import ORIGINAL
from rlvision_widgets.analysis.levels import Outcome
from rlvision_widgets.analysis.outcomes_file import FORMAT, read_file
from rlvision_widgets.analysis.paired import wilson_interval
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["TEXTS", "mean_interval", "outcome_table", "read_outcomes"]

TEXTS = ("environment_options", "agent_edits", "world_edits")  # attrs that are JSON


@strict_keywords
def read_outcomes(path: str | os.PathLike[str], conditions: Sequence[str] | None = None) -> xr.Dataset:
    """Return what a file of `evaluate` holds, finished or not, without the agent or its worlds.

    Parameters
    ----------
    path : path
        Also one that is being written to just now.
    conditions : sequence of str, optional
        Of these alone; without it of all that have a level.

    Returns
    -------
    Dataset, (condition, level)
        As from `evaluate`, with the levels that are over in all of these conditions, by ascending level_seed.

    Raises
    ------
    FileNotFoundError, ValueError
        When there is no such file, or none that evaluate wrote, or no level is over in all of the conditions.
    """
    header, edits, outcomes = read_file(path)
    if conditions is None:
        conditions = [name for name in edits if outcomes[name]]
    for name in conditions:
        if name not in edits:
            raise ValueError(unknown(f"condition of {path}", name, edits))
    levels = set.intersection(*(set(outcomes[name]) for name in conditions)) if conditions else set()
    if not levels:
        raise ValueError(f"{path} has no level yet that is over in {' and '.join(map(repr, conditions)) or 'any'}.")
    question = {name: value for name, value in header.items() if name not in FORMAT}
    return outcome_table(question, {name: edits[name] for name in conditions}, outcomes, sorted(levels))


def outcome_table(
    question: Mapping[str, Any],
    conditions: Mapping[str, Mapping[str, Any]],
    outcomes: Mapping[str, Mapping[int, Outcome]],
    levels: Sequence[int],
) -> xr.Dataset:
    """Return outcomes as `evaluate` does; rate and interval are those of the first condition.

    Parameters
    ----------
    question : mapping
        What all conditions have in common.
    conditions : mapping
        The edits and world_edits of each.
    outcomes : mapping
        Of each condition by level seed.
    levels : sequence of int
    """
    rows = [[outcomes[name][level] for level in levels] for name in conditions]
    dims = "condition", "level"
    success = np.array([[outcome.success for outcome in row] for row in rows])
    earned = np.array([[outcome.earned for outcome in row] for row in rows], np.float32)
    successes, number = int(success[0].sum()), len(levels)
    succeeds = question.get("has_success", True)
    return xr.Dataset(
        {
            "success": (dims, success),
            "cause": (dims, np.array([[outcome.cause or "" for outcome in row] for row in rows], dtype=object)),
            "length": (dims, np.array([[outcome.length for outcome in row] for row in rows], np.int32)),
            "return": (dims, earned),
        },
        coords={
            "condition": np.array(list(conditions), dtype=object),  # names of any length, for zarr
            "level_seed": ("level", np.array(levels, np.int32)),
        },
        attrs={
            **question,
            **{name: json.dumps(question[name]) for name in TEXTS},
            "edits": _told(conditions, "edits", "world_edits"),
            "world": _told(conditions, "world_edits", "edits"),
            "success_rate": successes / number if succeeds else math.nan,
            "wilson_interval": list(wilson_interval(successes, number)) if succeeds else [math.nan, math.nan],
            "mean_return": float(earned[0].mean(dtype=float)),
            "return_interval": list(mean_interval(earned[0])),
        },
    )


def mean_interval(numbers: npt.ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Return an interval for a mean, given independent numbers; nan for a single one.

    Student's t: exact for normal numbers, and close for the returns of some dozens of episodes.
    """
    sample = np.asarray(numbers, float)
    if sample.size < 2:
        return math.nan, math.nan
    half = stats.t.ppf((1 + confidence) / 2, sample.size - 1) * sample.std(ddof=1) / math.sqrt(sample.size)
    return float(sample.mean() - half), float(sample.mean() + half)


def _told(conditions: Mapping[str, Mapping[str, Any]], what: str, other: str) -> str:
    """Return the JSON of one kind of edits by condition; a condition with no edit at all counts as an edited agent."""
    empty = what == "edits"
    return json.dumps(
        {
            name: edits[what]
            for name, edits in conditions.items()
            if edits[what] or (empty and name != ORIGINAL and not edits[other])
        }
    )
