"""Features of a layer: a few non-negative directions in channel space, and attribution said in terms of them.

1. The attribution's positive and negative parts, cell by cell, are rows over channels (most of a layer's cells say
   little: a sample of rows does).
2. Non-negative matrix factorisation finds directions of which every row is nearly a non-negative sum.
3. A signed attribution is projected on them part by part. What the directions leave over is kept as the residual, so
   that features and residual sum exactly to the attribution.

References
----------
Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020.
Olah et al., "The Building Blocks of Interpretability", Distill 2018 (factorised activations).
"""

import math
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from rlvision_widgets.analysis.codes import nonnegative_codes
from rlvision_widgets.names import strict_keywords

__all__ = ["NothingToFit", "fit_nmf", "reduce_attribution"]

FloatArray = npt.NDArray[np.floating[Any]]

CHUNK_CELLS = 2**16  # worked on at a time
REFIT_ROWS = 10_000  # of a refit that only tells how stable directions are


class NothingToFit(ValueError):
    """All that features were to be fitted on is zero."""


@strict_keywords
def fit_nmf(
    attribution: xr.DataArray | Iterable[xr.DataArray],
    num_features: int | None = 8,
    seed: int = 0,
    *,
    num_rows: int = 200_000,
    stability: int = 0,
) -> xr.Dataset:
    """Find a layer's features by non-negative matrix factorisation.

    Parameters
    ----------
    attribution : DataArray, or iterable of DataArrays, (..., channel)
        Signed attribution of one layer, or its activations. From an iterable (`attribute_batches`) only the sampled
        rows are kept.
    num_features : int or None
        None, or as many as there are channels: each channel is a feature, and nothing is fitted.
    seed : int
        Draws the rows; starts the factorisation.
    num_rows : int
        Rows to fit, half of them drawn uniformly among those that are not zero, half in proportion to their length:
        else the rare strong ones, which views show, are missed.
    stability : int
        Number of refits from random starts, each on other rows (10,000 at most); they measure `stability`.

    Returns
    -------
    Dataset
        direction (feature, channel) : float32, of unit length, non-negative; features by descending share.
        share (feature) : part of the absolute attribution that the feature carries.
        one_hotness (feature) : largest entry of the direction; 1: a single channel.
        effective_channels (feature) : 1 / sum of fourth powers; 1: a single channel.
        stability (feature) : mean cosine between the direction and its partner in each refit, directions being matched
        one to one; only where measured.
        attrs : r_squared, the part of the rows' square that the features explain, and residual_share, the residual's
        part of the absolute attribution, both on the uniformly drawn rows; num_rows, num_dead (features never used),
        seed_stability (mean of `stability`; NaN when not measured), num_iterations, seed,
        method ("attribution", "activations" or "identity"), layer and output.

    Raises
    ------
    NothingToFit, ValueError
        When there is no row that is not zero; when NaN is among them.

    Notes
    -----
    Directions may be scaled freely: a feature's value (`reduce_attribution`) is its code times the sum of its direction
    over channels.
    """
    if num_features is not None and num_features < 1:
        raise ValueError(f"num_features has to be 1 or more, or None for one a channel; got {num_features}.")
    attrs, uniform, rows = _sample(attribution, num_rows, seed)
    channels = rows.shape[1]
    if num_features is None or num_features >= channels:
        method, direction, iterations = "identity", np.eye(channels, dtype=rows.dtype), 0
    else:
        method = "attribution" if "output" in attrs else "activations"
        direction, iterations = _factorise(rows, num_features, "nndsvda", seed)
    variables, quality = _quality(direction, uniform)
    if stability and method != "identity":
        found = _stability(rows, variables["direction"][1], stability, seed)
        variables["stability"] = ("feature", found.astype(np.float32))
    numbers = {
        **quality,
        "num_rows": len(rows),
        "num_iterations": iterations,
        "seed_stability": float(np.mean(variables["stability"][1])) if "stability" in variables else math.nan,
    }
    origin = {name: attrs[name] for name in ("layer", "output") if name in attrs}
    return xr.Dataset(variables, attrs={"method": method, "seed": seed, **origin, **numbers})


@strict_keywords
def reduce_attribution(attribution: xr.DataArray, features: xr.Dataset) -> xr.Dataset:
    """Say a layer's attribution in terms of its features.

    Parameters
    ----------
    attribution : DataArray, (..., y, x, channel)
        Signed.
    features : Dataset
        From `fit_nmf`: direction (feature, channel).

    Returns
    -------
    Dataset
        attribution (..., y, x, feature) : float32, the part that each feature carries, in units of the output.
        residual (..., y, x) : float32, the rest.
        total (..., feature), residual_total (...) : float32, their sums over y and x.
        Coordinates and attrs are those of `attribution`.

    Notes
    -----
    With T the non-negative least squares on the directions, code = T(max(a, 0)) - T(max(-a, 0)), and a feature's part
    is its code times the sum of its direction over channels. At every cell the features' parts and the residual sum
    to the attribution's sum over channels; so do the totals. A cell with NaN or infinite attribution is NaN in every
    part, and so is what it is summed into.
    """
    direction = features["direction"].transpose("feature", "channel").values
    attribution = attribution.transpose(..., "y", "x", "channel")
    if attribution.sizes["channel"] != direction.shape[1]:
        raise ValueError(
            f"the attribution has {attribution.sizes['channel']} channels, the features {direction.shape[1]}; "
            "expected both from the same layer."
        )
    cells = attribution.values
    parts, residual = _parts(cells.reshape(-1, cells.shape[-1]), direction)
    parts, residual = parts.reshape(*cells.shape[:-1], -1), residual.reshape(cells.shape[:-1])
    dims, leading = attribution.dims[:-1], attribution.dims[:-3]
    return xr.Dataset(
        {
            "attribution": ((*dims, "feature"), parts),
            "residual": (dims, residual),
            "total": ((*leading, "feature"), parts.sum((-3, -2), dtype=np.float64).astype(np.float32)),
            "residual_total": (leading, residual.sum((-2, -1), dtype=np.float64).astype(np.float32)),
        },
        {name: kept for name, kept in attribution.coords.items() if "channel" not in kept.dims},
        attribution.attrs,
    )


def _parts(cells: FloatArray, direction: FloatArray) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return what of each row the features carry, (row, feature), and the rest, (row,)."""
    dictionary = torch.tensor(direction.astype(cells.dtype))
    sums = dictionary.sum(1)
    parts = np.empty((len(cells), len(direction)), np.float32)
    residual = np.empty(len(cells), np.float32)
    for start in range(0, len(cells), CHUNK_CELLS):
        block = torch.tensor(cells[start : start + CHUNK_CELLS])
        unknown = ~block.isfinite().all(1)
        block[unknown] = 0  # one NaN would keep the codes of all others from settling
        codes = nonnegative_codes(block.clamp_min(0), dictionary) - nonnegative_codes((-block).clamp_min(0), dictionary)
        part = codes * sums
        rest = block.double().sum(1) - part.float().double().sum(1)
        part[unknown], rest[unknown] = math.nan, math.nan
        parts[start : start + CHUNK_CELLS] = part.numpy()
        residual[start : start + CHUNK_CELLS] = rest.numpy()
    return parts, residual


def _sample(
    attribution: xr.DataArray | Iterable[xr.DataArray], num_rows: int, seed: int
) -> tuple[dict[str, Any], FloatArray, FloatArray]:
    """Return attrs, uniformly drawn rows, and the rows to fit; a row is one sign of one cell, never all zero."""
    rng = np.random.default_rng(seed)
    attrs: dict[str, Any] = {}
    uniform, strong = _Reservoir(num_rows // 2), _Reservoir(num_rows // 2)
    for array in [attribution] if isinstance(attribution, xr.DataArray) else attribution:
        attrs = attrs or dict(array.attrs)
        for cells in _cells(array):
            for rows in (np.maximum(cells, 0), np.maximum(-cells, 0)):
                length = np.linalg.norm(rows, axis=1)
                if not np.isfinite(length).all():
                    raise ValueError("the attribution has NaN or infinite entries; features cannot be fitted on it.")
                said, length = rows[length > 0], length[length > 0]
                # The largest keys log(u) / w are a sample without replacement, in proportion to w
                # (Efraimidis and Spirakis 2006).
                keys = np.log1p(-rng.random((2, len(said))))
                uniform.offer(said, keys[0])
                strong.offer(said, keys[1] / length)
    if not len(uniform.keys):
        what = "attribution is" if "output" in attrs else "activations are"
        raise NothingToFit(f"the {what} zero everywhere, so there is nothing to find features in.")
    everything = uniform.seen <= len(uniform.keys)
    return attrs, uniform.rows, uniform.rows if everything else np.concatenate([uniform.rows, strong.rows])


def _cells(array: xr.DataArray) -> Iterator[FloatArray]:
    """Yield (cell, channel) a few frames at a time."""
    array = array.transpose(..., "channel")
    if array.ndim == 1:
        array = array.expand_dims("cell")
    per_frame = max(1, array[0].size // array.sizes["channel"])
    for start in range(0, len(array), max(1, CHUNK_CELLS // per_frame)):
        yield array[start : start + max(1, CHUNK_CELLS // per_frame)].values.reshape(-1, array.sizes["channel"])


class _Reservoir:
    """The rows with the largest keys among all that were offered."""

    def __init__(self, size: int) -> None:
        self.size = max(1, size)
        self.seen = 0
        self.keys: FloatArray = np.empty(0)
        self.rows: FloatArray = np.empty((0, 0))

    def offer(self, rows: FloatArray, keys: FloatArray) -> None:
        self.seen += len(rows)
        if len(self.keys) == self.size:
            above = keys > self.keys.min()
            rows, keys = rows[above], keys[above]
        self.keys = np.concatenate([self.keys, keys])
        self.rows = np.concatenate([self.rows, rows]) if self.rows.size else rows
        if len(self.keys) > self.size:
            best = np.sort(np.argpartition(-self.keys, self.size)[: self.size])
            self.keys, self.rows = self.keys[best], self.rows[best]


def _factorise(rows: FloatArray, num_features: int, init: str, seed: int) -> tuple[FloatArray, int]:
    """Return directions of unit length, (feature, channel), and the number of iterations."""
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the quality numbers say how good the fit is
        fit = NMF(num_features, init=init, solver="cd", tol=1e-4, max_iter=200, random_state=seed).fit(rows)
    length = np.linalg.norm(fit.components_, axis=1, keepdims=True)
    return fit.components_ / np.where(length > 0, length, 1), int(fit.n_iter_)


def _quality(direction: FloatArray, rows: FloatArray) -> tuple[dict[str, Any], dict[str, float]]:
    """Put the features in order; return the variables that describe each of them, and numbers about all."""
    codes = nonnegative_codes(torch.from_numpy(rows), torch.from_numpy(direction.astype(rows.dtype))).numpy()
    carried = codes.sum(0, dtype=np.float64) * direction.sum(1)
    order = np.argsort(-carried, kind="stable")
    rest = np.abs(rows.sum(1) - codes @ direction.sum(1)).sum(dtype=np.float64)
    explained = 1 - np.square(rows - codes @ direction).sum(dtype=np.float64) / np.square(rows).sum(dtype=np.float64)
    direction, carried = direction[order], carried[order]
    fourth = np.square(np.square(direction)).sum(1)
    variables = {
        "direction": (("feature", "channel"), direction.astype(np.float32)),
        "share": ("feature", (carried / (carried.sum() + rest)).astype(np.float32)),
        "one_hotness": ("feature", direction.max(1).astype(np.float32)),
        "effective_channels": ("feature", np.divide(1, fourth, where=fourth > 0, out=fourth * 0).astype(np.float32)),
    }
    return variables, {
        "r_squared": float(explained),
        "residual_share": float(rest / (carried.sum() + rest)),
        "num_dead": int((carried == 0).sum()),
    }


def _stability(rows: FloatArray, direction: FloatArray, refits: int, seed: int) -> FloatArray:
    """Return each direction's mean cosine with its partner among those refitted, matched one to one."""
    from scipy.optimize import linear_sum_assignment

    cosines = np.empty((refits, len(direction)))
    for refit in range(refits):
        rng = np.random.default_rng((seed, refit))
        again = rng.choice(len(rows), min(len(rows), REFIT_ROWS), replace=len(rows) <= REFIT_ROWS)
        other, _ = _factorise(rows[again], len(direction), "random", seed + 1 + refit)
        cosine = direction @ other.T
        own, partner = linear_sum_assignment(-cosine)
        cosines[refit, own] = cosine[own, partner]
    stability: FloatArray = cosines.mean(0)
    return stability
