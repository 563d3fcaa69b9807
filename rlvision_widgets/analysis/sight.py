"""What a cell of a layer can see: its receptive field, and the disc in which half of a feature's gradient lies.

The field is what the network's structure allows; where most of the gradient lies is usually much smaller (Luo et al.
2016).

References
----------
Luo, Li, Urtasun, Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", 2016.
"""

import bisect
import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.examples import layer_of
from rlvision_widgets.analysis.frames import Frames, Seen, leading, read
from rlvision_widgets.names import strict_keywords

__all__ = ["ReceptiveField", "gradient_radius", "receptive_field"]

GRADIENTS = 512  # of all features of a layer together; with many features fewer examples of each are looked at


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
    observations : uint8 DataArray or array, (sample, height, width, rgb); or Dataset
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
            frames = _chosen(observations, own["source"].values)
            where = own["row"].values, own["column"].values
            count[feature], radius[feature] = _half_mass(agent, layer, frames, direction, where)
    return xr.Dataset({"half_mass_radius": ("feature", radius), "num_gradients": ("feature", count)})


def _chosen(observations: Frames, numbers: npt.NDArray[np.integer[Any]]) -> Seen:
    if isinstance(observations, xr.Dataset | xr.DataArray):
        return read(observations.isel({leading(observations)[0][0]: numbers}))
    return read(observations[numbers])


def _half_mass(
    agent: Agent,
    layer: str,
    frames: Seen,
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
