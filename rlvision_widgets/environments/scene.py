"""What a frame is painted from: every thing that reaches it, in the order of painting."""

import functools
import re
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.catalogue import class_of_cell, class_of_entity, classes_of, overlay_classes
from rlvision_widgets.environments.geometry import (
    Rectangles,
    View,
    cell_window,
    drawn_entities,
    entity_boxes,
    images_of,
    is_drawn_value,
    velocity_shown,
    view_of,
)
from rlvision_widgets.environments.states import State
from rlvision_widgets.names import unknown

__all__ = [
    "BACKGROUND",
    "OUTSIDE",
    "OVERLAY",
    "Canvas",
    "Labels",
    "Scene",
    "choose",
    "instance_key",
    "labels_of",
    "scene_of",
]

SIZES = (64, 512)
BACKGROUND = -(2**31)
OUTSIDE = BACKGROUND + 1  # every cell beyond the world's edge
OVERLAY = BACKGROUND + 2  # what is painted over the world: velocity squares, bars, a compass
LARGEST_CELL = 1002  # a chaser's orb
LARGEST_BOX = 1e7  # pixels; none that the library would be given is near it

_SPECIAL = {"background": BACKGROUND, "outside": OUTSIDE, "overlay": OVERLAY}
_KEY = re.compile(r"entity (?P<entity>\d+)|cell (?P<column>\d+),(?P<row>\d+)")

Canvas = npt.NDArray[np.int32]


class Labels(NamedTuple):
    """What is seen at each pixel of a frame.

    Attributes
    ----------
    instance : int32 array, (height, width)
        Which thing: an entity's index in the state; a cell (i, j) as -1 - (j * width + i), width being the world's;
        `BACKGROUND`, `OUTSIDE` or `OVERLAY`.
    object_class : uint8 array, (height, width)
        Its class, an index into `classes_of` the game.
    """

    instance: npt.NDArray[np.int32]
    object_class: npt.NDArray[np.uint8]


class Scene(NamedTuple):
    """The things that reach a frame, each with its rank: its place in the order of painting, from 1.

    Attributes
    ----------
    view : View
    entities : int array, (entity,)
        Indices of the entities, in the order of painting.
    images : int32 array, (entity,)
        Their pictures.
    boxes : Rectangles
        Where they are drawn.
    entity_ranks : int32 array, (entity,)
    window : (int, int, int32 array)
        First column and row of cells that are drawn, and their values, (y, x).
    cell_ranks : int32 array, (y, x)
        0 where a cell has no picture.
    cell_values : list of int
        The values that cells with a picture have.
    overlays : dict of str to int
        The rank of each class that is painted over the world.
    instances : int32 array, (rank,)
        Which thing has a rank, as `Labels.instance` says it; rank 0 is the background.
    codes : uint8 array, (rank,)
        And its class.
    """

    view: View
    entities: npt.NDArray[np.intp]
    images: npt.NDArray[np.int32]
    boxes: Rectangles
    entity_ranks: npt.NDArray[np.int32]
    window: tuple[int, int, npt.NDArray[np.int32]]
    cell_ranks: Canvas
    cell_values: list[int]
    overlays: dict[str, int]
    instances: npt.NDArray[np.int32]
    codes: npt.NDArray[np.uint8]

    def only(self, ranks: npt.NDArray[np.bool_]) -> "Scene":
        """Return the scene with nothing but the things whose ranks are chosen, (rank,) bool."""
        kept = ranks[self.entity_ranks]
        return self._replace(
            entities=self.entities[kept],
            images=self.images[kept],
            boxes=Rectangles(*(side[kept] for side in self.boxes)),
            entity_ranks=self.entity_ranks[kept],
            cell_ranks=np.where(ranks[self.cell_ranks], self.cell_ranks, 0),
            overlays={name: rank for name, rank in self.overlays.items() if ranks[rank]},
        )


def scene_of(state: State, size: int = 64) -> Scene:
    """Return what the frame of `state` with `size` pixels is painted from.

    Raises
    ------
    ValueError
        When `size` is not that of a frame, or the state has a cell or a view that cannot be drawn.
    """
    if size not in SIZES:
        raise ValueError(f"frames have 64 or 512 pixels, and size={size!r} came.")
    view = view_of(state, size)
    entities, images, boxes = _seen_entities(state, view)
    low_x, low_y, values = window = cell_window(state, view)
    game, below = state.game, int((state.entities["render_z"][entities] < 0).sum())
    try:
        drawn, cell_kinds = _drawn_values(game)[values], cell_codes(game)[values]
    except IndexError:
        wrong = values.flat[np.abs(values, dtype=np.int64).argmax()]
        raise ValueError(f"a cell of this {game} state holds {wrong}, which has no picture.") from None
    entity_ranks = np.arange(1, len(entities) + 1, dtype=np.int32)
    entity_ranks[below:] += values.size
    cells = _cell_instances(state.grid.shape, low_x, low_y, values.shape)
    names = [*(["velocity"] if velocity_shown(state) else []), *overlay_classes(game)]
    first = len(entities) + values.size + 1
    instances, codes = np.full(first + len(names), OVERLAY, np.int32), np.zeros(first + len(names), np.uint8)
    kinds, in_cells = entity_codes(state, entities), slice(below + 1, below + 1 + values.size)
    instances[0], instances[entity_ranks], instances[in_cells] = BACKGROUND, entities, cells
    codes[entity_ranks], codes[in_cells] = kinds, cell_kinds.T.ravel()
    codes[first:] = [name_codes(game)[name] for name in names]
    cell_ranks = np.where(drawn, _cell_order(values.shape, below + 1), 0)
    return Scene(
        *(view, entities, images, boxes, entity_ranks, window, cell_ranks, _distinct(values[drawn])),
        {name: first + i for i, name in enumerate(names)},
        *(instances, codes),
    )


def _seen_entities(state: State, view: View) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int32], Rectangles]:
    """Return index, picture and box of the entities that reach the frame, in the order of painting."""
    indices = drawn_entities(state)
    entities = state.entities[indices]
    images = images_of(state, entities)
    with np.errstate(over="ignore", invalid="ignore"):  # what has no place in numbers is in no frame
        box, size = entity_boxes(state, view, entities, images), view.size
        seen = (box.left < size + 1) & (box.left + box.width > -1) & (box.top < size + 1) & (box.top + box.height > -1)
        seen &= box.width + box.height < LARGEST_BOX
    return indices[seen], images[seen], Rectangles(*(side[seen] for side in box))


def _distinct(values: npt.NDArray[np.int32]) -> list[int]:
    found: list[int] = (np.flatnonzero(np.bincount(values + LARGEST_CELL)) - LARGEST_CELL).tolist()
    return found


@functools.lru_cache(256)
def _cell_order(shape: tuple[int, int], first: int) -> Canvas:
    """Return the ranks of cells, (y, x): column by column, from the bottom."""
    return np.arange(first, first + shape[0] * shape[1], dtype=np.int32).reshape(shape[::-1]).T


@functools.lru_cache(4096)
def _cell_instances(grid: tuple[int, int], low_x: int, low_y: int, shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Return the instances of a window's cells in the order of their ranks."""
    rows, columns = low_y + np.arange(shape[0]), low_x + np.arange(shape[1])[:, None]
    inside = (rows >= 0) & (rows < grid[0]) & (columns >= 0) & (columns < grid[1])
    return np.where(inside, -1 - (rows * grid[1] + columns), OUTSIDE).astype(np.int32).ravel()


def labels_of(scene: Scene, canvas: Canvas) -> Labels:
    """Return what the ranks on a canvas stand for."""
    return Labels(scene.instances.take(canvas), scene.codes.take(canvas))


@functools.cache
def name_codes(game: str) -> dict[str, int]:
    """Return the code of each class of a game."""
    return {name: code for code, name in enumerate(classes_of(game))}


def _every_value() -> list[int]:
    """Return the values that a cell can have, in an order in which each, negative or not, indexes itself."""
    return [*range(LARGEST_CELL + 1), *range(-LARGEST_CELL, 0)]


@functools.cache
def cell_codes(game: str) -> npt.NDArray[np.uint8]:
    """Return the class code of each value that a cell can have; also negative ones are indices."""
    return np.array([name_codes(game)[class_of_cell(game, value)] for value in _every_value()], np.uint8)


@functools.cache
def _drawn_values(game: str) -> npt.NDArray[np.bool_]:
    return np.array([is_drawn_value(game, value) for value in _every_value()])


@functools.cache
def _entity_code(game: str, kind: int, image: int) -> int:
    return name_codes(game)[class_of_entity(game, kind, image)]


def entity_codes(state: State, indices: npt.NDArray[np.intp]) -> npt.NDArray[np.uint8]:
    """Return the class code of each of the entities `indices`."""
    kinds, images = state.entities["type"][indices].tolist(), state.entities["image_type"][indices].tolist()
    pairs = zip(kinds, images, strict=True)
    return np.array([_entity_code(state.game, kind, image) for kind, image in pairs], np.uint8)


def instance_key(instance: int, width: int) -> str:
    """Return an instance as text, e.g. "entity 5" or "cell 12,3", in a world of `width` cells."""
    if instance >= 0:
        return f"entity {instance}"
    for name, number in _SPECIAL.items():
        if instance == number:
            return name
    return f"cell {(-1 - instance) % width},{(-1 - instance) // width}"


def choose(state: State, scene: Scene, what: str) -> npt.NDArray[np.bool_]:
    """Return which ranks are of a class or are one thing, (rank,).

    Parameters
    ----------
    state : State
    scene : Scene
    what : str
        A class, or the key of one thing: "saw", "entity 5", "cell 12,3".

    Raises
    ------
    ValueError
        When it is neither.
    """
    if not isinstance(what, str):
        raise ValueError(f"what to mark must be a class or a key, e.g. 'saw' or 'entity 5', and {what!r} came.")
    if (code := name_codes(state.game).get(what)) is not None:
        return np.equal(scene.codes, code)
    return np.equal(scene.instances, _instance_of(state, what))


def _instance_of(state: State, key: str) -> int:
    if key in _SPECIAL:
        return _SPECIAL[key]
    found = _KEY.fullmatch(key)
    if found is None:
        raise ValueError(
            unknown(
                "object or class", key, classes_of(state.game), "One thing has a key, e.g. 'entity 5' or 'cell 12,3'."
            )
        )
    parts: dict[str, Any] = {name: int(text) for name, text in found.groupdict().items() if text is not None}
    if "entity" in parts:
        if parts["entity"] >= len(state.entities):
            raise ValueError(f"there is no {key}: this state has {len(state.entities)} entities, from 0.")
        return int(parts["entity"])
    height, width = state.grid.shape
    if parts["column"] >= width or parts["row"] >= height:
        raise ValueError(f"there is no {key}: this world has {width} x {height} cells, from 0,0 at the bottom left.")
    return -1 - int(parts["row"] * width + parts["column"])
