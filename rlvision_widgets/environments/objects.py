"""The things that a frame shows, as a table."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.catalogue import classes_of
from rlvision_widgets.environments.geometry import Rectangles, cell_rectangles
from rlvision_widgets.environments.scene import Labels, Scene, instance_key, name_codes, scene_of
from rlvision_widgets.environments.states import State

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["columns_of", "object_columns", "object_table", "table_of"]


def object_columns(state: State, labels: Labels | None = None, *, walls: bool = False) -> dict[str, npt.NDArray[Any]]:
    """Return the table of `object_table` as arrays: for many steps.

    `instance` (int32, as in `Labels`) and `class_code` (uint8) stand for its `key` and `object_class`.
    """
    columns = columns_of(state, scene_of(state), walls=walls)
    if labels is not None:
        found, counts = np.unique(labels.instance, return_counts=True)
        at = np.minimum(np.searchsorted(found, columns["instance"]), len(found) - 1)
        columns["visible_pixels"] = np.where(found[at] == columns["instance"], counts[at], 0).astype(np.int32)
    return columns


def columns_of(
    state: State, scene: Scene, seen: npt.NDArray[np.intp] | None = None, *, walls: bool = False
) -> dict[str, npt.NDArray[Any]]:
    """Return `object_columns` of a scene; `seen` is how many pixels show each rank."""
    entities = state.entities[scene.entities]
    cells, sides = _cells(state, scene, walls)
    ranks = np.concatenate([scene.entity_ranks, cells])
    index, width = -1 - scene.instances[cells], state.grid.shape[1]
    still, half = np.zeros(len(index), np.float32), np.full(len(index), 0.5, np.float32)
    motion = (index % width + 0.5, index // width + 0.5, still, still, half, half)
    columns: dict[str, npt.NDArray[Any]] = {"instance": scene.instances[ranks], "class_code": scene.codes[ranks]}
    for name, of_cells in zip(("x", "y", "vx", "vy", "rx", "ry"), motion, strict=True):
        columns[name] = np.concatenate([entities[name], of_cells], dtype=np.float32)
    columns["visible_pixels"] = (np.full(len(ranks), -1) if seen is None else seen[ranks]).astype(np.int32)
    for name, of_entities, of_cells in zip(("left", "top", "right", "bottom"), _sides(scene.boxes), sides, strict=True):
        columns[name] = np.concatenate([of_entities, of_cells], dtype=np.float32)
    size = scene.view.size
    inside = (columns["left"] < size) & (columns["right"] > 0) & (columns["top"] < size) & (columns["bottom"] > 0)
    return columns if inside.all() else {name: column[inside] for name, column in columns.items()}


def _sides(box: Rectangles) -> tuple[npt.NDArray[np.float64], ...]:
    return box.left, box.top, box.left + box.width, box.top + box.height


def _cells(state: State, scene: Scene, walls: bool) -> tuple[npt.NDArray[np.int32], tuple[npt.NDArray[Any], ...]]:
    """Return rank and left, top, right, bottom of each cell of the table."""
    low_x, low_y, _ = scene.window
    ranks = scene.cell_ranks
    shown = (ranks > 0) & (scene.instances[ranks] >= -state.grid.size)
    if not walls:
        shown &= scene.codes[ranks] != name_codes(state.game)["wall"]
    rows, columns = np.nonzero(shown)
    return ranks[rows, columns], _sides(cell_rectangles(scene.view, low_x + columns, low_y + rows))


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
    return table_of(state, object_columns(state, labels, walls=walls))


def table_of(state: State, columns: dict[str, npt.NDArray[Any]]) -> "pd.DataFrame":
    """Return the columns of a state's objects as the table of `object_table`."""
    import pandas as pd

    width, names = state.grid.shape[1], np.array(classes_of(state.game), object)
    keys = [instance_key(instance, width) for instance in columns["instance"].tolist()]
    others = {name: column for name, column in columns.items() if name not in ("instance", "class_code")}
    return pd.DataFrame({"key": keys, "object_class": names[columns["class_code"]], **others}, copy=False)
