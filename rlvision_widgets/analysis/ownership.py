"""Whose attribution is it: a layer's attribution, cell by cell, divided among the objects in the frame.

1. Each pixel has one owner. That is what is visible there; but what a layer says of a thing lies around it as well as
   on it, so scenery (background, walls) within `spread` pixels of a thing belongs to the nearest thing.
2. The attribution of a cell is spread evenly over the pixels that the cell covers.
3. An object's share is the sum over its pixels.

Every pixel has exactly one owner, so the shares of all owners sum to the attribution's sum.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

__all__ = ["owners", "per_pixel", "shares"]

Labels = npt.NDArray[np.integer[Any]]


def owners(instance: Labels, scenery: npt.NDArray[np.bool_], spread: float) -> Labels:
    """Return the owner of each pixel.

    Parameters
    ----------
    instance : int array, (height, width)
        What is visible at each pixel.
    scenery : bool array, (height, width)
        Where that is background or wall.
    spread : float
        Pixels, centre to centre, up to which scenery belongs to the nearest thing.

    Returns
    -------
    int array, (height, width)
    """
    if spread < 1 or scenery.all():
        return instance
    distance, nearest = distance_transform_edt(scenery, return_indices=True)
    theirs: Labels = np.where(distance <= spread, instance[tuple(nearest)], instance)
    return theirs


def per_pixel(attribution: npt.NDArray[np.floating], height: int, width: int) -> npt.NDArray[np.float64]:
    """Spread attribution, (y, x), evenly over the pixels under each cell, (height, width); the sum stays."""
    rows, columns = (_cover(count, size) for count, size in zip(attribution.shape, (height, width), strict=True))
    pixels: npt.NDArray[np.float64] = rows.T @ attribution.astype(np.float64) @ columns
    return pixels


def shares(attribution: npt.NDArray[np.floating], owner: Labels) -> tuple[Labels, npt.NDArray[np.float64]]:
    """Return all owners, in ascending order, and each one's share of an attribution, (y, x)."""
    who, index = np.unique(owner, return_inverse=True)
    weights = per_pixel(attribution, *owner.shape)
    return who, np.bincount(index.ravel(), weights.ravel(), len(who)).astype(np.float64)


def _cover(cells: int, pixels: int) -> npt.NDArray[np.float64]:
    """Return which part of each cell each pixel lies in, (cell, pixel): every row sums to 1."""
    edges = np.arange(cells + 1) * pixels / cells
    low = np.maximum(edges[:-1, None], np.arange(pixels)[None])
    high = np.minimum(edges[1:, None], np.arange(1, pixels + 1)[None])
    part: npt.NDArray[np.float64] = np.clip(high - low, 0, None) * cells / pixels
    return part
