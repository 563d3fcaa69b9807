"""The things that a frame shows, as a table."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.catalogue import classes_of
from rlvision_widgets.environments.geometry import cell_rectangles
from rlvision_widgets.environments.scene import Labels, Scene, instance_key, name_codes, scene_of
from rlvision_widgets.environments.states import State

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["object_columns", "object_table"]

_MOTION = ("x", "y", "vx", "vy", "rx", "ry")


def object_columns(state: State, labels: Labels | None = None, *, walls: bool = False) -> dict[str, npt.NDArray[Any]]:
    """Return the table of `object_table` as arrays: for many steps.

    `instance` (int32, as in `Labels`) and `class_code` (uint8) stand for its `key` and `object_class`.
    """
    scene = scene_of(state)
    entities = state.entities[scene.entities]
    cells, cell_box = _cells(state, scene, walls)
    columns: dict[str, npt.NDArray[Any]] = {
        "instance": np.concatenate([scene.entities.astype(np.int32), scene.instances[cells]]),
        "class_code": np.concatenate([scene.codes[scene.entity_ranks], scene.codes[cells]]),
    }
    place = _cell_motion(columns["instance"][len(entities) :], state.grid.shape[1])
    for name, of_cells in zip(_MOTION, place, strict=True):
        columns[name] = np.concatenate([entities[name], of_cells], dtype=np.float32)
    columns["visible_pixels"] = _visible(columns["instance"], labels)
    box = scene.boxes
    sides = (box.left, box.top, box.left + box.width, box.top + box.height)
    for name, side, of_cells in zip(("left", "top", "right", "bottom"), sides, cell_box, strict=True):
        columns[name] = np.concatenate([side, of_cells], dtype=np.float32)
    return columns


def _cells(state: State, scene: Scene, walls: bool) -> tuple[npt.NDArray[np.int32], tuple[npt.NDArray[Any], ...]]:
    """Return rank and left, top, right, bottom of each cell of the table."""
    low_x, low_y, _ = scene.window
    ranks = scene.cell_ranks
    shown = (ranks > 0) & (scene.instances[ranks] >= -state.grid.size)
    if not walls:
        shown &= scene.codes[ranks] != name_codes(state.game)["wall"]
    rows, columns = np.nonzero(shown)
    box = cell_rectangles(scene.view, low_x + columns, low_y + rows)
    size = scene.view.size
    right, bottom = box.left + box.width, box.top + box.height
    seen = (box.left < size) & (right > 0) & (box.top < size) & (bottom > 0)
    return ranks[rows[seen], columns[seen]], (box.left[seen], box.top[seen], right[seen], bottom[seen])


def _cell_motion(instances: npt.NDArray[np.int32], width: int) -> tuple[npt.NDArray[Any], ...]:
    index = -1 - instances
    still, half = np.zeros(len(index), np.float32), np.full(len(index), 0.5, np.float32)
    return index % width + 0.5, index // width + 0.5, still, still, half, half


def _visible(instances: npt.NDArray[np.int32], labels: Labels | None) -> npt.NDArray[np.int32]:
    if labels is None:
        return np.full(len(instances), -1, np.int32)
    found, counts = np.unique(labels.instance, return_counts=True)
    at = np.minimum(np.searchsorted(found, instances), len(found) - 1)
    return np.where(found[at] == instances, counts[at], 0).astype(np.int32)


def object_table(state: State, labels: Labels | None = None, *, walls: bool = False) -> "pd.DataFrame":
    """Return the objects that reach the frame of a state, one a row.

    Hidden things and empty cells are left out; so is what is painted over the world, a velocity box or a compass.

    Parameters
    ----------
    state : State
    labels : Labels or None
        Those of the 64-pixel frame, for `visible_pixels`.
    walls : bool
        Also list walls, one row a cell.

    Returns
    -------
    pandas.DataFrame
        Entities in the order of painting, then cells, with the columns

        - ``key``: "entity 5" or "cell 12,3", the same as long as the state's list is the same;
        - ``object_class``: one of `classes_of` the game;
        - ``x, y``: the centre in cells, y up; ``vx, vy`` in cells a step; ``rx, ry``: half sizes in cells;
        - ``visible_pixels``: how many of the 64 x 64 show it, -1 without `labels`;
        - ``left, top, right, bottom``: the box in pixels of the 64-pixel frame around the whole object, which may be
          partly outside or behind others.
    """
    import pandas as pd

    columns = object_columns(state, labels, walls=walls)
    width, names = state.grid.shape[1], np.array(classes_of(state.game), object)
    keys = [instance_key(instance, width) for instance in columns.pop("instance").tolist()]
    return pd.DataFrame({"key": keys, "object_class": names[columns.pop("class_code")], **columns}, copy=False)
