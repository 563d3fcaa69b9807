"""An edit against its controls: edits of matched norm that mean nothing, and the same edit at other strengths."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from rlvision_widgets.analysis.cause_table import ORIGINAL, changes, failures, rates
from rlvision_widgets.analysis.paired import tango_interval

__all__ = ["against_controls", "by_strength"]

KINDS = ("channel", "direction")
CONTROL = ("null_of", "norm", "norm_ratio", "cosine")


def against_controls(played: xr.Dataset, main: xr.Dataset, targets: Mapping[str, str]) -> xr.Dataset:
    """Say how often edits of matched norm do what the edits do.

    Parameters
    ----------
    played : Dataset, (condition, level)
        The original and the controls; coordinates kind, null_of, norm, norm_ratio and cosine (condition).
    main : Dataset, (condition, level)
        Of the edits, on the same levels and more.
    targets : mapping of str
        The target of each edit that has one.

    Returns
    -------
    Dataset
        count, rate, b, c, p, difference (null, cause); edit_difference (edit, cause), that of the edit on those
        levels; percentile (0 to 100) and p_null (edit, null_kind, cause), its place among its controls: p_null is
        (1 + those that change as much or more) / (1 + all), one-sided.
    """
    edits = list(dict.fromkeys(str(name) for name in played["null_of"].values if name))
    same = main.set_index(level="level_seed").sel(level=played["level_seed"].values, condition=[ORIGINAL, *edits])
    both = xr.concat(
        [
            outcomes[["success", "cause"] if "cause" in main else ["success"]].drop_vars(
                [name for name in outcomes.coords if name != "condition"]
            )
            for outcomes in (same, played.drop_sel(condition=ORIGINAL))
        ],
        "condition",
    )
    failed = failures(both, targets.values())
    table = xr.merge([rates(failed)[["count", "rate"]], changes(failed, failed.sel(condition=ORIGINAL))])
    controls = played.drop_sel(condition=ORIGINAL)
    null = table.sel(condition=controls["condition"].values).rename(condition="null")
    null = null.assign_coords({name: ("null", controls[name].values) for name in ("kind", *CONTROL)})
    own = table["difference"].sel(condition=edits).rename(condition="edit")
    place = [[_place(own.sel(edit=edit), null, edit, kind) for kind in KINDS] for edit in edits]
    dims = ("edit", "null_kind", "cause")
    return (
        null.assign(
            edit_difference=own,
            percentile=(dims, np.array([[at for at, _ in row] for row in place])),
            p_null=(dims, np.array([[p for _, p in row] for row in place])),
        )
        .assign_coords(null_kind=list(KINDS))
        .assign_attrs(num_levels=played.sizes["level"])
    )


def by_strength(played: xr.Dataset, targets: Mapping[str, str], confidence: float = 0.95) -> xr.Dataset:
    """Say how failures grow with an edit's strength.

    Parameters
    ----------
    played : Dataset, (condition, level)
        The original, and edits at strengths; coordinates dose_of and strength (condition).
    targets : mapping of str
        The target of each edit that has one.
    confidence : float
        Of the intervals.

    Returns
    -------
    Dataset, (edit, strength, cause)
        count, rate and its interval, b, c, p, difference and its interval; monotone (edit, cause), whether the rate
        never falls as the strength grows, and largest_drop, by how much it falls most; sham_identical (edit), whether
        strength 0 left success, cause, length and return of every level as they were.
    """
    failed = failures(played, targets.values())
    table = xr.merge([rates(failed, confidence), changes(failed, failed.sel(condition=ORIGINAL))])
    number = failed.sizes["level"]
    ends = np.array(
        [
            [tango_interval(int(b), int(c), number, confidence) for b, c in zip(*row, strict=True)]
            for row in zip(table["b"].values, table["c"].values, strict=True)
        ]
    )
    table["difference_low"], table["difference_high"] = ((("condition", "cause"), ends[..., k]) for k in range(2))
    edits = list(dict.fromkeys(str(name) for name in played["dose_of"].values if name))
    grown = xr.concat([_of_one(table, played, edit) for edit in edits], "edit").assign_coords(edit=edits)
    steps = grown["rate"].diff("strength") if grown.sizes["strength"] > 1 else xr.zeros_like(grown["rate"])
    drop = (-steps).clip(min=0).max("strength")
    same = [_identical(played, edit) for edit in edits]
    return grown.assign(
        monotone=drop == 0, largest_drop=drop, sham_identical=("edit", np.array(same, bool))
    ).assign_attrs(num_levels=number)


def _place(own: xr.DataArray, null: xr.Dataset, edit: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return an edit's percentile among its controls of a kind, and how likely one of them does as much; by cause."""
    mine = (null["null_of"] == edit) & (null["kind"] == kind)
    others = null["difference"].values[mine.values]
    if not len(others):
        return np.full(own.shape, np.nan), np.full(own.shape, np.nan)
    below = (others < own.values).mean(0) + (others == own.values).mean(0) / 2
    return 100 * below, (1 + (others >= own.values).sum(0)) / (1 + len(others))


def _of_one(table: xr.Dataset, played: xr.Dataset, edit: str) -> xr.Dataset:
    """Return the rows of one edit, by strength."""
    mine = played["dose_of"].values == edit
    rows = table.isel(condition=mine).rename(condition="strength")
    return rows.assign_coords(strength=played["strength"].values[mine]).sortby("strength")


def _identical(played: xr.Dataset, edit: str) -> bool:
    """Return whether strength 0 of an edit changed nothing at all; False where it was not played."""
    sham = (played["dose_of"].values == edit) & (played["strength"].values == 0)
    if not sham.any():
        return False
    names = [name for name in ("success", "cause", "length", "return") if name in played]
    original = played[names].sel(condition=ORIGINAL, drop=True)
    twice = played[names].isel(condition=int(np.flatnonzero(sham)[0]), drop=True)
    return all(bool((original[name] == twice[name]).all()) for name in names)
