"""Which object is at each pixel: what is seen, and the whole of an object behind what covers it."""

import threading
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.binding import find_installation
from rlvision_widgets.environments.environment import Environment
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.isolating import Isolator
from rlvision_widgets.environments.objects import columns_of, table_of
from rlvision_widgets.environments.options import DEFAULTS, check_options
from rlvision_widgets.environments.painting import can_paint, paint
from rlvision_widgets.environments.scene import (
    BACKGROUND,
    OUTSIDE,
    OVERLAY,
    Canvas,
    Labels,
    Scene,
    choose,
    labels_of,
    scene_of,
)
from rlvision_widgets.environments.states import State, parse_state

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BACKGROUND", "OUTSIDE", "OVERLAY", "Labels", "Seer", "amodal_mask", "label_pixels"]


def label_pixels(state: State, assets: Path, size: int = 64) -> Labels:
    """Return which object is seen at each pixel of a frame of CoinRun or Maze; `Seer` does it for every game.

    Parameters
    ----------
    state : State
    assets : Path
        The wheel's folder of pictures, ``find_installation().assets``.
    size : int
        64, exact to the pixel, or 512, exact to one pixel at the edges.

    Raises
    ------
    ValueError
        When the state is of another game, or holds what only the library can draw: turned things, foreign pictures.
    """
    scene = _paintable(state, size)
    return labels_of(scene, paint(state, scene, assets))


def amodal_mask(state: State, assets: Path, what: str, size: int = 64) -> npt.NDArray[np.bool_]:
    """Return all pixels of a class or of one object of CoinRun or Maze, also behind what covers it.

    Hiding it can change only these pixels. Parameters and errors are those of `label_pixels` and `Seer.amodal`.
    """
    scene = _paintable(state, size)
    chosen = choose(state, scene, what)
    return _covered(paint(state, scene.only(chosen), assets), chosen)


def _paintable(state: State, size: int) -> Scene:
    scene = scene_of(state, size)
    if not can_paint(state, scene):
        raise ValueError(
            f"this {state.game} state is drawn from pictures that are not known here (other games, turned things, "
            "foreign pictures): use a Seer, which asks the library."
        )
    return scene


def _covered(canvas: Canvas, chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return where something was painted; everywhere, if the background is chosen: it is behind everything."""
    return (canvas > 0) | bool(chosen[0])


class Seer:
    """Sees which object is at each pixel of an environment's states, of any of the sixteen games.

    CoinRun and Maze are painted from tables, in a fraction of a millisecond. For the others a spare environment, made
    when first needed, draws each thing alone. May be used from any thread.

    Parameters
    ----------
    environment : Environment
        One of Procgen's, or one that wraps it. It is not touched; its game and options are used.

    Raises
    ------
    ValueError
        When it has no states to see in: it is not Procgen's, or draws its own pictures.
    """

    def __init__(self, environment: Environment) -> None:
        options, name = getattr(environment, "options", {}), getattr(environment, "name", environment)
        if name not in GAMES or not getattr(environment, "has_states", False) or not DEFAULTS.keys() <= options.keys():
            raise ValueError(
                f"objects are read from Procgen's saved states, and {name!r} has none: use one of its sixteen games, "
                "without use_generated_assets."
            )
        self.game, self.options = str(name), check_options(str(name), {option: options[option] for option in DEFAULTS})
        directory = getattr(environment, "directory", None)
        self._installation = find_installation(directory)
        self._lock = threading.Lock()
        self._isolator: Isolator | None = None

    def labels(self, state: State | bytes, size: int = 64) -> Labels:
        """Return which object is seen at each pixel.

        Parameters
        ----------
        state : State or bytes
        size : int
            64, exact to the pixel; or 512, as `ProcgenEnvironment.render` draws, exact to one pixel at the edges.

        Raises
        ------
        ValueError
            When the state is not one that this environment can show.
        """
        state = self._state(state)
        scene = scene_of(state, size)
        return labels_of(scene, self._paint(state, scene))

    def amodal(self, state: State | bytes, what: str, size: int = 64) -> npt.NDArray[np.bool_]:
        """Return all pixels of a class or of one object, also behind what covers it: hiding it changes no others.

        Parameters
        ----------
        state : State or bytes
        what : str
            A class of `classes_of` the game, e.g. "saw"; or an object's key, e.g. "entity 5" or "cell 12,3".
        size : int

        Raises
        ------
        ValueError
            When there is no such class or object, or the state is not one that this environment can show.
        """
        state = self._state(state)
        scene = scene_of(state, size)
        chosen = choose(state, scene, what)
        return _covered(self._paint(state, scene.only(chosen)), chosen)

    def look(self, state: State | bytes, *, walls: bool = False) -> tuple[Labels, dict[str, npt.NDArray[Any]]]:
        """Return the labels of the 64-pixel frame and the table of its objects as arrays, see `object_columns`.

        Both at once cost little more than the labels.
        """
        state = self._state(state)
        scene = scene_of(state)
        canvas = self._paint(state, scene)
        seen = np.bincount(canvas.ravel(), minlength=len(scene.codes))
        return labels_of(scene, canvas), columns_of(state, scene, seen, walls=walls)

    def objects(self, state: State | bytes, *, walls: bool = False) -> "pd.DataFrame":
        """Return the table of the objects in the 64-pixel frame with their visible pixels; see `object_table`."""
        state = self._state(state)
        return table_of(state, self.look(state, walls=walls)[1])

    def _state(self, state: State | bytes) -> State:
        parsed = state if isinstance(state, State) else parse_state(state)
        if parsed.game != self.game:
            raise ValueError(f"this is a state of {parsed.game}, and this Seer sees {self.game}.")
        return parsed

    def _paint(self, state: State, scene: Scene) -> Canvas:
        if can_paint(state, scene):
            return paint(state, scene, self._installation.assets)
        with self._lock:
            if self._isolator is None:
                self._isolator = Isolator(self.game, self.options, self._installation)
            return self._isolator.paint(state, scene)

    def close(self) -> None:
        """Free the spare environment; a later call makes another."""
        with self._lock:
            if self._isolator is not None:
                self._isolator.close()
                self._isolator = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
