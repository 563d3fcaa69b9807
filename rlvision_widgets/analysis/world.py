"""What is in each frame of a study: object classes pixel by pixel, and the objects, from the emulator's states."""

import json
import logging
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from rlvision_widgets.analysis.endings import add_endings
from rlvision_widgets.analysis.progress import Report, bars, passed_on
from rlvision_widgets.analysis.reentry import World, world_of
from rlvision_widgets.changes import announce
from rlvision_widgets.environments.catalogue import classes_of, colour_of
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.environments.scene import Labels, instance_key
from rlvision_widgets.names import strict_keywords
from rlvision_widgets.schema import WORLD

__all__ = ["add_world", "look", "masks", "objects", "open_world"]

log = logging.getLogger(__name__)

FRAME = ("trajectory", "step", "height", "width")
SHORT = {"centre_x": "x", "centre_y": "y"}  # in a study x and y are dimensions
PLACE = ("in_trajectory", "at_step")


@strict_keywords
def masks(study: xr.DataTree) -> xr.DataArray:
    """Return which class of object is at each pixel of each frame.

    Parameters
    ----------
    study : DataTree
        With the node ``/world``, or of a Procgen game with states.

    Returns
    -------
    DataArray, (trajectory, step, height, width)
        uint8 codes, whose names and colours are attrs["classes"] and attrs["colours"]. Nothing is computed, or read
        from disk, before it is indexed, and then only what is asked for: about 1 ms a frame.

    Raises
    ------
    ImportError, ValueError
        Where nothing is stored, and the study's world cannot be entered; see `resume`.
    """
    if "world" in study.children:
        world = study.children["world"]
        return world.dataset["object_class"].assign_attrs(world.attrs)
    computed = xr.Variable(FRAME, indexing.LazilyIndexedArray(_Masks(study)), attrs=_names(study))
    return xr.DataArray(computed, name="object_class")


@strict_keywords
def objects(study: xr.DataTree, trajectory: int | None = None, steps: slice | int | None = None) -> pd.DataFrame:
    """List the objects in frames of a study.

    Parameters
    ----------
    study : DataTree
        As for `masks`.
    trajectory : int, optional
        None: all.
    steps : slice or int, optional
        None: all.

    Returns
    -------
    DataFrame
        A row per object and frame: trajectory, step, key (``"entity 5"``, or ``"cell 12,3"`` of the grid) and
        object_class; x, y (centre), vx, vy (a step) and rx, ry (half sizes), in cells, y up; visible_pixels of the
        observation, and its whole box there: left, top, right and bottom, in pixels, which may lie outside the frame.
        Walls, and what is not drawn, are left out.
    """
    shape = study.sizes["trajectory"], study.sizes["step"]
    rows = _range(trajectory, shape[0], "trajectory"), _range(steps, shape[1], "step")
    if "world" in study.children:
        world = study.children["world"].to_dataset(inherit=False)
        return _frame(_stored(world, *rows), world.attrs)
    emulated, names = world_of(study), _names(study)
    return _frame(_table([(place, _seen(emulated, place)[1]) for place in product(*rows)]), names)


@strict_keywords
def add_world(study: xr.DataTree, *, progress: bool = True) -> None:
    """Add object classes and objects of every frame to a study, in memory.

    Parameters
    ----------
    study : DataTree
        Of a Procgen game with states. Gets the node ``/world``; see `rlvision_widgets.schema.WORLD`.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ImportError, ValueError
        As `resume`.
    """
    with bars(progress) as report:
        study["world"] = xr.DataTree(look(study, report))
    announce(study)


def look(study: xr.DataTree, report: Report | None = None, cancelled: Callable[[], bool] | None = None) -> xr.Dataset:
    """Return what `add_world` adds. Between two frames it can be cancelled, which raises `Cancelled`."""
    world, names, shape = world_of(study), _names(study), tuple(study.sizes[dim] for dim in FRAME)
    codes = np.empty(shape, np.uint8)
    seen = []
    places = passed_on(np.ndindex(shape[:2]), "objects", shape[0] * shape[1], report, cancelled)
    for place in places:
        labels, columns = _seen(world, place)
        codes[place] = labels.object_class
        seen.append((place, columns))
    table = {name: ("object", column) for name, column in _table(seen).items()}
    return xr.Dataset({"object_class": (FRAME, codes), **table}, attrs=names)


def open_world(study: xr.DataTree, progress: bool = True) -> None:
    """Add what only the emulator knows, objects and endings; where that cannot be had, a line in the log says why."""
    try:
        add_world(study, progress=progress)
        add_endings(study, progress=progress)
    except (ImportError, ValueError) as error:
        expected = study.attrs["environment"] not in GAMES
        log.log(logging.INFO if expected else logging.WARNING, "a study without objects and endings: %s", error)


class _Masks(BackendArray):
    """Object classes of all frames, computed when they are read."""

    dtype = np.dtype(np.uint8)

    def __init__(self, study: xr.DataTree) -> None:
        self._world = world_of(study)
        self.shape = tuple(study.sizes[dim] for dim in FRAME)

    def __deepcopy__(self, _memo: Any) -> Self:
        return self  # nothing in it changes, and an emulator has no copies

    def __getitem__(self, key: Any) -> npt.NDArray[np.uint8]:
        found: npt.NDArray[np.uint8] = indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read
        )
        return found

    def _read(self, key: tuple[Any, ...]) -> npt.NDArray[np.uint8]:
        places = [np.arange(size)[index] for size, index in zip(self.shape, key, strict=True)]
        trajectories, steps, rows, columns = map(np.atleast_1d, places)
        found = np.empty((trajectories.size, steps.size, rows.size, columns.size), np.uint8)
        for t, trajectory in enumerate(trajectories):
            for s, step in enumerate(steps):
                labels = self._world.seer.labels(self._world.state(int(trajectory), int(step)))
                found[t, s] = labels.object_class[np.ix_(rows, columns)]
        return found.reshape([size for place in places for size in place.shape])  # of a number, nothing is left


def _seen(world: World, place: tuple[int, ...]) -> tuple[Labels, dict[str, npt.NDArray[Any]]]:
    """Return what is at each pixel of a frame, and its objects, column by column."""
    return world.seer.look(world.state(*place))


def _table(seen: list[tuple[tuple[int, ...], dict[str, npt.NDArray[Any]]]]) -> dict[str, npt.NDArray[Any]]:
    """Put the objects of many frames below one another, as `WORLD` has them."""
    counts = [len(columns["instance"]) for _, columns in seen]
    table = {
        name: np.repeat(np.array([place[axis] for place, _ in seen], np.int32), counts)
        for axis, name in enumerate(PLACE)
    }
    for name, variable in WORLD.variables.items():
        if variable.dims == "object" and name not in PLACE:
            parts = [columns[SHORT.get(name, name)] for _, columns in seen]
            table[name] = np.concatenate(parts or [np.zeros(0)]).astype(variable.dtype)
    return table


def _stored(world: xr.Dataset, trajectories: range, steps: range) -> dict[str, npt.NDArray[Any]]:
    """Return the rows about some frames."""
    wanted = np.isin(world["in_trajectory"], trajectories) & np.isin(world["at_step"], steps)
    return {str(name): array.values[wanted] for name, array in world.items() if array.dims == ("object",)}


def _frame(columns: Mapping[str, npt.NDArray[Any]], attrs: Mapping[Any, Any]) -> pd.DataFrame:
    """Show rows of `WORLD` as a person wants to read them."""
    width = int(attrs["grid_width"])
    named = {
        "trajectory": columns["in_trajectory"],
        "step": columns["at_step"],
        "key": [instance_key(instance, width) for instance in columns["instance"].tolist()],
        "object_class": np.array(attrs["classes"], object)[columns["class_code"]],
    }
    rest = [name for name in WORLD.variables if name in columns and name not in (*PLACE, "instance", "class_code")]
    return pd.DataFrame({**named, **{SHORT.get(name, name): columns[name] for name in rest}})


def _names(study: xr.DataTree) -> dict[str, Any]:
    """Return what the codes and keys of a study's game mean."""
    game = study.attrs["environment"]
    if game not in GAMES:
        raise ValueError(f"objects are found in the states of Procgen's games, and this study was played in {game!r}.")
    mode, classes = json.loads(study.attrs["environment_options"])["distribution_mode"], classes_of(game)
    return {
        "classes": list(classes),
        "colours": [colour_of(name) for name in classes],
        "grid_width": GAMES[game].size(mode)[0],
    }


def _range(chosen: slice | int | None, size: int, what: str) -> range:
    if chosen is None:
        return range(size)
    if isinstance(chosen, slice):
        return range(size)[chosen]
    one = check_count(what, chosen, 0, size - 1)
    return range(one, one + 1)
