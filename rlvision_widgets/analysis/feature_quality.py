"""What is to be known of a feature beside its strongest examples: how often it is active, and what of.

The strongest patches alone mislead: a feature may mean one thing at its maximum and another where it usually fires. So
patches are also taken from lower bands of its activations, drawn at random, and all activations are counted.

`rlvision_widgets.analysis.sight` measures what it can see.

References
----------
Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from jaxtyping import Float
from torch import Tensor

__all__ = ["BANDS", "Activity"]

BINS = 64
FAINTEST = 2**-10  # of a bin: what is weaker is what the solver of codes leaves over, and counts as inactive
EXPONENTS = 320  # powers of two that float32 spans, with room
POOL = 2**13  # active cells of a feature that are kept, drawn at random
SHOWN = 8  # patches of a band
BANDS = ((0.999, 1.0), (0.99, 0.999), (0.9, 0.99), (0.45, 0.55))  # of a feature's positive activations: from, to


class Activity:
    """Counts each feature's activations, and draws cells from bands of them (a `Survey`).

    Parameters
    ----------
    seed : int
        Draws the cells.
    """

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._counts: npt.NDArray[np.int64] = np.empty((0, BINS), np.int64)
        self._width: npt.NDArray[np.float64] = np.empty(0)
        self._powers: npt.NDArray[np.int64] = np.empty((0, EXPONENTS), np.int64)
        self._pools: list[_Pool] = []
        self.num_observations = 0
        self.layer_cells = (0, 0)

    def offer(self, codes: Float[Tensor, "sample feature y x"]) -> None:
        """Take note of the next batch of activations along the features."""
        found = np.ascontiguousarray(codes.numpy().swapaxes(0, 1)).reshape(codes.shape[1], -1)
        if not self._pools:
            self._pools = [_Pool() for _ in found]
            self._counts = np.zeros((len(found), BINS), np.int64)
            self._powers = np.zeros((len(found), EXPONENTS), np.int64)
            self._width = np.full(len(found), 2.0**-60)
        first = self.num_observations * codes.shape[2] * codes.shape[3]
        for feature, strength in enumerate(found):
            keys = self._rng.random(len(strength))  # also of inactive cells, so that batches do not matter
            active = np.flatnonzero((strength > 0) & np.isfinite(strength))
            self._count(feature, strength[active])
            self._pools[feature].offer(keys[active], strength[active], active + first)
        self.num_observations += len(codes)
        self.layer_cells = codes.shape[2], codes.shape[3]

    def dataset(self) -> xr.Dataset:
        """Return the counts, and patches of each band.

        Returns
        -------
        Dataset
            histogram (feature, bin) : int64, cells by activation; bin b counts [b, b + 1) times `bin_width`.
            bin_width (feature) : float32, a power of two.
            inactive (feature) : int64, the other cells, at which the feature is 0 or less than a thousandth of a bin.
            band_from, band_to (feature, band) : float32, the activations between which the band lies. Bands are those
            of `BANDS`, quantiles of the positive activations, strongest first; they do not overlap.
            band_source, band_row, band_column (feature, band, rank) : int32, observation and cell of patches drawn
            from the band, spread evenly over it, strongest first, no two from one observation; -1: there are no more.
            band_strength (feature, band, rank) : float32, NaN where there is none.
            attrs: num_observations; layer_height, layer_width; num_drawn, the most cells that quantiles were read off.
        """
        faintest = self._width * FAINTEST
        exponent = np.arange(EXPONENTS) - EXPONENTS // 2
        faint = (self._powers * (2.0**exponent <= faintest[:, None])).sum(1)
        counts = self._counts.copy()
        counts[:, 0] -= faint
        cells = self.num_observations * self.layer_cells[0] * self.layer_cells[1]
        bands = [self._bands(pool, least) for pool, least in zip(self._pools, faintest, strict=True)]
        between, source, row, column, strength = (np.array(part) for part in zip(*bands, strict=True))
        ranked = ("feature", "band", "rank")
        return xr.Dataset(
            {
                "histogram": (("feature", "bin"), counts),
                "bin_width": ("feature", self._width.astype(np.float32)),
                "inactive": ("feature", cells - counts.sum(1)),
                "band_from": (("feature", "band"), between[..., 0].astype(np.float32)),
                "band_to": (("feature", "band"), between[..., 1].astype(np.float32)),
                "band_source": (ranked, source.astype(np.int32)),
                "band_row": (ranked, row.astype(np.int32)),
                "band_column": (ranked, column.astype(np.int32)),
                "band_strength": (ranked, strength.astype(np.float32)),
            },
            attrs={
                "num_observations": self.num_observations,
                "layer_height": self.layer_cells[0],
                "layer_width": self.layer_cells[1],
                "num_drawn": max(len(pool.keys) for pool in self._pools),
            },
        )

    def _count(self, feature: int, strength: npt.NDArray[np.floating[Any]]) -> None:
        if not len(strength):
            return
        self._powers[feature] += np.bincount(np.frexp(strength)[1] + EXPONENTS // 2, minlength=EXPONENTS)
        needed = 2.0 ** np.floor(np.log2(float(strength.max()) / BINS) + 1)  # the least power of two that holds it
        width, counts = self._width[feature], self._counts[feature]
        if needed > width:
            merged = (np.arange(BINS) * (width / needed)).astype(int)
            self._counts[feature] = np.bincount(merged, counts, BINS)
            self._width[feature] = width = needed
        self._counts[feature] += np.bincount((strength / width).astype(int), minlength=BINS)

    def _bands(self, pool: "_Pool", least: float) -> tuple[npt.NDArray[Any], ...]:
        between, where = np.full((len(BANDS), 2), np.nan), np.full((3, len(BANDS), SHOWN), -1)
        strength = np.full((len(BANDS), SHOWN), np.nan)
        order = np.argsort(-pool.strength, kind="stable")
        order = order[pool.strength[order] >= least]
        if len(order):
            drawn, cell = pool.strength[order], pool.cell[order]
            between = np.quantile(drawn, BANDS).astype(np.float32)
            for band, (low, high) in enumerate(between):
                below = between[band - 1, 0] if band else np.inf  # many activations may be equal: no cell is in two
                own = (drawn >= low) & (drawn <= high) & (drawn < below)
                picks = _spread(own, cell // np.prod(self.layer_cells))
                sample, rest = np.divmod(cell[picks], np.prod(self.layer_cells))
                where[:, band, : len(picks)] = sample, *np.divmod(rest, self.layer_cells[1])
                strength[band, : len(picks)] = drawn[picks]
        return between, *where, strength


class _Pool:
    """Active cells drawn at random: those with the smallest keys."""

    def __init__(self) -> None:
        self.keys = np.empty(0)
        self.strength: npt.NDArray[np.float32] = np.empty(0, np.float32)
        self.cell: npt.NDArray[np.int64] = np.empty(0, np.int64)

    def offer(
        self, keys: npt.NDArray[np.float64], strength: npt.NDArray[np.float32], cell: npt.NDArray[np.int64]
    ) -> None:
        if len(self.keys) == POOL:
            near = keys < self.keys.max()
            keys, strength, cell = keys[near], strength[near], cell[near]
        self.keys = np.concatenate([self.keys, keys])
        self.strength, self.cell = np.concatenate([self.strength, strength]), np.concatenate([self.cell, cell])
        if len(self.keys) > POOL:
            kept = np.sort(np.argpartition(self.keys, POOL)[:POOL])
            self.keys, self.strength, self.cell = self.keys[kept], self.strength[kept], self.cell[kept]


def _spread(members: npt.NDArray[np.bool_], sample: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Choose up to SHOWN members, evenly spaced in their order, each from another sample."""
    index = np.flatnonzero(members)
    _, first = np.unique(sample[index], return_index=True)
    index = index[np.sort(first)]
    if len(index) > SHOWN:
        index = index[np.linspace(0, len(index) - 1, SHOWN).round().astype(int)]
    return index
