"""Atari's games through ale-py: under their Gymnasium ids, and as agents for them mostly see them."""

import functools
from collections.abc import Mapping
from typing import Any

import gymnasium

from rlvision_widgets.names import unknown

__all__ = ["atari_package", "preprocessed", "register_atari"]

INSTALL = "pip install 'rlvision-widgets[atari]'"
USUAL: dict[str, Any] = {
    "noop_max": 30,
    "frame_skip": 4,
    "screen_size": 84,
    "terminal_on_life_loss": False,
    "grayscale_obs": True,
}


def register_atari(identifier: str) -> None:
    """Make Gymnasium know Atari's ids, where `identifier` is one that it does not know.

    Raises
    ------
    ImportError
        When it is Atari's and ale-py is not installed.
    """
    if identifier in gymnasium.registry:
        return
    try:
        import ale_py
    except ModuleNotFoundError as error:
        if identifier.startswith("ALE/"):
            raise ImportError(f"{identifier} needs ale-py, which is not installed: {INSTALL}.") from error
        return
    gymnasium.register_envs(ale_py)


def preprocessed(identifier: str, chosen: object, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of `gymnasium.make_vec` that show a game as Mnih et al. (2015) did.

    Each action is repeated, the last two frames are merged, and what is shown is small and grey.

    Parameters
    ----------
    identifier : str
        The game's id.
    chosen : "atari" or mapping
        Options of `gymnasium.wrappers.AtariPreprocessing` instead of the usual: noop_max=30, frame_skip=4,
        screen_size=84, terminal_on_life_loss=False, grayscale_obs=True.
    options : mapping
        Of the game itself. It then repeats no action by itself.

    Raises
    ------
    ImportError
        When OpenCV is not installed, which makes the frames small.
    ValueError, TypeError
        For a preprocessing or an option that there is not.
    """
    if isinstance(chosen, str) and chosen != "atari":
        raise ValueError(unknown("preprocessing", chosen, ["atari"], "Or give a mapping of options."))
    if not isinstance(chosen, str | Mapping):
        raise TypeError(f"preprocessing is 'atari' or a mapping of options, and {chosen!r} came.")
    changes = {} if isinstance(chosen, str) else dict(chosen)
    for name in changes:
        if name not in USUAL:
            raise ValueError(unknown("option of preprocessing", name, USUAL))
    try:
        import cv2  # noqa: F401
    except ModuleNotFoundError as error:
        raise ImportError(
            f"the preprocessing of {identifier} needs OpenCV, which is not installed: {INSTALL}."
        ) from error
    wrapper = functools.partial(gymnasium.wrappers.AtariPreprocessing, **{**USUAL, **changes})
    return {"wrappers": [wrapper], **options, "frameskip": 1}


def atari_package(vector: Any) -> str:
    """Return what runs the games beside Gymnasium, e.g. ", ale-py 0.12.1"; nothing for worlds that are not Atari's."""
    inner = getattr(getattr(vector.unwrapped, "envs", [vector])[0], "unwrapped", vector)
    if not hasattr(inner, "ale"):
        return ""
    import ale_py

    return f", ale-py {ale_py.__version__}"
