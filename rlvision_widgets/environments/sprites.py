"""Which pixels of CoinRun's and Maze's pictures are not empty.

The files are those of the installed Procgen wheel (Cobbe et al. 2020); nothing of them is kept here but their names.
"""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["SPRITES", "Sprite", "load_sprite"]

_COLOURS = ("Beige", "Blue", "Green", "Pink", "Yellow")
_GROUNDS = ("Dirt", "Grass", "Planet", "Sand", "Snow", "Stone")
_WALKERS = (
    *("slimeBlock", "slimePurple", "slimeBlue", "slimeGreen", "mouse", "snail", "ladybug", "wormGreen", "wormPink"),
)
_BOXES = ("boxCrate", "boxCrate_double", "boxCrate_single", "boxCrate_warning")
_COMMON = {
    **{54 + i: (f"misc_assets/explosion{i + 1}.png",) for i in range(5)},
    59: ("misc_assets/iconCircle_white.png",),
}


def _alien(pose: str) -> tuple[str, ...]:
    return tuple(f"kenney/Players/128x256/{colour}/alien{colour}_{pose}.png" for colour in _COLOURS)


def _ground(part: str) -> tuple[str, ...]:
    return tuple(f"kenney/Ground/{ground}/{ground.lower()}{part}.png" for ground in _GROUNDS)


SPRITES: dict[str, dict[int, tuple[str, ...]]] = {
    "coinrun": {
        **_COMMON,
        0: _alien("stand"),
        1: ("kenney/Items/coinGold.png",),
        2: ("kenney/Enemies/sawHalf.png",),
        3: ("kenney/Enemies/sawHalf_move.png",),
        6: tuple(f"kenney/Enemies/{walker}.png" for walker in _WALKERS),
        7: tuple(f"kenney/Enemies/{walker}_move.png" for walker in _WALKERS),
        9: _alien("jump"),
        12: _alien("walk1"),
        13: _alien("walk2"),
        15: _ground("Center"),
        16: _ground("Mid"),
        17: ("kenney/Tiles/lava.png",),
        18: ("kenney/Tiles/lavaTop_low.png",),
        20: tuple(f"kenney/Tiles/{box}.png" for box in _BOXES),
    },
    "maze": {
        **_COMMON,
        0: ("kenney/Enemies/mouse_move.png",),
        2: ("misc_assets/cheese.png",),
        51: ("kenney/Ground/Sand/sandCenter.png",),
    },
}
"""For each game and image, the picture of each theme, in the folder of assets."""


class Sprite(NamedTuple):
    """The pixels of a picture that are not empty, (height, width), and whether all are."""

    covered: npt.NDArray[np.bool_]
    is_full: bool


@functools.cache
def load_sprite(assets: Path, game: str, image: int, theme: int) -> Sprite:
    """Return the picture of an image in a theme.

    Raises
    ------
    ImportError
        When the file is missing from the installed wheel.
    ValueError
        When the image has no such theme.
    """
    names = SPRITES[game][image]
    if not 0 <= theme < len(names):
        raise ValueError(f"image_theme is {theme} for image_type {image} of {game}, which has {len(names)}.")
    from PIL import Image

    try:
        with Image.open(assets / names[theme]) as picture:
            alpha = np.asarray(picture.convert("RGBA"))[..., 3]
    except OSError as error:
        raise ImportError(
            f"Procgen's picture {assets / names[theme]} cannot be read: {error}. Install it again."
        ) from error
    covered = alpha > 0
    covered.setflags(write=False)
    return Sprite(covered, bool(covered.all()))
