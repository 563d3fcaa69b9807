"""Pictures one after another, as a file: an animated GIF, or a video."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from PIL import Image

from rlvision_widgets.widgets.poster import Pixels

__all__ = ["WRITERS", "write_gif", "write_mp4"]

COLOURS = 256  # of a GIF's frame


def write_gif(path: Path, pictures: Iterable[Pixels], fps: float) -> None:
    """Write an animated GIF that starts over at its end.

    A frame keeps the 256 colours that suit it best, without dithering: flat cells stay flat, and a frame with more
    colours is changed a little. Equal pictures give equal bytes.

    Parameters
    ----------
    path : Path
    pictures : iterable of uint8 array, (height, width, rgb)
        All of one size.
    fps : float
        Frames a second; GIF rounds the time of a frame to hundredths of a second.
    """
    frames = (Image.fromarray(p).quantize(COLOURS, dither=Image.Dither.NONE) for p in pictures)
    first = next(frames)
    first.save(path, format="GIF", save_all=True, append_images=frames, duration=1000 / fps, loop=0, optimize=False)


def write_mp4(path: Path, pictures: Iterable[Pixels], fps: float) -> None:
    """Write an H.264 video that every browser plays.

    Nearly lossless (constant rate factor 12); colours have half the resolution of brightness, which an enlarged
    observation hides. Equal pictures give equal bytes.

    Parameters
    ----------
    path : Path
    pictures : iterable of uint8 array, (height, width, rgb)
        All of one size.
    fps : float
        Frames a second.

    Raises
    ------
    ModuleNotFoundError
        Without imageio-ffmpeg, with the command that installs it.
    """
    try:
        from imageio_ffmpeg import write_frames
    except ModuleNotFoundError as error:
        message = "a video needs ffmpeg: pip install imageio-ffmpeg (or 'rlvision-widgets[movie]'); .gif needs nothing"
        raise ModuleNotFoundError(message, name=error.name) from None
    even = (_even(picture) for picture in pictures)
    first = next(even)
    options = ["-preset", "medium", "-crf", "12", "-threads", "2", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
    size = (first.shape[1], first.shape[0])
    writer = write_frames(
        str(path), size, fps=fps, codec="libx264", pix_fmt_out="yuv420p", macro_block_size=2, output_params=options
    )
    writer.send(None)
    try:
        for picture in chain([first], even):
            writer.send(np.ascontiguousarray(picture))
    finally:
        writer.close()


def _even(picture: Pixels) -> Pixels:
    """Return the picture with an even number of rows and columns, as H.264 wants it; white is added."""
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=255)


WRITERS: dict[str, Callable[[Path, Iterator[Pixels], float], None]] = {".gif": write_gif, ".mp4": write_mp4}
