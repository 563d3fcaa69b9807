"""Patches: small squares of observations around cells of a layer. Numpy alone, so that views cut them too."""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["CHECKERBOARD", "Frames", "cut_patches", "opacity", "patch_side", "patch_start"]

FAINTEST = 15 / 255  # opacity of the weakest patch that is shown at all
CHECKERBOARD = (191, 255)  # grey levels beyond the edge of an observation: nothing was seen there


class Frames(Protocol):
    """Observations, (sample, height, width, rgb), that are read one at a time: an array, or what reads like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Their size."""

    def __getitem__(self, index: int, /) -> Any:
        """Return one of them."""


def patch_side(cells: float, pixels: int, count: int) -> int:
    """Return the side, in pixels, of a patch of `cells` cells where `count` cells span `pixels` pixels."""
    return max(1, round(cells * pixels / count))


def patch_start(place: npt.ArrayLike, side: int, pixels: int, count: int) -> npt.NDArray[np.intp]:
    """Return the first row (or column) of pixels of patches centred on `place`, in cells; it may lie off screen."""
    return np.floor((np.asarray(place) + 0.5) * pixels / count - side / 2 + 0.5).astype(np.intp)


def cut_patches(
    observations: Frames,
    source: npt.NDArray[np.integer[Any]],
    *,
    row: npt.ArrayLike,
    column: npt.ArrayLike,
    layer_cells: tuple[int, int],
    cells: float,
) -> npt.NDArray[np.uint8]:
    """Cut squares around cells out of observations.

    Parameters
    ----------
    observations : uint8, (sample, height, width, rgb)
        Each wanted one is read once.
    source : int array, any shape
        Index of the observation of each patch.
    row, column : arrays that broadcast to the shape of `source`
        Cell of the layer from the top left; a fraction lies between two cells.
    layer_cells : (int, int)
        Height and width of the layer.
    cells : float
        Side of a patch, in cells.

    Returns
    -------
    uint8 array, (..., patch_height, patch_width, rgb)
        Beyond the edge of the observation a checkerboard of light grey and white pixels.
    """
    height, width = observations.shape[1:3]
    spans = []
    for place, pixels, count in ((row, height, layer_cells[0]), (column, width, layer_cells[1])):
        side = patch_side(cells, pixels, count)
        start = np.broadcast_to(patch_start(place, side, pixels, count), source.shape)
        spans.append(start[..., None] + np.arange(side))
    y, x = spans[0][..., :, None], spans[1][..., None, :]
    inside_y, inside_x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    patch: npt.NDArray[np.uint8] = np.empty((*source.shape, y.shape[-2], x.shape[-1], 3), np.uint8)
    order = np.argsort(source, axis=None, kind="stable")
    wanted, first = np.unique(source.ravel()[order], return_index=True)
    for one, members in zip(wanted, np.split(order, first[1:]), strict=True):
        own = np.unravel_index(members, source.shape)
        patch[own] = np.asarray(observations[int(one)])[inside_y[own], inside_x[own]]
    beyond = (y != inside_y) | (x != inside_x)
    patch[beyond] = np.array(CHECKERBOARD, np.uint8)[(y + x) % 2][beyond][:, None]
    return patch


def opacity(strength: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    """Return how opaque the patches of a grid are, 0-255: the stronger the more, fully so from the strongest tenth on.

    Parameters
    ----------
    strength : array, (..., grid_y, grid_x)
        Each grid has its own scale. Where nothing (or nothing finite) activates the feature, the patch is transparent.

    Notes
    -----
    Lucid's rescaling: 1 at the 90th percentile, or at a tenth of the largest strength if that is more.
    """
    strength = np.where(np.isfinite(strength), strength, 0)
    if not strength.size:
        return np.zeros(strength.shape, np.uint8)
    full = np.maximum(np.quantile(strength, 0.9, axis=(-2, -1)), strength.max((-2, -1)) / 10)[..., None, None]
    alpha = np.minimum(1, FAINTEST + (1 - FAINTEST) * strength / np.where(full > 0, full, 1))
    found: npt.NDArray[np.uint8] = np.rint(255 * np.where(strength > 0, alpha, 0)).astype(np.uint8)
    return found
