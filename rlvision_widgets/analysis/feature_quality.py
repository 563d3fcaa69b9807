"""What is to be known of a feature beside its strongest examples: how often it is active, and what it can see.

The strongest patches alone mislead: a feature may mean one thing at its maximum and another where it usually fires. So
patches are also taken from lower bands of its activations, drawn at random, and all activations are counted.

What a cell of a layer can see is bounded by its receptive field; where most of its gradient lies is usually a much
smaller disc (Luo et al. 2016).

References
----------
Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020.
Luo, Li, Urtasun, Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", 2016.
"""

import bisect
import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.attribution import Frames
from rlvision_widgets.analysis.examples import layer_of
from rlvision_widgets.names import strict_keywords

__all__ = ["BANDS", "Activity", "ReceptiveField", "gradient_radius", "receptive_field"]

BINS = 64
FAINTEST = 2**-10  # of a bin: what is weaker is what the solver of codes leaves over, and counts as inactive
EXPONENTS = 320  # powers of two that float32 spans, with room
POOL = 2**13  # active cells of a feature that are kept, drawn at random
SHOWN = 8  # patches of a band
BANDS = ((0.999, 1.0), (0.99, 0.999), (0.9, 0.99), (0.45, 0.55))  # of a feature's positive activations: from, to
GRADIENTS = 512  # of all features of a layer together; with many features fewer examples of each are looked at


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


class ReceptiveField(NamedTuple):
    """Pixels that the middle cell of a layer depends on, by the network's structure.

    Attributes
    ----------
    height, width : int
        Rows and columns of pixels; never more than the observation has.
    is_cut : bool
        Whether it reaches an edge of the observation, so that the field is at least this large.
    """

    height: int
    width: int
    is_cut: bool


@strict_keywords
def receptive_field(agent: Agent, layer: str) -> ReceptiveField | None:
    """Measure which pixels can reach the middle cell of a layer.

    Rows (then columns) of pixels from one edge on are made NaN: what depends on one of them becomes NaN, whatever the
    weights. How many that takes is found by bisection.

    Parameters
    ----------
    agent : Agent
    layer : str
        One of its layers.

    Returns
    -------
    ReceptiveField or None
        None for an agent whose inputs are not pictures in floating point, of which this cannot be told.
    """
    exact = agent.to("cpu").double()  # in double no convolution is computed by a transform, which would spread NaN
    axes = _pixel_axes(_picture(exact.inputs(np.zeros((1, *agent.observation_shape), np.uint8))), agent)
    if axes is None:
        return None
    spans = []
    for axis, size in zip(axes, agent.observation_shape, strict=False):
        reached = functools.partial(_reach_the_middle, exact, layer, axis)
        if not reached(slice(None)):
            return None
        counts = range(1, size + 1)
        from_start = 1 + bisect.bisect_left(counts, True, key=lambda count: reached(slice(0, count)))
        from_end = 1 + bisect.bisect_left(counts, True, key=lambda count: reached(slice(size - count, None)))
        first, last = from_start - 1, size - from_end
        spans.append((last - first + 1, first == 0 or last == size - 1))
    (height, cut_above), (width, cut_aside) = spans
    return ReceptiveField(height, width, cut_above or cut_aside)


@strict_keywords
def gradient_radius(
    agent: Agent, observations: Frames, features: xr.Dataset, examples: xr.Dataset, *, layer: str | None = None
) -> xr.Dataset:
    """Measure how far from a cell the pixels are that it responds to.

    Parameters
    ----------
    agent : Agent
    observations : uint8 DataArray or array, (sample, height, width, rgb)
        Those that the examples were found in.
    features : Dataset
        direction (feature, channel).
    examples : Dataset
        source, row, column, strength (feature, rank), from `top_examples`: the cells that are looked at.
    layer : str, optional
        The features' own, unless given.

    Returns
    -------
    Dataset
        half_mass_radius (feature) : float32, pixels. The absolute gradient of the cell's activation along the feature's
        direction by the pixels, summed over colours, each example's normalised to 1: half of it is within this
        distance of the middle of the cell. NaN where nothing activates the feature, or the network's inputs are no
        pictures.
        num_gradients (feature) : int32, examples that it was measured on.
    """
    layer = layer_of(agent, features, layer)
    directions = features["direction"].transpose("feature", "channel").values
    examples = examples.isel(rank=slice(max(2, GRADIENTS // max(1, len(directions)))))
    radius, count = np.full(len(directions), np.nan, np.float32), np.zeros(len(directions), np.int32)
    for feature, direction in enumerate(directions):
        own = examples.isel(feature=feature)
        own = own.isel(rank=np.flatnonzero(own["strength"].values > 0))
        if own.sizes["rank"]:
            frames = np.stack([np.asarray(observations[int(one)]) for one in own["source"].values])
            where = own["row"].values, own["column"].values
            count[feature], radius[feature] = _half_mass(agent, layer, frames, direction, where)
    return xr.Dataset({"half_mass_radius": ("feature", radius), "num_gradients": ("feature", count)})


def _half_mass(
    agent: Agent,
    layer: str,
    frames: npt.NDArray[np.uint8],
    direction: npt.NDArray[np.floating[Any]],
    where: tuple[npt.NDArray[Any], npt.NDArray[Any]],
) -> tuple[int, float]:
    """Return the number of gradients that are not zero, and the radius that holds half of them."""
    inputs = agent.inputs(frames)
    picture = _picture(inputs)
    axes = _pixel_axes(picture, agent)
    if picture is None or axes is None:
        return 0, float("nan")
    picture.requires_grad_()
    with torch.enable_grad():
        activations = agent.network.until(layer, inputs)
        cells = activations[torch.arange(len(frames)), :, torch.tensor(where[0]), torch.tensor(where[1])]
        cells.float().cpu().mv(torch.tensor(direction)).sum().backward()  # type: ignore[no-untyped-call]
    if picture.grad is None:
        return 0, float("nan")
    mass = picture.grad.abs().sum(dim=6 - sum(axes)).double().cpu().numpy()  # the axis left over holds the colours
    total = mass.sum((1, 2), keepdims=True)
    if not (np.isfinite(total).all() and (total > 0).any()):
        return 0, float("nan")
    mass = np.divide(mass, total, out=np.zeros_like(mass), where=total > 0)
    distance = _distances(mass.shape[1:], activations.shape[2:], where)
    order = np.argsort(distance, axis=None, kind="stable")
    held = np.cumsum(mass.ravel()[order])
    return int((total > 0).sum()), float(distance.ravel()[order][np.searchsorted(held, held[-1] / 2)])


def _distances(
    pixels: tuple[int, ...], cells: tuple[int, ...], where: tuple[npt.NDArray[Any], npt.NDArray[Any]]
) -> npt.NDArray[np.float64]:
    """Return how far each pixel is from the middle of a cell, (cell, height, width), in pixels."""
    away = [
        np.arange(size) - ((place[:, None] + 0.5) * size / count - 0.5)
        for size, count, place in zip(pixels, cells, where, strict=True)
    ]
    return np.hypot(away[0][:, :, None], away[1][:, None, :])


def _picture(inputs: Any) -> Tensor | None:
    """Return what of a network's inputs is the picture, or None if that is not in floating point."""
    first = inputs[0] if isinstance(inputs, tuple) and inputs else inputs
    return first if torch.is_tensor(first) and first.is_floating_point() and first.ndim == 4 else None


def _pixel_axes(picture: Tensor | None, agent: Agent) -> tuple[int, int] | None:
    """Return the axes of height and width, or None if the picture has been resized."""
    size = agent.observation_shape[:2]
    if picture is not None:
        for axes in ((2, 3), (1, 2)):
            if tuple(picture.shape[axis] for axis in axes) == size:
                return axes
    return None


def _reach_the_middle(agent: Agent, layer: str, axis: int, lines: slice) -> bool:
    """Tell whether the middle cell of a layer depends on some of these lines of pixels across `axis`."""
    inputs = agent.inputs(np.zeros((1, *agent.observation_shape), np.uint8))
    picture = _picture(inputs)
    assert picture is not None
    picture.movedim(axis, 0)[lines] = torch.nan
    with torch.no_grad():
        found = agent.network.until(layer, inputs)
    return bool(found[0, :, found.shape[2] // 2, found.shape[3] // 2].isnan().any())
