"""An evaluation as tables: which levels failed by which cause, and how a condition compares with the original."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.paired import (
    detectable,
    detectable_paired,
    equivalence,
    mcnemar,
    newcombe_interval,
    tango_interval,
    wilson_interval,
)

__all__ = [
    "ANY",
    "CAUSE_RULE",
    "MULTIPLE",
    "ORIGINAL",
    "changes",
    "check_evaluation",
    "failures",
    "rates",
    "verdicts",
]

ORIGINAL = "original"
ANY, MULTIPLE, UNKNOWN = "any failure", "multiple", "unknown"
CAUSE_RULE = (
    "A failed level's cause is what the agent touches when its episode ends, found by taking the last step again with "
    "things disarmed; several at once are 'multiple', the clock is 'timeout'."
)
ROW = ("condition", "cause")


def failures(result: xr.Dataset, always: Iterable[str] = ()) -> xr.DataArray:
    """Say which levels failed by which cause.

    Parameters
    ----------
    result : Dataset, (condition, level)
        From `evaluate`.
    always : iterable of str
        Causes that get a row even where no level failed by them.

    Returns
    -------
    DataArray of bool, (condition, cause, level)
        Causes by how often they occur over all conditions, ``"unknown"`` among them where some can be told and others
        not, then ``"multiple"``, last ``"any failure"``.
    """
    check_evaluation(result)
    failed = ~result["success"].transpose("condition", "level").values.astype(bool)
    named = _causes(result, failed)
    seen, counts = np.unique(named[failed], return_counts=True)
    often = {str(name): int(count) for name, count in zip(seen, counts, strict=True) if name}
    often |= {name: 0 for name in always if name not in (*often, ANY)}
    rows = sorted(often, key=lambda name: (name == MULTIPLE, -often[name], name))
    each = [failed & (named == name) for name in rows]
    return xr.DataArray(
        np.stack([*each, failed], axis=1),
        dims=("condition", "cause", "level"),
        coords={"condition": result["condition"].values, "cause": np.array([*rows, ANY], object)},
    )


def rates(failed: xr.DataArray, confidence: float = 0.95) -> xr.Dataset:
    """Count failures, (condition, cause): count, rate, and Wilson's interval rate_low, rate_high."""
    number = failed.sizes["level"]
    count = failed.sum("level").transpose(*ROW)
    interval = np.array([[wilson_interval(int(n), number, confidence) for n in row] for row in count.values])
    return xr.Dataset(
        {
            "count": count,
            "rate": count / number,
            "rate_low": (ROW, interval[..., 0]),
            "rate_high": (ROW, interval[..., 1]),
        }
    )


def changes(failed: xr.DataArray, original: xr.DataArray) -> xr.Dataset:
    """Compare conditions with the original, level by level.

    Parameters
    ----------
    failed : DataArray of bool, (condition, cause, level)
    original : DataArray of bool, (cause, level)
        The same levels.

    Returns
    -------
    Dataset, (condition, cause)
        b (failed by this cause in the condition only), c (in the original only), p (exact McNemar) and difference of
        the rates. Of the original itself p is NaN.
    """
    b = (failed & ~original).sum("level").transpose(*ROW)
    c = (original & ~failed).sum("level").transpose(*ROW)
    p = _by_row(lambda i, j: mcnemar(int(b[i, j]), int(c[i, j])), b.shape)
    p[failed["condition"].values == ORIGINAL] = np.nan
    return xr.Dataset({"b": b, "c": c, "p": (ROW, p), "difference": (b - c) / failed.sizes["level"]})


def verdicts(
    table: xr.Dataset, number: int, *, margin: float, confidence: float, power: float, alpha: float = 0.05
) -> xr.Dataset:
    """Say of each row of a table how large the change may be, whether it can be called none, and what was detectable.

    Parameters
    ----------
    table : Dataset, (condition, cause)
        `rates` and `changes`, original first.
    number : int
        Levels.
    margin, confidence, power, alpha : float
        See `edit_card`.

    Returns
    -------
    Dataset, (condition, cause)
        difference_low and _high (Tango), newcombe_low and _high, p_equivalent, equivalent, equivalence_low and _high,
        mde, mde_paired. NaN and False for the original.
    """
    count, b, c = (table[name].transpose(*ROW).values.tolist() for name in ("count", "b", "c"))
    shape = table["b"].transpose(*ROW).shape

    def newcombe(i: int, j: int) -> tuple[float, float]:
        both = count[i][j] - b[i][j]
        return newcombe_interval(both, b[i][j], c[i][j], number - both - b[i][j] - c[i][j], confidence)

    rows = {
        "difference": _by_row(lambda i, j: tango_interval(b[i][j], c[i][j], number, confidence), shape),
        "newcombe": _by_row(newcombe, shape),
        "equivalence": _by_row(lambda i, j: tango_interval(b[i][j], c[i][j], number, 1 - 2 * alpha), shape),
    }
    columns = {f"{name}_{side}": rows[name][..., k] for name in rows for k, side in enumerate(("low", "high"))}
    columns["p_equivalent"] = _by_row(lambda i, j: equivalence(b[i][j], c[i][j], number, margin), shape)
    columns["mde"] = _by_row(lambda _, j: detectable(count[0][j] / number, number, power, alpha), shape)
    columns["mde_paired"] = _by_row(lambda i, j: detectable_paired(c[i][j] / number, number, power, alpha), shape)
    for column in columns.values():
        column[table["condition"].values == ORIGINAL] = np.nan
    said = xr.Dataset({name: (ROW, column) for name, column in columns.items()})
    return said.assign(equivalent=said["p_equivalent"] < alpha)


def check_evaluation(result: Any) -> None:
    """Raise if `result` is no evaluation, or has no original to compare with."""
    if not isinstance(result, xr.Dataset) or not {"condition", "level"} <= set(result.dims) or "success" not in result:
        raise ValueError(
            "expected an evaluation, a Dataset over (condition, level) with success, as rlv.evaluate returns; got "
            f"{type(result).__name__}" + (f" over {tuple(map(str, result.dims))}" if hasattr(result, "dims") else "")
        )
    names = [str(name) for name in result["condition"].values]
    if names[:1] != [ORIGINAL]:
        raise ValueError(
            f"the first condition must be {ORIGINAL!r}, with which the others are compared; these are: {names}"
        )
    if not result.sizes["level"]:
        raise ValueError("this evaluation has no level.")


def _causes(result: xr.Dataset, failed: npt.NDArray[np.bool_]) -> npt.NDArray[np.object_]:
    """Return the cause of every level, several at once as one."""
    if "cause" not in result:
        return np.full(failed.shape, "", object)
    named = result["cause"].transpose("condition", "level").values.astype(object)
    if named[failed].any():  # else nothing is known of any, and there is no row but the total
        named = np.where(failed & (named == ""), UNKNOWN, named)
    return np.where([[" and " in name for name in row] for row in named], MULTIPLE, named)


def _by_row(number: Callable[[int, int], Any], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Return what `number` gives for each condition and cause, as floats."""
    return np.array([[number(i, j) for j in range(shape[1])] for i in range(shape[0])], float)
