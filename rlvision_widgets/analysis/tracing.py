"""Attribution from layer to layer: which cells and channels of one layer made what a later layer says.

The same integral as in `attribution`, but of the activation along a direction of the later layer, at one cell or
summed over all: "what in 2a made this coin feature of 2b light up here".

References
----------
Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020: an option of its library.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.attribution import labelled, stands_alone
from rlvision_widgets.analysis.frames import Batch, Frames, collect, coordinates, frame_shape, leading, seen_by
from rlvision_widgets.analysis.integration import Quadrature, Rule, Score, integrated_gradients
from rlvision_widgets.names import strict_keywords, unknown
from rlvision_widgets.schema import INPUT_LAYER

__all__ = ["attribute_layer"]


@strict_keywords
def attribute_layer(
    agent: Agent,
    observations: Frames,
    *,
    layer: str,
    direction: npt.ArrayLike,
    source_layer: str,
    row: npt.ArrayLike | None = None,
    column: npt.ArrayLike | None = None,
    rule: Rule = "middle",
    num_points: int | None = None,
    tolerance: float = 0.02,
    max_points: int = 256,
    smooth_max_pool: bool = False,
    batch_size: int = 32,
) -> xr.DataArray:
    """Attribute the activation along a direction of one layer to an earlier layer, frame by frame.

    Parameters
    ----------
    agent : Agent
        With float64 weights the result is float64.
    observations : uint8 DataArray or array, (..., height, width, rgb)
        As in `attribute`.
    layer : str
        Whose activation is explained.
    direction : array_like, (channel,)
        In the channels of `layer`: a feature's direction (``study["layers/2b/direction"][3]``), or any other.
    source_layer : str
        What it is attributed to: a layer before `layer`, or ``"input"``: the pixels, in 0..1, from a black picture.
    row, column : int or array_like of int over the leading dims, optional
        The cell of `layer` that is explained, from the top left; one for all frames, or one each. None: the sum over
        all cells.
    rule, num_points, max_points, smooth_max_pool
        As in `attribute`.
    tolerance : float
        Largest completeness error to accept, as a share of the larger of |F(a)| and |F(0)|: activations have no
        common scale.
    batch_size : int
        Frames that are read at a time.

    Returns
    -------
    DataArray, (..., y, x, channel)
        Over the cells and channels of `source_layer`, in units of the activation. Sums to `activation` - `baseline` -
        `completeness_error`: coordinates over the leading dims, F(a) and F(0), beside `num_points`.

    Raises
    ------
    ValueError
        For an unknown layer or one that does not come earlier; for a direction or a cell that the layer does not have.
    """
    dims, shape = leading(observations)
    _check_layers(agent, layer, source_layer)
    vector = _direction(agent, layer, direction)
    cells = _cells(agent, layer, (row, column), shape)
    quadrature = Quadrature(rule, num_points, tolerance, max_points, smooth_max_pool)
    black = np.zeros((1, *frame_shape(seen_by(agent, observations))), np.uint8)
    between = agent.between(source_layer, layer)
    with torch.no_grad():
        reached = stands_alone(between, torch.zeros_like(agent.activations(source_layer, black)))
        alone = reached and not (source_layer == INPUT_LAYER and agent.recurrent)

    def explain(batch: Batch) -> tuple[npt.NDArray[Any], ...]:
        start, frames = batch
        own = None if cells is None else torch.as_tensor(cells[:, start : start + len(frames)])

        def score(points: Tensor, which: Tensor) -> Tensor:
            reach = between if alone else agent.between(source_layer, layer, frames[which.cpu().numpy()])
            return _along(reach(points), vector, None if own is None else own.to(points.device)[:, which])

        return _explained(score, agent.activations(source_layer, frames), quadrature)

    *numbers, activation, baseline = collect(agent, explain, observations, batch_size)
    attrs = {"layer": layer, "source_layer": source_layer, "rule": quadrature.name, "tolerance": tolerance}
    found = labelled(tuple(numbers), dims, coordinates(observations, dims), attrs)
    return found.assign_coords(activation=(dims, activation), baseline=(dims, baseline))


def _check_layers(agent: Agent, layer: str, source_layer: str) -> None:
    if layer not in agent.layers:
        raise ValueError(unknown("layer", layer, agent.layers))
    earlier = (INPUT_LAYER, *agent.layers[: agent.layers.index(layer)])
    if source_layer not in earlier:
        hint = f"A source has to come before layer {layer!r}."
        raise ValueError(unknown("source layer", source_layer, earlier, hint))


def _direction(agent: Agent, layer: str, direction: npt.ArrayLike) -> Tensor:
    vector = np.asarray(direction, np.float64)
    channels, _, _ = agent.layer_shape(layer)
    if vector.shape != (channels,) or not np.isfinite(vector).all():
        raise ValueError(
            f"direction: expected {channels} finite numbers, one a channel of layer {layer!r}; got {vector.shape}."
        )
    return torch.as_tensor(vector).to(agent.network.like)


def _cells(
    agent: Agent, layer: str, given: tuple[npt.ArrayLike | None, npt.ArrayLike | None], shape: tuple[int, ...]
) -> npt.NDArray[np.int64] | None:
    """Return rows and columns, (2, frame), of the cells that are explained; None for the sum over all."""
    if given[0] is None and given[1] is None:
        return None
    places = []
    for name, index, size in zip(("row", "column"), given, agent.layer_shape(layer)[1:], strict=True):
        place = np.asarray(index)
        if index is None or not np.issubdtype(place.dtype, np.integer) or place.shape not in ((), shape):
            raise ValueError(
                f"{name}: expected a whole number, or one for each frame, {shape}; got {index!r}. "
                "Row and column name a cell together; without either, the sum over all cells is explained."
            )
        if not 0 <= place.min() <= place.max() < size:
            raise ValueError(f"{name} {index!r} is out of range: layer {layer!r} has {size}, from 0.")
        places.append(np.broadcast_to(place, shape).reshape(math.prod(shape)))
    return np.stack(places).astype(np.int64)


def _along(reached: Tensor, direction: Tensor, cells: Tensor | None) -> Tensor:
    """Return the activation along the direction, (frame,): at a cell of each frame, or summed over all."""
    if cells is None:
        return reached.sum((2, 3)) @ direction
    everyone = torch.arange(len(reached), device=reached.device)
    return reached[everyone, :, cells[0], cells[1]] @ direction


def _explained(score: Score, activations: Tensor, quadrature: Quadrature) -> tuple[npt.NDArray[Any], ...]:
    """Return attribution (frame, y, x, channel), completeness error, number of points, F(a) and F(0)."""
    frames = torch.arange(len(activations), device=activations.device)
    with torch.no_grad():
        at_activations, at_zero = score(activations, frames), score(torch.zeros_like(activations), frames)
    unit = torch.maximum(at_activations.abs(), at_zero.abs())
    unit = unit.where(unit > 0, 1)  # so that the tolerance is a share
    found = integrated_gradients(lambda points, which: score(points, which) / unit[which], activations, quadrature)
    attribution = (found.attribution * unit[:, None, None, None]).permute(0, 2, 3, 1)
    parts = (attribution, found.completeness_error * unit, found.num_points.int(), at_activations, at_zero)
    return tuple(part.cpu().numpy() for part in parts)
