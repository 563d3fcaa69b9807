"""Attribution drawn over a frame, in Python as in the browser; and pixels as a PNG file."""

import struct
import zlib

import numpy as np
import numpy.typing as npt

__all__ = ["composite", "hatch", "png"]

Pixels = npt.NDArray[np.uint8]
ENLARGED = 4  # screen pixels a pixel of the observation
GAP = 8  # screen pixels between panels
STRENGTH = 0.9  # opacity of the strongest attribution


def composite(observation: Pixels, strength: npt.NDArray[np.floating], colours: npt.NDArray[np.floating]) -> Pixels:
    """Draw positive attribution over a dimmed frame, coloured by feature.

    The views draw the same (`js/core/composite.ts`).

    Parameters
    ----------
    observation : uint8 array, (height, width, rgb)
        0-255.
    strength : array, (y, x, feature)
        Attribution, 1 at full strength; what is negative is not drawn.
    colours : array, (feature, rgb)
        0-255.

    Returns
    -------
    uint8 array, (height, width, rgb)
    """
    positive = np.maximum(strength, 0)
    total = positive.sum(axis=-1, keepdims=True)
    colour = positive @ colours / np.where(total > 0, total, 1)
    opacity = STRENGTH * np.sqrt(np.minimum(total, 1))
    height, width = observation.shape[:2]
    rows = np.arange(height) * total.shape[0] // height
    columns = np.arange(width) * total.shape[1] // width
    colour, opacity = (grid[rows[:, np.newaxis], columns] for grid in (colour, opacity))
    luma = observation @ np.array([0.2126, 0.7152, 0.0722])
    dimmed = 0.6 * luma[..., np.newaxis] + 0.15 * observation
    drawn: Pixels = np.floor(dimmed * (1 - opacity) + colour * opacity + 0.5).astype(np.uint8)
    return drawn


def hatch(enlarged: Pixels, lowers: npt.NDArray[np.bool_], opacity: npt.NDArray[np.floating]) -> Pixels:
    """Hatch the cells that lower the output, in a picture of both signs enlarged by `ENLARGED`.

    The views draw the same (`js/core/hatch.ts`).

    Parameters
    ----------
    enlarged : uint8 array, (height, width, rgb)
        The picture after enlarging.
    lowers : bool array, (y, x)
        Cells whose attribution sums to less than zero over the features drawn.
    opacity : array, (y, x)
        Of each cell, 0-1.

    Returns
    -------
    uint8 array, (height, width, rgb)
    """
    height, width = enlarged.shape[:2]
    y, x = np.arange(height)[:, np.newaxis], np.arange(width)
    rows = y // ENLARGED * lowers.shape[0] // (height // ENLARGED)
    columns = x // ENLARGED * lowers.shape[1] // (width // ENLARGED)
    lines = ((x + y) % 8 < 2) & lowers[rows, columns]
    strength = np.where(lines, 0.75 * opacity[rows, columns], 0)[..., np.newaxis]
    hatched: Pixels = np.floor(enlarged * (1 - strength) + 0.5).astype(np.uint8)
    return hatched


def png(pixels: Pixels) -> bytes:
    """Encode pixels, (height, width, rgb) uint8, as a PNG file."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row starts with its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
