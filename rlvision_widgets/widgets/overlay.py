"""Classes of objects drawn over a frame, in Python as in the browser (`js/core/masks.ts`)."""

import numpy as np
import numpy.typing as npt

__all__ = ["draw_mask", "laid_over"]

FILL = 102 / 255  # opacity of what is filled; the outline has all of it

Pixels = npt.NDArray[np.uint8]


def draw_mask(
    codes: Pixels, colours: npt.NDArray[np.floating], *, height: int, width: int, line: int, fill: bool
) -> Pixels:
    """Outline the classes of a frame in a picture of any size.

    A point of the picture is on an outline if a point of another class is at most `line` points away, also
    diagonally. The picture's edge is no outline: what is cut off there goes on beyond it.

    Parameters
    ----------
    codes : uint8 array, (y, x)
        The class of each pixel of the frame; 0, the background, is not drawn.
    colours : array, (class, rgb)
        0-255.
    height, width : int
        Of the picture, in points.
    line : int
        Width of a line within its class, in points; not wider than a pixel of the frame.
    fill : bool
        Tint what lies inside, too.

    Returns
    -------
    uint8 array, (height, width, rgba)
    """
    rows, columns = (_covered(points, count) for points, count in zip((height, width), codes.shape, strict=True))
    enlarged = codes[rows[:, np.newaxis], columns]
    around = np.pad(enlarged, line, mode="edge")
    outline = np.zeros(enlarged.shape, bool)
    for down in range(2 * line + 1):
        for right in range(2 * line + 1):
            outline |= around[down : down + height, right : right + width] != enlarged
    opacity = np.where(outline, 1.0, FILL if fill else 0.0) * (enlarged > 0)
    drawn = np.zeros((height, width, 4), np.uint8)
    drawn[..., :3] = colours[enlarged] * (opacity > 0)[..., np.newaxis]
    drawn[..., 3] = np.rint(255 * opacity)
    return drawn


def laid_over(picture: Pixels, overlay: Pixels) -> Pixels:
    """Lay an overlay, (height, width, rgba), over a picture, (height, width, rgb)."""
    opacity = overlay[..., 3:] / 255
    mixed: Pixels = np.floor(picture * (1 - opacity) + overlay[..., :3] * opacity + 0.5).astype(np.uint8)
    return mixed


def _covered(points: int, count: int) -> npt.NDArray[np.intp]:
    """Return for each of so many points which of `count` pixels covers it."""
    edges = np.floor(np.arange(count + 1) * points / count + 0.5).astype(np.intp)
    return np.repeat(np.arange(count), np.diff(edges))
