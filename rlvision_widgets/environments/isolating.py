"""Where the library itself draws each thing, found by letting it draw things alone on black.

What a frame shows of a thing need not be known then: turned, tiled, stretched and random pictures are all right. Things
whose boxes are apart are drawn together, so a frame takes some ten drawings.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.binding import Emulator, Installation
from rlvision_widgets.environments.games import NOTHING, SPACE
from rlvision_widgets.environments.geometry import Rectangles, cell_rectangles
from rlvision_widgets.environments.options import library_options
from rlvision_widgets.environments.painting import filled_spans, paint_full_cells
from rlvision_widgets.environments.scene import OUTSIDE, Canvas, Scene
from rlvision_widgets.environments.states import State, serialise_state
from rlvision_widgets.environments.validation import check_state

__all__ = ["Isolator"]

HIDDEN = 9  # a render_z that is never drawn
MEMORY = 10  # the distribution mode in which jumper has no compass

# the values with which a game's overlays are not drawn
_NO_OVERLAYS: dict[str, dict[str, float]] = {
    "jumper": {"distribution_mode": MEMORY},
    "ninja": {"jump_charge": 0},
    "plunder": {"juice_left": 0, "targets_hit": 0},
}

Changed = npt.NDArray[np.bool_]


class Isolator:
    """Draws the things of a state alone, in an environment of its own. Not safe against a second thread.

    Parameters
    ----------
    game : str
    options : mapping
        Of the environment whose states come.
    installation : Installation
    """

    def __init__(self, game: str, options: dict[str, Any], installation: Installation) -> None:
        self.game, self.options, self._installation = game, options, installation
        self._emulators: dict[int, Emulator] = {}

    def paint(self, state: State, scene: Scene) -> Canvas:
        """Return the highest rank of `scene` at each pixel, (height, width); 0 is the background.

        Raises
        ------
        ValueError
            When the library would not survive the state.
        """
        check_state(state, self.game, self.options)
        size = scene.view.size
        entities = state.entities.copy()
        entities["render_z"] = HIDDEN
        bare = state.replace(
            entities=entities,
            grid=np.full_like(state.grid, SPACE),
            out_of_bounds_object=NOTHING,
            use_backgrounds=0,
            paint_vel_info=0,
            **_NO_OVERLAYS.get(self.game, {}),
        )
        empty = self._draw(bare, size)

        def changed(**parts: Any) -> Changed:
            return (self._draw(bare.replace(**parts), size) != empty).any(axis=-1)

        canvas = np.zeros((size, size), np.int32)
        for layer in (
            self._entities(state, scene, entities, changed),
            self._cells(state, scene, changed),
            self._overlays(state, scene, changed),
        ):
            for ranks in layer:
                np.maximum(canvas, ranks, out=canvas)
        return canvas

    def _draw(self, state: State, size: int) -> npt.NDArray[np.uint8]:
        if size not in self._emulators:
            options = library_options(self.game, self.options, seed=0, num_threads=0)
            self._emulators[size] = Emulator(self._installation, 1, options, large_frames=size > 64)
        emulator = self._emulators[size]
        emulator.set_state(0, serialise_state(state))
        if size > 64:
            emulator.observe()
        frame = emulator.large_frame if size > 64 else emulator.observation
        drawn: npt.NDArray[np.uint8] = frame[0].copy()
        return drawn

    def _entities(self, state: State, scene: Scene, hidden: npt.NDArray[Any], changed: Any) -> Iterator[Canvas]:
        for group in _apart(scene.boxes):
            shown = hidden.copy()
            indices = scene.entities[group]
            shown["render_z"][indices] = state.entities["render_z"][indices]
            touched = changed(entities=shown)
            ranks = np.zeros(touched.shape, np.int32)
            for index in group:
                rows, columns = _around(scene.boxes, index, scene.view.size)
                ranks[rows, columns] = scene.entity_ranks[index]
            yield np.where(touched, ranks, 0)

    def _cells(self, state: State, scene: Scene, changed: Any) -> Iterator[Canvas]:
        low_x, low_y, values = scene.window
        ranks, view = scene.cell_ranks, scene.view
        outside = scene.instances[ranks] == OUTSIDE
        rows, columns = low_y + np.arange(values.shape[0]), low_x + np.arange(values.shape[1])
        box = cell_rectangles(view, columns, rows)
        if outside.any():
            everything = np.zeros((view.size, view.size), np.int32)
            spans = filled_spans(box.left, box.width, view.size), filled_spans(box.top, box.height, view.size)
            paint_full_cells(everything, *spans, np.where(outside, ranks, 0))
            touched = changed(out_of_bounds_object=state.values["out_of_bounds_object"])
            yield np.where(touched, everything, 0)
        inside = np.where(outside, 0, ranks)
        for odd_y in (0, 1):
            for odd_x in (0, 1):
                part = np.zeros_like(inside)
                some = np.ix_((rows % 2) == odd_y, (columns % 2) == odd_x)
                part[some] = inside[some]
                if part.any():
                    touched = changed(grid=_only(state, part > 0, low_x, low_y))
                    down, across = (
                        _nearest(box.top, box.height, rows % 2 == odd_y, view.size),
                        _nearest(box.left, box.width, columns % 2 == odd_x, view.size),
                    )
                    yield np.where(touched, part[down[:, None], across], 0)

    def _overlays(self, state: State, scene: Scene, changed: Any) -> Iterator[Canvas]:
        for name, rank in scene.overlays.items():
            parts = (
                {"paint_vel_info": 1}
                if name == "velocity"
                else {field: state.values[field] for field in _NO_OVERLAYS[self.game]}
            )
            yield np.where(changed(**parts), rank, 0).astype(np.int32)

    def close(self) -> None:
        """Free the environments."""
        while self._emulators:
            self._emulators.popitem()[1].close()


def _apart(boxes: Rectangles) -> list[list[int]]:
    """Return groups of boxes that do not touch one another, not even by a pixel that smoothing adds."""
    left, top = np.floor(boxes.left) - 1, np.floor(boxes.top) - 1
    right, bottom = np.ceil(boxes.left + boxes.width) + 1, np.ceil(boxes.top + boxes.height) + 1
    meets = (left[:, None] < right) & (left < right[:, None]) & (top[:, None] < bottom) & (top < bottom[:, None])
    groups: list[list[int]] = []
    for index in range(len(left)):
        for group in groups:
            if not meets[index, group].any():
                group.append(index)
                break
        else:
            groups.append([index])
    return groups


def _around(boxes: Rectangles, index: int, size: int) -> tuple[slice, slice]:
    """Return rows and columns of a box, with the pixel that smoothing adds."""
    left, top = int(np.floor(boxes.left[index])) - 1, int(np.floor(boxes.top[index])) - 1
    right = int(np.ceil(boxes.left[index] + boxes.width[index])) + 1
    bottom = int(np.ceil(boxes.top[index] + boxes.height[index])) + 1
    return slice(max(top, 0), max(min(bottom, size), 0)), slice(max(left, 0), max(min(right, size), 0))


def _only(state: State, shown: npt.NDArray[np.bool_], low_x: int, low_y: int) -> npt.NDArray[np.int32]:
    """Return the grid with nothing but the cells shown, (y, x), of the window that begins at (low_x, low_y)."""
    grid = np.full_like(state.grid, SPACE)
    rows, columns = np.nonzero(shown)
    grid[rows + low_y, columns + low_x] = state.grid[rows + low_y, columns + low_x]
    return grid


def _nearest(
    low: npt.NDArray[np.float64], extent: npt.NDArray[np.float64], some: npt.NDArray[np.bool_], size: int
) -> npt.NDArray[np.intp]:
    """Return which of some columns (or rows) is nearest to each pixel; every other is among them, so none is wrong."""
    among = np.flatnonzero(some)
    centre = low[among] + extent[among] / 2
    distance = np.abs(np.arange(size)[:, None] + 0.5 - centre)
    return among[distance.argmin(axis=1)]
