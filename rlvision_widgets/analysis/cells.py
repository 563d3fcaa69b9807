"""What lies at each cell of a layer: the objects of a study's world, as a layer's activations are laid out."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.world import masks, objects
from rlvision_widgets.names import unknown

__all__ = ["DIRECTIONS", "ObjectCells", "at_frames", "middle_pixels"]

DIRECTIONS = ("moving left", "moving right")

Cells = npt.NDArray[np.bool_]


def at_frames(array: xr.DataArray, frames: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
    """Read some frames of an array (trajectory, step, ...), (frame, ...).

    Parameters
    ----------
    array : DataArray
    frames : int array, (frame,)
        Numbers, trajectory * num_steps + step, ascending.
    """
    trajectory, step = np.divmod(frames, array.sizes["step"])
    return np.concatenate([array[one].isel(step=step[trajectory == one]).values for one in np.unique(trajectory)])


class ObjectCells:
    """Tells at which cells of a layer a class of objects is.

    A cell shows a class if the middle of what it covers does: the pixel there or, where the middle lies between pixels,
    one of the (up to four) around it.

    Parameters
    ----------
    study : DataTree
        With the node ``/world``, or of a Procgen game with states.
    size : (int, int)
        Rows and columns of the layer.
    frames : int array, (frame,), optional
        Numbers of the frames, trajectory * num_steps + step, ascending; all unless given.
    moving : sequence of str
        Classes that are also told apart by the direction in which an object moves: ``"enemy moving left"``.

    Attributes
    ----------
    classes : tuple of str
        All that can be asked for, whether or not it appears.
    frames : int array, (frame,)

    Raises
    ------
    ImportError, ValueError
        Where nothing is stored and the study's world cannot be entered; for a class that the game has not.
    """

    def __init__(
        self,
        study: xr.DataTree,
        size: tuple[int, ...],
        frames: npt.NDArray[np.integer[Any]] | None = None,
        moving: Iterable[str] = ("enemy",),
    ) -> None:
        seen = masks(study)
        self.size = size
        self.names: tuple[str, ...] = tuple(seen.attrs["classes"])
        count = seen.sizes["trajectory"] * seen.sizes["step"]
        self.frames = np.arange(count) if frames is None else np.asarray(frames)
        self._pixels = at_frames(seen, self.frames)
        self._middle = tuple(middle_pixels(*pair) for pair in zip(size, self._pixels.shape[1:], strict=True))
        self._ways = _ways(study, self.frames, [name for name in moving if name in self.names])
        self.classes = (*self.names, *self._ways)

    def of(self, name: str) -> Cells:
        """Return where a class is, (frame, y, x).

        Parameters
        ----------
        name : str
            One of `classes`.

        Raises
        ------
        ValueError
            For a class that there is not.
        """
        if name not in self.classes:
            raise ValueError(unknown("class of objects", name, self.classes, "They are those of the study's game."))
        if name in self.names:
            return self._at_cells(self._pixels == self.names.index(name))
        pixels = self._pixels == self.names.index(name.rsplit(" moving ", 1)[0])
        where: Cells = np.zeros_like(pixels)
        for frame, boxes in self._ways[name].items():
            where[frame] = pixels[frame] & _nearest_is_theirs(boxes, pixels.shape[1:])
        return self._at_cells(where)

    def _at_cells(self, pixels: Cells) -> Cells:
        found: Cells = np.zeros((len(pixels), *self.size), bool)
        for rows in self._middle[0].T:
            for columns in self._middle[1].T:
                found |= pixels[:, rows[:, None], columns[None]]
        return found


def middle_pixels(cells: int, pixels: int) -> npt.NDArray[np.intp]:
    """Return the pixels next to the middle of each of a row's cells, (cell, 2): one twice, or two.

    Parameters
    ----------
    cells, pixels : int
        How many of each a row has.
    """
    doubled = np.arange(1, 2 * cells, 2) * pixels - cells  # the middle's place among the pixels, times 2 * cells
    low, high = doubled // (2 * cells), -(-doubled // (2 * cells))
    return np.clip(np.stack([low, high], 1), 0, pixels - 1).astype(np.intp)


Boxes = list[tuple[bool, tuple[float, ...]]]


def _ways(
    study: xr.DataTree, frames: npt.NDArray[np.integer[Any]], moving: list[str]
) -> Mapping[str, dict[int, Boxes]]:
    """Return, for each class and direction, the boxes of the class's objects by frame, and whether they move so."""
    if not moving:
        return {}
    table = objects(study)
    table = table[table["object_class"].isin(moving) & (table["visible_pixels"] > 0)]
    number = table["trajectory"].to_numpy() * study.sizes["step"] + table["step"].to_numpy()
    place = {int(frame): index for index, frame in enumerate(frames)}
    found: dict[str, dict[int, Boxes]] = {f"{name} {way}": {} for name in moving for way in DIRECTIONS}
    columns = number, table["object_class"], table["vx"], table[["left", "top", "right", "bottom"]].to_numpy()
    for frame, name, speed, box in zip(*columns, strict=True):
        if frame in place:
            for sign, way in zip((-1, 1), DIRECTIONS, strict=True):
                found[f"{name} {way}"].setdefault(place[frame], []).append((speed * sign > 0, tuple(box)))
    return found


def _nearest_is_theirs(boxes: Boxes, size: tuple[int, ...]) -> Cells:
    """Tell at each pixel whether the object with the nearest middle is one of those that are meant, (height, width)."""
    rows, columns = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    away = [
        np.hypot(rows[:, None] - (top + bottom) / 2, columns[None] - (left + right) / 2)
        for _, (left, top, right, bottom) in boxes
    ]
    meant = np.array([one for one, _ in boxes])
    return meant[np.argmin(away, axis=0)]  # type: ignore[no-any-return]
