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
    is_drawn_cell,
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
    boxes : Rectangles
        Where they are drawn.
    entity_ranks : int32 array, (entity,)
    window : (int, int, int32 array)
        First column and row of cells that are drawn, and their values, (y, x).
    cell_ranks : int32 array, (y, x)
        0 where a cell has no picture.
    overlays : dict of str to int
        The rank of each class that is painted over the world.
    instances : int32 array, (rank,)
        Which thing has a rank, as `Labels.instance` says it; rank 0 is the background.
    codes : uint8 array, (rank,)
        And its class.
    """

    view: View
    entities: npt.NDArray[np.intp]
    boxes: Rectangles
    entity_ranks: npt.NDArray[np.int32]
    window: tuple[int, int, npt.NDArray[np.int32]]
    cell_ranks: Canvas
    overlays: dict[str, int]
    instances: npt.NDArray[np.int32]
    codes: npt.NDArray[np.uint8]

    def only(self, ranks: npt.NDArray[np.bool_]) -> "Scene":
        """Return the scene with nothing but the things whose ranks are chosen, (rank,) bool."""
        kept = ranks[self.entity_ranks]
        return self._replace(
            entities=self.entities[kept],
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
        When `size` is not that of a frame.
    """
    if size not in SIZES:
        raise ValueError(f"frames have 64 or 512 pixels, and size={size!r} came.")
    view = view_of(state, size)
    entities = drawn_entities(state)
    boxes = entity_boxes(state, view, state.entities[entities])
    seen = _reaches(boxes, size)
    entities, boxes = entities[seen], Rectangles(*(side[seen] for side in boxes))
    window = cell_window(state, view)
    drawn = is_drawn_cell(state.game, window[2])

    below = int((state.entities["render_z"][entities] < 0).sum())
    cells = drawn.size
    entity_ranks = np.arange(1, len(entities) + 1, dtype=np.int32)
    entity_ranks[below:] += cells
    height, width = drawn.shape
    order = np.arange(width, dtype=np.int32) * height + np.arange(height, dtype=np.int32)[:, None]
    names = [*(["velocity"] if velocity_shown(state) else []), *overlay_classes(state.game)]
    first = len(entities) + cells + 1
    instances, codes = _things(state, entities, below, window, names)
    return Scene(
        *(view, entities, boxes, entity_ranks, window, np.where(drawn, order + (below + 1), 0)),
        {name: first + i for i, name in enumerate(names)},
        instances,
        codes,
    )


def _reaches(boxes: Rectangles, size: int) -> npt.NDArray[np.bool_]:
    """Return which boxes overlap the frame; a pixel of slack, for smoothed edges."""
    across = (boxes.left < size + 1) & (boxes.left + boxes.width > -1)
    reaches: npt.NDArray[np.bool_] = across & (boxes.top < size + 1) & (boxes.top + boxes.height > -1)
    return reaches


def _things(
    state: State,
    entities: npt.NDArray[np.intp],
    below: int,
    window: tuple[int, int, npt.NDArray[np.int32]],
    overlays: list[str],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Return instance and class code of each rank."""
    low_x, low_y, values = window
    rows, columns = low_y + np.arange(values.shape[0])[:, None], low_x + np.arange(values.shape[1])
    height, width = state.grid.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    cells = np.where(inside, -1 - (rows * width + columns), OUTSIDE)
    kinds = entity_codes(state, entities)
    instances = [[BACKGROUND], entities[:below], cells.T.ravel(), entities[below:], [OVERLAY] * len(overlays)]
    order = [name_codes(state.game)[name] for name in overlays]
    cell_kinds = cell_codes(state.game)[np.minimum(np.abs(values), LARGEST_CELL)]
    codes = [[0], kinds[:below], cell_kinds.T.ravel(), kinds[below:], order]
    return np.concatenate(instances, dtype=np.int32, casting="unsafe"), np.concatenate(
        codes, dtype=np.uint8, casting="unsafe"
    )


def labels_of(scene: Scene, canvas: Canvas) -> Labels:
    """Return what the ranks on a canvas stand for."""
    return Labels(scene.instances[canvas], scene.codes[canvas])


@functools.cache
def name_codes(game: str) -> dict[str, int]:
    """Return the code of each class of a game."""
    return {name: code for code, name in enumerate(classes_of(game))}


@functools.cache
def cell_codes(game: str) -> npt.NDArray[np.uint8]:
    """Return the class code of each value that a cell can have."""
    return np.array([name_codes(game)[class_of_cell(game, value)] for value in range(LARGEST_CELL + 1)], np.uint8)


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
        return scene.codes == code
    return scene.instances == _instance_of(state, what)


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
