"""Spatial grids: for each place on screen, the patch that activates a feature most at that place.

A feature's strongest patches anywhere may all be of one thing; a grid also shows what the feature responds to where
that thing never is. The same observation must not fill the picture, so each is used a limited number of times
(`examples.assign`).

References
----------
Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020 ("spatially-aware feature visualization").
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from jaxtyping import Float, UInt8
from torch import Tensor

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.attribution import Frames
from rlvision_widgets.analysis.examples import assign, layer_codes, layer_of, survey
from rlvision_widgets.analysis.patches import cut_patches, opacity
from rlvision_widgets.names import strict_keywords

__all__ = ["DENSITIES", "StrongestObservations", "spatial_grid"]

DENSITIES = {"0.25": 0.25, "0.5": 0.5, "1": 1.0, "2": 2.0}  # name of a grid's node → patches a cell, along each side
CANDIDATES = 64  # observations that are kept for each place of a grid
MOST_CANDIDATES = 2**24  # of all places and features together
OFFERED = 2**24  # activations that are ranked together, or
TOGETHER = 256  # observations: half as much work as batch by batch


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
        row (grid_y), column (grid_x) : float32, the places in cells of the layer; 0 is the middle of the first cell.
    """
    if not (density > 0 and cells > 0 and 0 < top_fraction <= 1):
        raise ValueError(
            f"expected density > 0, cells > 0 and 0 < top_fraction <= 1; got {density}, {cells}, {top_fraction}."
        )
    kept = features if feature is None else features.isel(feature=[feature])
    strongest = StrongestObservations([density])
    survey(layer_codes(agent, observations, kept, layer=layer, batch_size=batch_size), [strongest])
    (grid,) = strongest.grids(top_fraction)
    row, column = np.meshgrid(grid["row"].values, grid["column"].values, indexing="ij")
    patch = cut_patches(
        observations, grid["source"].values, row=row, column=column, layer_cells=strongest.layer_cells, cells=cells
    )
    alpha = opacity(grid["strength"].values)[..., None, None, None]
    rgba = np.concatenate([patch, np.broadcast_to(alpha, (*patch.shape[:-1], 1))], -1)
    return grid.assign(picture=(("feature", "grid_height", "grid_width", "rgba"), _side_by_side(rgba))).assign_attrs(
        layer=layer_of(agent, features, layer), patch_cells=cells
    )


class StrongestObservations:
    """Gathers for each place of one or several grids the observations that activate a feature most there.

    Parameters
    ----------
    densities : sequence of float
        Of the grids; one for which the layer is too small (no place is left) gives an empty grid only if there is
        another.
    """

    def __init__(self, densities: Sequence[float]) -> None:
        self.densities = tuple(densities)
        self.layer_cells = (0, 0)
        self.num_observations = 0
        self._waiting: list[Tensor] = []
        self._best: dict[float, tuple[Tensor, Tensor]] = {}

    def offer(self, codes: Float[Tensor, "sample feature y x"]) -> None:
        """Take note of the next batch of activations along the features."""
        self.layer_cells = codes.shape[2], codes.shape[3]
        self._waiting.append(codes)
        if sum(map(len, self._waiting)) >= TOGETHER or sum(map(torch.numel, self._waiting)) >= OFFERED:
            self._rank()

    def grids(self, top_fraction: float = 0.1) -> list[xr.Dataset]:
        """Return source, strength, row and column of each grid, as `spatial_grid` does."""
        if self._waiting:
            self._rank()
        return [self._grid(density, top_fraction) for density in self._best]

    def _rank(self) -> None:
        codes, self._waiting = torch.cat(self._waiting), []
        for density in self.densities:
            places = self._places(density)
            if places is None:
                continue
            down, across = (
                torch.from_numpy(_interpolation(*at)).to(codes) for at in zip(places, self.layer_cells, strict=True)
            )
            own = torch.arange(self.num_observations, self.num_observations + len(codes), dtype=torch.int32)
            room = MOST_CANDIDATES // (codes.shape[1] * len(down) * len(across))
            keep = max(1, min(CANDIDATES, room, self.num_observations + len(codes)))
            known = self._best.get(density)
            ranked = []
            for feature in range(codes.shape[1]):  # one at a time: all together would not fit into memory
                found = torch.einsum("syx,py,qx->pqs", codes[:, feature], down, across).flatten(0, 1)
                source = own.expand_as(found)
                if known is not None:
                    found = torch.cat([known[0][feature], found], 1)
                    source = torch.cat([known[1][feature], source], 1)
                strength, order = found.topk(keep, dim=1)
                ranked.append((strength, source.gather(1, order)))
            strengths, sources = zip(*ranked, strict=True)
            self._best[density] = torch.stack(strengths), torch.stack(sources)
        self.num_observations += len(codes)

    def _places(self, density: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
        try:
            return _places(self.layer_cells[0], density), _places(self.layer_cells[1], density)
        except ValueError:
            if len(self.densities) == 1:
                raise
            return None

    def _grid(self, density: float, top_fraction: float) -> xr.Dataset:
        row, column = (_places(size, density) for size in self.layer_cells)
        limit = math.ceil(len(row) * len(column) / (self.num_observations * top_fraction))
        strength, candidate = (part.numpy() for part in self._best[density])
        source, best = np.empty(strength.shape[:2], np.int32), np.empty(strength.shape[:2], np.float32)
        for feature_source, feature_best, s, c in zip(source, best, strength, candidate, strict=True):
            place, choice = assign(s, c, limit)
            feature_source[place], feature_best[place] = c[place, choice], s[place, choice]
        shape, dims = (len(source), len(row), len(column)), ("feature", "grid_y", "grid_x")
        return xr.Dataset(
            {
                "source": (dims, source.reshape(shape)),
                "strength": (dims, best.reshape(shape)),
                "row": ("grid_y", row.astype(np.float32)),
                "column": ("grid_x", column.astype(np.float32)),
            },
            attrs={"density": density, "most_uses": limit, "num_observations": self.num_observations},
        )


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


def _side_by_side(
    patches: UInt8[np.ndarray, "feature grid_y grid_x patch_height patch_width rgba"],
) -> UInt8[np.ndarray, "feature grid_height grid_width rgba"]:
    patches = patches.transpose(0, 1, 3, 2, 4, 5)
    features, rows, height, columns, width, colours = patches.shape
    return patches.reshape(features, rows * height, columns * width, colours)
