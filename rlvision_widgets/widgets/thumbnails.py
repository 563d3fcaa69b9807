"""One small picture per feature: the patches that activate it most, laid out as they lie on screen."""

import numpy as np
import numpy.typing as npt
import xarray as xr

__all__ = ["thumbnails"]

SIDE = 4  # patches along each side
FAINTEST = 15 / 255  # opacity of the weakest patch, so that it can still be seen


def thumbnails(examples: xr.Dataset) -> xr.Variable:
    """Lay out each feature's strongest patches in a square.

    The strongest 16 are sorted by row into four rows, each row by column; a patch is the more opaque the more
    strongly it activates the feature. (Hilton et al. 2020's thumbnails.)

    Parameters
    ----------
    examples : Dataset
        Of a layer; see `schema.EXAMPLES`.

    Returns
    -------
    Variable, (feature, height, width, rgba) uint8
        Transparent where there are fewer than 16 patches, and where a patch does not activate the feature.
    """
    best = examples.isel(rank=slice(SIDE * SIDE)).load()
    patch = best["patch"].transpose("feature", "rank", "patch_height", "patch_width", "rgb").values
    strength, row, column = (
        best[name].transpose("feature", "rank").values.astype(np.float64) for name in ("strength", "row", "column")
    )
    pictures = [_thumbnail(*feature) for feature in zip(patch, strength, row, column, strict=True)]
    height, width = SIDE * patch.shape[2], SIDE * patch.shape[3]
    return xr.Variable(("feature", "height", "width", "rgba"), np.reshape(pictures, (-1, height, width, 4)))


def _thumbnail(
    patch: npt.NDArray[np.uint8],
    strength: npt.NDArray[np.float64],
    row: npt.NDArray[np.float64],
    column: npt.NDArray[np.float64],
) -> npt.NDArray[np.uint8]:
    """Return (height, width, rgba) of patches (rank, patch_height, patch_width, rgb)."""
    height, width = patch.shape[1:3]
    opacity = strength / max(strength.max(initial=0.0), np.finfo(np.float64).tiny)
    alpha = np.where(strength > 0, FAINTEST + opacity * (1 - FAINTEST), 0)
    picture = np.zeros((SIDE * height, SIDE * width, 4), np.uint8)
    by_row = np.argsort(row, kind="stable")
    for line in range(SIDE):
        members = by_row[line * SIDE : (line + 1) * SIDE]
        for place, rank in enumerate(members[np.argsort(column[members], kind="stable")]):
            cell = picture[line * height : (line + 1) * height, place * width : (place + 1) * width]
            cell[..., :3] = patch[rank]
            cell[..., 3] = np.rint(255 * alpha[rank])
    return picture
