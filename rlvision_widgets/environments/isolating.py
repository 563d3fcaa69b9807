"""Where the library itself draws each thing, found by letting it draw things alone.

So nothing need be known about pictures: turned, tiled, mirrored and random ones are all right. A thing is drawn on
black and on white: what leaves black and white as they were has neither colour nor opacity. Things whose boxes are
apart are drawn together; a frame takes some twenty drawings of 60 microseconds.
"""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.binding import Emulator, Installation
from rlvision_widgets.environments.games import EXPLOSION, NOTHING, SPACE
from rlvision_widgets.environments.geometry import Rectangles, cell_rectangles
from rlvision_widgets.environments.layout import ENTITY
from rlvision_widgets.environments.options import library_options
from rlvision_widgets.environments.painting import paint_full_cells, spans_of
from rlvision_widgets.environments.scene import OUTSIDE, Canvas, Scene
from rlvision_widgets.environments.states import State, serialise_state
from rlvision_widgets.environments.validation import check_state

__all__ = ["Isolator"]

HIDDEN = 9  # a render_z that is never drawn
BEHIND = -1  # the render_z that is drawn first
MEMORY = 10  # the distribution mode in which jumper has no compass
NO_GENERATOR = struct.pack("<ii", 1, 0)  # reading the text of three takes the library longer than drawing

# the values with which a game's overlays are not drawn
_NO_OVERLAYS: dict[str, dict[str, float]] = {
    "jumper": {"distribution_mode": MEMORY},
    "ninja": {"jump_charge": 0},
    "plunder": {"juice_left": 0, "targets_hit": 0},
}

Touched = npt.NDArray[np.bool_]


class Isolator:
    """Draws the things of a state alone, in an environment of its own, which never steps.

    Not safe against a second thread.

    Parameters
    ----------
    game : str
    options : dict
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
        stage = _Stage(self._emulator(size), state, scene)
        canvas = np.zeros((size, size), np.int32)
        for part in (_entities, _cells, _overlays):
            for ranks in part(stage, state, scene):
                np.maximum(canvas, ranks, out=canvas)
        return canvas

    def _emulator(self, size: int) -> Emulator:
        if size not in self._emulators:
            options = library_options(self.game, self.options, seed=0, num_threads=0)
            self._emulators[size] = Emulator(self._installation, 1, options, large_frames=size > 64)
        return self._emulators[size]

    def close(self) -> None:
        """Free the environments."""
        while self._emulators:
            self._emulators.popitem()[1].close()


class _Stage:
    """A state with everything hidden, in front of black and of white.

    Attributes
    ----------
    entities : array of `ENTITY`
        The backdrop, then those of the state; `touched` draws them as they are now.
    grid : int32 array, (y, x)
        Likewise.
    """

    def __init__(self, emulator: Emulator, state: State, scene: Scene) -> None:
        self.emulator, self.size = emulator, scene.view.size
        self._bare = state.replace(
            entities=np.concatenate([_backdrop(scene), state.entities]),
            grid=np.arange(2**20, 2**20 + state.grid.size, dtype=np.int32).reshape(state.grid.shape),  # found below
            out_of_bounds_object=NOTHING,
            use_backgrounds=0,
            paint_vel_info=0,
            **_NO_OVERLAYS.get(state.game, {}),
            **dict.fromkeys(state.generators, NO_GENERATOR),
        )
        # changed in place: putting it together anew takes a third as long as drawing it
        self._data = bytearray(serialise_state(self._bare))
        self.entities, self.grid = self._inside(self._bare.entities), self._inside(self._bare.grid)
        self.entities["render_z"] = HIDDEN
        self.grid[:] = SPACE
        self._empty = self._frames(self._data)

    def _inside(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return an array as a view of the bytes."""
        start = self._data.index(array.tobytes())
        return np.frombuffer(self._data, array.dtype, array.size, start).reshape(array.shape)

    def touched(self, **values: Any) -> Touched:
        """Return the pixels that something touches; `values` are replaced for it."""
        data = self._data
        if values:
            state = self._bare.replace(entities=self.entities, grid=self.grid, **values)
            data = bytearray(serialise_state(state))
        on_black, on_white = self._frames(data) ^ self._empty
        differs = on_black | on_white
        touched: Touched = (differs[..., 0] | differs[..., 1] | differs[..., 2]) != 0
        return touched

    def _frames(self, data: bytearray) -> npt.NDArray[np.uint8]:
        """Return the frames on black and on white, (backdrop, height, width, rgb)."""
        layer = np.frombuffer(data, ENTITY, 1, data.index(self.entities[0].tobytes()))["render_z"]
        frames = []
        for backdrop in (BEHIND, HIDDEN):
            layer[0] = backdrop
            self.emulator.set_state(0, data)
            if self.size > 64:
                self.emulator.observe()
            frames.append((self.emulator.large_frame if self.size > 64 else self.emulator.observation)[0].copy())
        return np.stack(frames)


def _backdrop(scene: Scene) -> npt.NDArray[Any]:
    """Return an entity that paints the frame white: the heart of an explosion, which every game can draw, stretched."""
    backdrop = np.zeros(1, ENTITY)
    backdrop["x"], backdrop["y"] = scene.view.center_x, scene.view.center_y
    backdrop["rx"] = backdrop["ry"] = 8 * scene.view.view_dim
    backdrop["type"] = backdrop["image_type"] = EXPLOSION
    backdrop["alpha"] = 1
    return backdrop


def _entities(stage: _Stage, state: State, scene: Scene) -> Iterator[Canvas]:
    for group in _apart(scene.boxes):
        indices = scene.entities[group]
        stage.entities["render_z"][indices + 1] = state.entities["render_z"][indices]  # the first is the backdrop
        ranks = np.zeros((stage.size, stage.size), np.int32)
        for index in group:
            ranks[_around(scene.boxes, index, stage.size)] = scene.entity_ranks[index]
        yield np.where(stage.touched(), ranks, 0)
        stage.entities["render_z"][indices + 1] = HIDDEN


def _cells(stage: _Stage, state: State, scene: Scene) -> Iterator[Canvas]:
    low_x, low_y, values = scene.window
    ranks, size = scene.cell_ranks, stage.size
    rows, columns = low_y + np.arange(values.shape[0]), low_x + np.arange(values.shape[1])
    box = cell_rectangles(scene.view, columns, rows)
    outside = scene.instances[ranks] == OUTSIDE
    if outside.any():  # these cannot be shown one by one; they have no holes and are all the same
        whole = np.zeros((size, size), np.int32)
        across, down = spans_of(box.left, box.width, size), spans_of(box.top, box.height, size)
        paint_full_cells(whole, across, down, np.where(outside, ranks, 0))
        yield np.where(stage.touched(out_of_bounds_object=state.values["out_of_bounds_object"]), whole, 0)
    inside = np.where(outside, 0, ranks)
    for odd_y, odd_x in ((0, 0), (0, 1), (1, 0), (1, 1)):  # every other one, so that they are apart
        some_rows, some_columns = rows % 2 == odd_y, columns % 2 == odd_x
        some = np.where(some_rows[:, None] & some_columns, inside, 0)
        if some.any():
            at = np.nonzero(some)
            cells = at[0] + low_y, at[1] + low_x
            stage.grid[cells] = state.grid[cells]
            touched = stage.touched()
            stage.grid[cells] = SPACE
            nearest_rows = _nearest(box.top + box.height / 2, some_rows, size)
            nearest_columns = _nearest(box.left + box.width / 2, some_columns, size)
            yield np.where(touched, some[nearest_rows[:, None], nearest_columns], 0)


def _overlays(stage: _Stage, state: State, scene: Scene) -> Iterator[Canvas]:
    for name, rank in scene.overlays.items():
        fields = ["paint_vel_info"] if name == "velocity" else list(_NO_OVERLAYS[state.game])
        shown: dict[str, Any] = {field: state.values[field] for field in fields}
        yield np.where(stage.touched(**shown), np.int32(rank), 0)


def _apart(boxes: Rectangles) -> list[list[int]]:
    """Return groups of boxes that do not touch one another, not even by a pixel that smoothing adds."""
    left, top = np.floor(boxes.left) - 1, np.floor(boxes.top) - 1
    right, bottom = np.ceil(boxes.left + boxes.width) + 1, np.ceil(boxes.top + boxes.height) + 1
    meets = (left[:, None] < right) & (left < right[:, None]) & (top[:, None] < bottom) & (top < bottom[:, None])
    groups: list[list[int]] = []
    for index in range(len(left)):
        group = next((group for group in groups if not meets[index, group].any()), None)
        if group is None:
            groups.append([index])
        else:
            group.append(index)
    return groups


def _around(boxes: Rectangles, index: int, size: int) -> tuple[slice, slice]:
    """Return rows and columns of a box, with the pixel that smoothing adds."""
    left, top = int(np.floor(boxes.left[index])) - 1, int(np.floor(boxes.top[index])) - 1
    right = int(np.ceil(boxes.left[index] + boxes.width[index])) + 1
    bottom = int(np.ceil(boxes.top[index] + boxes.height[index])) + 1
    return slice(max(top, 0), max(min(bottom, size), 0)), slice(max(left, 0), max(min(right, size), 0))


def _nearest(centre: npt.NDArray[np.float64], some: npt.NDArray[np.bool_], size: int) -> npt.NDArray[np.intp]:
    """Return which of some columns (or rows) is nearest to each pixel."""
    among = np.flatnonzero(some)
    nearest: npt.NDArray[np.intp] = among[np.abs(np.arange(size)[:, None] + 0.5 - centre[among]).argmin(axis=1)]
    return nearest
