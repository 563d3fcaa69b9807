"""Dataset examples: the observations that activate each feature of a layer most, and where.

Two pictures are made of them. Thumbnails show a feature's strongest patches anywhere. A spatial grid shows, for each
place on screen, the patch that activates the feature most at that place. In both the same thing must not fill the
picture: thumbnails take few patches from one place, grids take few from one observation (`assign`).

Activations are read a batch at a time and only the candidates are kept, so that thousands of observations of a large
layer fit in memory.

References
----------
Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020 ("spatially-aware feature visualization").
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.attribution import Frames
from rlvision_widgets.analysis.codes import nonnegative_codes
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["assign", "spatial_grid", "top_examples"]

FAINTEST = 15 / 255  # opacity of the weakest patch that is shown at all
CHECKERBOARD = (191, 255)  # grey levels beyond the edge of an observation: nothing was seen there
CANDIDATES = 64  # observations that are kept for each place of a grid


@strict_keywords
def top_examples(
    agent: Agent,
    observations: Frames,
    features: xr.Dataset,
    *,
    layer: str | None = None,
    count: int = 16,
    per_position: int = 4,
    cells: float = 4.0,
    batch_size: int = 64,
) -> xr.Dataset:
    """Find the patches that activate each feature most: one from an observation, few from one place.

    Parameters
    ----------
    agent : Agent
        Whose layer it is.
    observations : uint8 DataArray or array, (sample, height, width, rgb)
        Decorrelated frames (`collect_observations`); read a batch at a time.
    features : Dataset
        From `fit_nmf`.
    layer : str, optional
        The features' own, unless given.
    count : int
        Patches for each feature.
    per_position : int
        Most patches from the same cell of the layer.
    cells : float
        Side of a patch, in cells of the layer.
    batch_size : int
        Frames that are read and held at a time.

    Returns
    -------
    Dataset
        source (feature, rank) : int32, index of the observation.
        row, column (feature, rank) : int32, cell of the layer, from the top left.
        strength (feature, rank) : float32, the cell's activation along the feature, strongest first; 0 where a feature
        activates fewer than `count` observations.
        patch (feature, rank, patch_height, patch_width, rgb) : uint8, around the cell; beyond the edge of the
        observation a checkerboard of light grey and white pixels.
    """
    layer = _layer(agent, features, layer)
    if min(count, per_position) < 1 or not cells > 0:
        raise ValueError(f"count, per_position and cells have to be above 0; got {count}, {per_position}, {cells}.")
    layer_cells, strength, place = _strongest_places(
        _codes(agent, layer, observations, features, batch_size),
        math.ceil(count / per_position),  # a place is full after per_position patches: no more than these are needed
    )
    picks = [assign(s, p, per_position, count) for s, p in zip(strength, place, strict=True)]
    source, choice = (np.array(part) for part in zip(*picks, strict=True))
    feature = np.arange(len(source))[:, None]
    row, column = np.divmod(place[feature, source, choice], layer_cells[1])
    patch = _patches(observations, source, row=row, column=column, layer_cells=layer_cells, cells=cells)
    ranked = ("feature", "rank")
    return xr.Dataset(
        {
            "source": (ranked, source.astype(np.int32)),
            "row": (ranked, row.astype(np.int32)),
            "column": (ranked, column.astype(np.int32)),
            "strength": (ranked, strength[feature, source, choice].astype(np.float32)),
            "patch": ((*ranked, "patch_height", "patch_width", "rgb"), patch),
        },
        attrs={"layer": layer, "per_position": per_position, "patch_cells": cells},
    )


@strict_keywords
def spatial_grid(
    agent: Agent,
    observations: Frames,
    features: xr.Dataset,
    *,
    layer: str | None = None,
    feature: int | None = None,
    density: float = 1.0,
    cells: float = 4.0,
    top_fraction: float = 0.1,
    batch_size: int = 64,
) -> xr.Dataset:
    """Show for each place on screen the patch that activates a feature most there.

    Parameters
    ----------
    agent, observations, features, layer, batch_size
        As in `top_examples`.
    feature : int, optional
        Only this one; None for all.
    density : float
        Patches for each cell of the layer, along each side: below 1 fewer patches than cells, above 1 more (the
        activations between cells are interpolated).
    cells : float
        Side of a patch, in cells of the layer.
    top_fraction : float
        No observation is used more than ceil(places / (observations * top_fraction)) times, which spreads the grid
        over at least this share of the observations. A place whose candidates are all used up takes its best all the
        same.

    Returns
    -------
    Dataset
        source (feature, grid_y, grid_x) : int32, index of the observation.
        strength (feature, grid_y, grid_x) : float32, activation along the feature.
        picture (feature, grid_height, grid_width, rgba) : uint8, all patches side by side; the more opaque, the
        stronger; transparent where nothing activates the feature.
    """
    layer = _layer(agent, features, layer)
    if not (density > 0 and cells > 0 and 0 < top_fraction <= 1):
        raise ValueError(
            f"expected density > 0, cells > 0 and 0 < top_fraction <= 1; got {density}, {cells}, {top_fraction}."
        )
    kept = features if feature is None else features.isel(feature=[feature])
    codes = _codes(agent, layer, observations, kept, batch_size)
    layer_cells, strength, candidate, row, column = _strongest_observations(codes, density)
    limit = math.ceil(len(row) * len(column) / (len(observations) * top_fraction))
    source = np.empty(strength.shape[:2], np.int32)
    best = np.empty(strength.shape[:2], np.float32)
    for feature_source, feature_best, s, c in zip(source, best, strength, candidate, strict=True):
        place, choice = assign(s, c, limit)
        feature_source[place], feature_best[place] = c[place, choice], s[place, choice]
    rows, columns = np.repeat(row, len(column)), np.tile(column, len(row))
    patch = _patches(observations, source, row=rows, column=columns, layer_cells=layer_cells, cells=cells)
    grid = (len(source), len(row), len(column))
    return xr.Dataset(
        {
            "source": (("feature", "grid_y", "grid_x"), source.reshape(grid)),
            "strength": (("feature", "grid_y", "grid_x"), best.reshape(grid)),
            "picture": (
                ("feature", "grid_height", "grid_width", "rgba"),
                _picture(patch.reshape(*grid, *patch.shape[2:]), best.reshape(grid)),
            ),
        },
        attrs={"layer": layer, "density": density, "patch_cells": cells, "most_uses": limit},
    )


def assign(
    strength: Float[np.ndarray, "slot choice"],
    candidate: Int[np.ndarray, "slot choice"],
    limit: int,
    count: int | None = None,
) -> tuple[Int[np.ndarray, " pick"], Int[np.ndarray, " pick"]]:
    """Give each slot its strongest candidate, but no candidate to more than `limit` slots.

    The strongest pairs go first, so the result is stable: no slot would rather have a candidate that has room, or that
    a weaker slot got. Slots whose candidates are all used up come last and take their strongest all the same.

    Parameters
    ----------
    strength : array, (slot, choice)
        How well each of a slot's candidates suits it, strongest first.
    candidate : int array, (slot, choice)
        Which they are.
    limit : int
        Most slots for the same candidate.
    count : int, optional
        Stop after this many slots.

    Returns
    -------
    slot, choice : int arrays, (pick,)
        In the order in which they were picked.
    """
    slots, choices = strength.shape
    count = slots if count is None else min(count, slots)
    used = [0] * (int(candidate.max()) + 1)
    names = candidate.ravel().tolist()
    picked: dict[int, int] = {}
    for pair in np.argsort(-strength, axis=None, kind="stable").tolist():
        if len(picked) == count:
            break
        slot, choice = divmod(pair, choices)
        if slot not in picked and used[names[pair]] < limit:
            used[names[pair]] += 1
            picked[slot] = choice
    left = [slot for slot in np.argsort(-strength[:, 0], kind="stable").tolist() if slot not in picked]
    picked.update(dict.fromkeys(left[: count - len(picked)], 0))
    return np.array(list(picked)), np.array(list(picked.values()))


def _layer(agent: Agent, features: xr.Dataset, layer: str | None) -> str:
    layer = str(features.attrs.get("layer")) if layer is None else layer
    if layer not in agent.layers:
        raise ValueError(unknown("layer", layer, agent.layers, "Pass layer=, the one that the features are of."))
    return layer


def _codes(
    agent: Agent, layer: str, observations: Frames, features: xr.Dataset, batch_size: int
) -> Iterator[Float[Tensor, "sample feature y x"]]:
    """Yield activations along the features, batch by batch."""
    if observations.ndim != 4 or not len(observations):
        raise ValueError(f"expected observations (sample, height, width, rgb), at least one; got {observations.shape}.")
    direction = torch.tensor(features["direction"].transpose("feature", "channel").values)
    if (channels := agent.layer_shape(layer)[0]) != direction.shape[1]:
        raise ValueError(
            f"layer {layer!r} has {channels} channels, the features {direction.shape[1]}; "
            "expected features of this layer."
        )

    def codes(frames: npt.NDArray[np.uint8]) -> Tensor:
        cells = agent.activations(layer, frames).cpu().permute(0, 2, 3, 1)
        found = nonnegative_codes(cells.flatten(0, 2).clamp_min(0), direction.to(cells.dtype))
        return found.reshape(*cells.shape[:3], -1).permute(0, 3, 1, 2)

    starts = range(0, len(observations), batch_size)
    frames = (np.asarray(observations[start : start + batch_size]) for start in starts)
    return agent.over_batches(codes, frames)


def _strongest_places(
    batches: Iterator[Tensor], choices: int
) -> tuple[tuple[int, int], Float[np.ndarray, "feature sample choice"], Int[np.ndarray, "feature sample choice"]]:
    """Return the layer's height and width, and for each observation its strongest cells, in row-major order."""
    strengths, places = [], []
    for codes in batches:
        shape = codes.shape[2], codes.shape[3]
        best = codes.flatten(2).topk(min(choices, shape[0] * shape[1]), dim=2)
        strengths.append(best.values)
        places.append(best.indices)
    strength, place = (torch.cat(parts).transpose(0, 1).numpy() for parts in (strengths, places))
    return shape, strength, place


def _strongest_observations(
    batches: Iterator[Tensor], density: float
) -> tuple[
    tuple[int, int],
    Float[np.ndarray, "feature place choice"],
    Int[np.ndarray, "feature place choice"],
    Float[np.ndarray, " row"],
    Float[np.ndarray, " column"],
]:
    """Return the layer's height and width; for each place its strongest observations; rows and columns of places."""
    strength = source = torch.empty(0)
    start = 0
    for codes in batches:
        shape = codes.shape[2], codes.shape[3]
        row, column = (_places(size, density) for size in shape)
        down, across = (
            torch.from_numpy(_interpolation(*at)).to(codes) for at in zip((row, column), shape, strict=True)
        )
        found = torch.einsum("sfyx,py,qx->fpqs", codes, down, across).flatten(1, 2)
        own = torch.arange(start, start + len(codes)).expand_as(found)
        if start:
            found, own = torch.cat([strength, found], 2), torch.cat([source, own], 2)
        strength, order = found.topk(min(CANDIDATES, found.shape[2]), dim=2)
        source = own.gather(2, order)
        start += len(codes)
    return shape, strength.numpy(), source.numpy(), row, column


def _places(size: int, density: float) -> Float[np.ndarray, " place"]:
    """Return evenly spaced places along a side of `size` cells, in cells; 0 is the middle of the first cell.

    As Lucid's: the side with one more cell at each end is divided evenly, and the outermost places are dropped.
    """
    padded = size + 2
    count = round(padded * density - density + 1)
    if count < 3:
        raise ValueError(f"a grid of density {density} over {size} cells is empty; take a larger density.")
    places: npt.NDArray[np.float64] = np.linspace(-1, size, count)[1:-1]
    return places


def _interpolation(places: npt.NDArray[np.float64], size: int) -> Float[np.ndarray, "place cell"]:
    """Return the weights of each cell in the linear interpolation at each place; the edge is continued."""
    return np.stack([np.interp(places, np.arange(size), one) for one in np.eye(size)], axis=1)


def _patches(
    observations: Frames,
    source: Int[np.ndarray, "feature rank"],
    *,
    row: npt.NDArray[Any],
    column: npt.NDArray[Any],
    layer_cells: tuple[int, int],
    cells: float,
) -> UInt8[np.ndarray, "feature rank patch_height patch_width rgb"]:
    """Cut squares around cells (row, column) of a layer of `layer_cells` out of the observations `source`."""
    size = observations.shape[1:3]
    spans = []
    for place, pixels, count in zip((row, column), size, layer_cells, strict=True):
        side = max(1, round(cells * pixels / count))
        start = np.floor((place + 0.5) * pixels / count - side / 2 + 0.5).astype(int)
        spans.append(np.broadcast_to(start, source.shape)[..., None] + np.arange(side))
    y, x = spans[0][..., :, None], spans[1][..., None, :]
    wanted, index = np.unique(source, return_inverse=True)
    frames: npt.NDArray[np.uint8] = np.stack([np.asarray(observations[int(one)]) for one in wanted])
    inside_y, inside_x = np.clip(y, 0, size[0] - 1), np.clip(x, 0, size[1] - 1)
    patch: npt.NDArray[np.uint8] = frames[index.reshape(source.shape)[..., None, None], inside_y, inside_x]
    beyond = (y != inside_y) | (x != inside_x)
    patch[beyond] = np.array(CHECKERBOARD, np.uint8)[(y + x) % 2][beyond][:, None]
    return patch


def _picture(
    patch: UInt8[np.ndarray, "feature grid_y grid_x patch_height patch_width rgb"],
    strength: Float[np.ndarray, "feature grid_y grid_x"],
) -> UInt8[np.ndarray, "feature grid_height grid_width rgba"]:
    """Put patches side by side, opaque where strong: full from the strongest tenth on (Lucid's rescaling)."""
    full = np.maximum(np.quantile(strength, 0.9, axis=(1, 2)), strength.max((1, 2)) / 10)[:, None, None]
    alpha = np.minimum(1, FAINTEST + (1 - FAINTEST) * strength / np.where(full > 0, full, 1))
    opacity = np.rint(255 * np.where(strength > 0, alpha, 0)).astype(np.uint8)
    opacity = np.broadcast_to(opacity[..., None, None, None], (*patch.shape[:-1], 1))
    rgba = np.concatenate([patch, opacity], -1).transpose(0, 1, 3, 2, 4, 5)
    features, rows, height, columns, width, _ = rgba.shape
    return rgba.reshape(features, rows * height, columns * width, 4)
