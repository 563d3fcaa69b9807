"""What lies in a frame: the objects that can be pointed at, and each one's part in an attribution."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.analysis.ownership import owners, shares
from rlvision_widgets.analysis.reentry import World
from rlvision_widgets.environments.catalogue import class_of_entity, classes_of, colour_of
from rlvision_widgets.environments.geometry import view_of
from rlvision_widgets.environments.masks import BACKGROUND
from rlvision_widgets.environments.scene import instance_key
from rlvision_widgets.environments.states import State, parse_state

__all__ = ["SCENERY", "Scene", "attributed_to", "colours_of", "scene_of"]

SCENERY = ("background", "wall")  # what is where no thing is; it is told by class, not one by one
NUMBERS = ("x", "y", "vx", "vy", "rx", "ry")
DRAWN = (-1, 0, 1)  # values of render_z
BOX = ("left", "top", "right", "bottom")

Row = dict[str, Any]


class Scene(NamedTuple):
    """The objects of one frame.

    Attributes
    ----------
    instance : int32 array, (height, width)
        Which thing is visible at each pixel; see `Labels`.
    object_class : uint8 array, (height, width)
        Its class, an index into `classes`.
    classes : tuple of str
    rows : list of dict
        The things in the frame, scenery aside: id (instance), key, object_class, x, y, vx, vy, rx, ry (cells), box
        (left, top, right, bottom: pixels, which may leave the frame), visible_pixels (0: hidden), colour.
    camera : dict or None
        left, top, cell: the place (left + column * cell, top - row * cell) in cells lies at that pixel's corner.
    """

    instance: npt.NDArray[np.int32]
    object_class: npt.NDArray[np.uint8]
    classes: tuple[str, ...]
    rows: list[Row]
    camera: dict[str, float] | None

    @property
    def scenery(self) -> npt.NDArray[np.bool_]:
        """Which pixels show scenery, (height, width)."""
        codes = [code for code, name in enumerate(self.classes) if name in SCENERY]
        return np.isin(self.object_class, codes)


def scene_of(world: World, moment_state: bytes, size: tuple[int, int]) -> Scene:
    """Return what lies in the frame, (height, width), of a state; nothing where the world is none of Procgen's."""
    try:
        state = parse_state(moment_state)
    except ValueError:
        return Scene(np.full(size, BACKGROUND, np.int32), np.zeros(size, np.uint8), SCENERY[:1], [], None)
    labels, columns = world.seer.look(state)
    rows = [*_rows(state, columns), *_hidden_rows(state)]
    shown = [row for row in rows if row["visible_pixels"] or _meets(row["box"], size)]
    view = view_of(state)
    camera = {
        "left": float(view.x_off / view.unit),
        "top": float(view.view_dim + view.y_off / view.unit),
        "cell": float(1 / view.unit),
    }
    return Scene(labels.instance, labels.object_class, classes_of(state.game), shown, camera)


def attributed_to(
    scene: Scene, cells: npt.NDArray[np.floating], spread: float
) -> tuple[dict[int, float], dict[str, float]]:
    """Divide a frame's attribution, (y, x), among what lies in it.

    Parameters
    ----------
    scene : Scene
    cells : float array, (y, x)
        The attribution of a layer's cells.
    spread : float
        Pixels around a thing that count as its own where they show scenery; see `ownership`.

    Returns
    -------
    dict of int to float, dict of str to float
        By instance, and by class; either sums to the sum of `cells`.
    """
    both = scene.instance.astype(np.int64) * 256 + scene.object_class  # what is painted over the world is one instance
    who, amount = shares(cells, owners(both, scene.scenery, spread))
    by_instance: dict[int, float] = {}
    by_class: dict[str, float] = {}
    for one, part in zip(who.tolist(), amount.tolist(), strict=True):
        instance, code = divmod(one, 256)
        by_instance[instance] = by_instance.get(instance, 0.0) + part
        by_class[scene.classes[code]] = by_class.get(scene.classes[code], 0.0) + part
    return by_instance, by_class


@cache
def colours_of(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the colour of each class."""
    return tuple(colour_of(name) for name in classes)


def _rows(state: State, columns: Mapping[str, npt.NDArray[Any]]) -> list[Row]:
    classes, width = classes_of(state.game), state.grid.shape[1]
    rows = []
    things = zip(columns["instance"].tolist(), columns["class_code"].tolist(), strict=True)
    for index, (instance, code) in enumerate(things):
        numbers = {name: float(columns[name][index]) for name in NUMBERS}
        box = [round(float(columns[side][index]), 2) for side in BOX]
        rows.append(_row(instance, instance_key(instance, width), classes[code], numbers, box))
        rows[-1]["visible_pixels"] = int(columns["visible_pixels"][index])
    return [row for row in rows if row["object_class"] not in SCENERY]


def _hidden_rows(state: State) -> list[Row]:
    """Return what an edit has made invisible, which the frame's table leaves out."""
    entities = state.entities
    hidden = np.flatnonzero(~np.isin(entities["render_z"], DRAWN))
    view, rows = view_of(state), []
    for index in hidden.tolist():
        one = entities[index]
        name = class_of_entity(state.game, int(one["type"]), int(one["image_type"]))
        if name not in ("trail", "explosion"):
            across = [float((one["x"] + side * one["rx"]) * view.unit - view.x_off) for side in (-1, 1)]
            down = [float((view.view_dim - one["y"] - side * one["ry"]) * view.unit + view.y_off) for side in (1, -1)]
            box = [round(side, 2) for side in (across[0], down[0], across[1], down[1])]
            rows.append(_row(index, f"entity {index}", name, {place: float(one[place]) for place in NUMBERS}, box))
    return rows


def _row(instance: int, key: str, name: str, numbers: Mapping[str, float], box: list[float]) -> Row:
    return {
        "id": instance,
        "key": key,
        "object_class": name,
        **{place: round(number, 4) for place, number in numbers.items()},
        "box": box,
        "visible_pixels": 0,
        "colour": colour_of(name),
    }


def _meets(box: list[float], size: tuple[int, int]) -> bool:
    left, top, right, bottom = box
    return left < size[1] and right > 0 and top < size[0] and bottom > 0
