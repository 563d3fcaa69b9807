"""Which features raise and lower an output: maps chunk by chunk, totals and what they are scaled by."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.widgets.description import are_computed, is_complete
from rlvision_widgets.widgets.requests import Answer, request
from rlvision_widgets.widgets.source import StudySource, is_long, read, steps_of

__all__ = ["residual_share", "robust_axis", "scales_of_the_study"]

UNUSUAL = 0.99  # quantile over the study's steps beyond which a frame says that it is unusual


@request()
def attribution(source: StudySource, trajectory: int, layer: str, output: str, chunk: int) -> Answer:
    """Return a chunk of maps, int8, with the scale of each step.

    `num_points` is 0 at steps that are not computed; ``complete`` says that there are none, ``computed`` that there
    are others.
    """
    node, where = source.output(layer, output), steps_of(trajectory, chunk)
    computed = are_computed(node, where) if node is not None else np.zeros(1, bool)
    if node is None or not computed.any():
        return {"computed": False}, {}
    arrays = read(node, ("attribution", "residual", "scale"), where)
    points = node.dataset.variables["num_points"].isel(where).values
    arrays["num_points"] = xr.Variable("step", np.where(computed, np.maximum(points, 1), 0).astype(np.int32))
    # Feature by feature: most are zero almost everywhere, and deflate finds it (measured: a fifth less).
    planar = ("feature", "step", "y", "x")
    return {"computed": True, "complete": bool(computed.all())}, {
        name: array.transpose(*planar, missing_dims="ignore") for name, array in arrays.items()
    }


@request(slow=is_long)
def totals(source: StudySource, trajectory: int, layer: str, output: str) -> Answer:
    """Return each feature's attribution summed over cells at every step, and the scales of the study.

    The result has ``display_scale`` (the attribution drawn at full strength, of the whole study),
    ``trajectory_scale`` (the same of this trajectory), ``axis`` (of the bars) and ``limits`` (the 99th percentiles
    of |completeness_error| and residual_share over the computed steps of the study; None when there are none).
    """
    node = source.output(layer, output)
    if node is None:
        return {"computed": False}, {}
    arrays = read(node, ("total", "residual_total", "completeness_error"), {"trajectory": trajectory})
    share = residual_share(arrays["total"].transpose(..., "feature").values, arrays["residual_total"].values)
    arrays["residual_share"] = xr.Variable("step", share)
    computed = bool(are_computed(node, {"trajectory": trajectory}).all())
    shared = scales_of_the_study(source, layer, output, node)
    own = {"trajectory_scale": _trajectory_scale(node, trajectory)}
    return {"computed": computed, **shared, **own}, arrays


def residual_share(total: npt.NDArray[np.floating], residual: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return how much of a step's totals the features do not explain.

    Parameters
    ----------
    total : ndarray, (..., feature)
        Attribution summed over cells, by feature.
    residual : ndarray, (...)
        The residual, summed likewise.

    Returns
    -------
    ndarray, (...)
        |residual| / (sum of |total| + |residual|), from 0 to 1; 0 where all are zero, NaN where one is not finite.
    """
    size = np.abs(residual).astype(np.float64)
    whole = np.abs(total).sum(axis=-1, dtype=np.float64) + size
    with np.errstate(invalid="ignore"):
        share: npt.NDArray[np.float32] = np.divide(size, whole, out=np.zeros_like(whole), where=whole != 0).astype(
            np.float32
        )
    share[~np.isfinite(whole)] = np.nan
    return share


def robust_axis(totals: npt.NDArray[np.floating]) -> dict[str, float]:
    """Choose a common axis for bars that mostly fits them; the rare giants overflow it.

    Parameters
    ----------
    totals : ndarray, (step, feature)
        With the residual among the features.

    Returns
    -------
    dict
        ``high``: the 90th percentile over steps of a step's largest bar, at least a fifth of the largest bar of
        all and at least 0; ``low`` likewise downwards. (Hilton et al. 2020's interface.)
    """
    if totals.size == 0:
        return {"low": 0.0, "high": 0.0}
    largest, smallest = totals.max(axis=-1), totals.min(axis=-1)
    high = max(0.0, float(np.quantile(largest, 0.9)), float(largest.max()) / 5)
    low = min(0.0, float(np.quantile(smallest, 0.1)), float(smallest.min()) / 5)
    return {"low": low, "high": high}


def scales_of_the_study(source: StudySource, layer: str, output: str, node: xr.DataTree) -> dict[str, Any]:
    """Return what all trajectories share; kept once nothing is left to compute."""

    def measure() -> dict[str, Any]:
        data = node.dataset
        total = data["total"].transpose(..., "feature").values
        bars = np.concatenate([total, data["residual_total"].values[..., np.newaxis]], axis=-1)
        fine = are_computed(node) & np.isfinite(bars).all(axis=-1)
        error, share = data["completeness_error"].values, residual_share(total, data["residual_total"].values)
        error = error[fine & np.isfinite(error)]
        return {
            "display_scale": source.display_scale(layer, output),
            "axis": robust_axis(bars[fine]),
            "limits": {"completeness_error": _unusual(np.abs(error)), "residual_share": _unusual(share[fine])},
        }

    return source.cached(("scales", layer, output), measure, keep=is_complete(node))


def _unusual(values: npt.NDArray[np.floating]) -> float | None:
    return float(np.quantile(values, UNUSUAL)) if values.size else None


def _trajectory_scale(node: xr.DataTree, trajectory: int) -> float:
    """Return the median over a trajectory's computed steps of the step's largest |attribution| in a cell.

    Where that is 0, the largest of all; where that is 0 too, 1. The rule of Hilton et al. 2020's interface but for
    the sign: it took each step's largest positive attribution.
    """
    here = {"trajectory": trajectory}
    one = read(node, ("largest", "scale"), here)
    largest = one["largest"] if "largest" in one else 127 * one["scale"]
    shown = largest.values[are_computed(node, here)]
    shown = shown[np.isfinite(shown)]
    if not shown.size:
        return 1.0
    return float(np.median(shown)) or float(shown.max()) or 1.0
