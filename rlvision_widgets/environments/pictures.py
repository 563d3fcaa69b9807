"""Which part of what a Gymnasium world shows is the frame: pictures, grey ones, and stacks of the last few."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["EXPECTED", "frames_of"]

COLOURS = (1, 3)
DEEPEST = 16  # frames of a stack

EXPECTED = (
    "uint8 images of the shape (height, width, 3), grey ones of (height, width, 1) or (height, width), or stacks of "
    "the last frames, (frame, height, width) or (frame, height, width, 1 or 3), are expected"
)

Frames = Callable[[npt.ArrayLike], npt.NDArray[np.uint8]]


def frames_of(shape: tuple[int, ...], dtype: Any) -> Frames | None:
    """Return the function from a batch of observations to its newest frames; None where they are no pictures.

    Parameters
    ----------
    shape : tuple of int
        Of one observation. Three rows of numbers could be a stack as well as colours that come first: they are neither.
    dtype : dtype
        uint8 is a picture's.

    Returns
    -------
    callable or None
        (batch, *shape) → uint8 (batch, height, width, rgb); grey is given in three equal colours.
    """
    if dtype != np.uint8:
        return None
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in COLOURS):
        return lambda observations: _coloured(np.asarray(observations), len(shape))
    if _is_stack(shape):
        return lambda observations: _coloured(np.asarray(observations)[:, -1], len(shape) - 1)
    return None


def _is_stack(shape: tuple[int, ...]) -> bool:
    if len(shape) == 4:
        return shape[3] in COLOURS and shape[0] <= DEEPEST
    return len(shape) == 3 and shape[0] != 3 and shape[0] <= DEEPEST and 2 * shape[0] < min(shape[1:])


def _coloured(pixels: npt.NDArray[np.uint8], num_axes: int) -> npt.NDArray[np.uint8]:
    pixels = pixels[..., np.newaxis] if num_axes == 2 else pixels
    return np.broadcast_to(pixels, (*pixels.shape[:3], 3))
