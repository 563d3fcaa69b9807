"""A state that is being edited: what is where in it, and what would fit where."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.catalogue import class_of_cell, class_of_entity, objects_of
from rlvision_widgets.environments.edit_fields import Cell, Point
from rlvision_widgets.environments.games import AGENT, SPACE
from rlvision_widgets.environments.states import State
from rlvision_widgets.names import unknown

__all__ = ["Draft", "Found", "NotHere"]

REACH = 1.0  # cells between a place and the centre of what it means
TOUCHING = 0.01  # cells by which neighbours may overlap: coordinates are float32
CHASER_ORB = 1002
MOST_NAMED = 4  # objects of a class whose places a message lists


class NotHere(ValueError):
    """The edit is a right one, but this world lacks the object that it names, or has no room where it is to go."""


class Found(NamedTuple):
    """What a class, or a class and a place, stand for.

    Attributes
    ----------
    entities : int array, (entity,)
        Indices into the state's entities.
    cells : int array, (cell, 2)
        Rows and columns of its grid.
    """

    entities: npt.NDArray[np.intp]
    cells: npt.NDArray[np.intp]


class Draft:
    """Copies of what edits may change in a state.

    Parameters
    ----------
    state : State
    explain : bool
        Say what there is instead, when something is not there. That takes longer than most edits.
    """

    def __init__(self, state: State, explain: bool = True) -> None:
        self.original, self.explain = state, explain
        self.game = state.game
        self.values: dict[str, Any] = dict(state.values)
        self.entities = state.entities.copy()
        self.grid = state.grid.copy()

    def state(self) -> State:
        """Return the edited state."""
        return self.original.replace(**self.values, entities=self.entities, grid=self.grid)

    @property
    def agent(self) -> int:
        """The agent's index: the last entity of its type."""
        return int(np.flatnonzero(self.entities["type"] == AGENT)[-1])

    def find(self, what: str, at: Point | None) -> Found:
        """Return the objects of a class, or the one of them whose centre is nearest to a place.

        Raises
        ------
        ValueError
            When the game has no such class.
        NotHere
            When this world has no such object there; says which it has, and where.
        """
        if what not in objects_of(self.game):
            raise ValueError(unknown(f"class of objects in {self.game}", what, objects_of(self.game)))
        entities = self._entities_of(what)
        cells = np.argwhere(_holding(self.grid, _values_of(self.game, what)))
        if not len(entities) and not len(cells):
            raise NotHere(f"there is no {what} in this world{f'; it has {self._present()}' if self.explain else ''}.")
        if at is None:
            return Found(entities, cells)
        places = np.concatenate([self._centres(entities), cells[:, ::-1] + 0.5])
        distance = np.hypot(*(places - at).T)
        nearest = int(distance.argmin())
        if distance[nearest] > REACH:
            near = "; ".join(f"({x:g}, {y:g})" for x, y in places[distance.argsort()[:4]].round(2).tolist())
            raise NotHere(f"there is no {what} within a cell of ({at[0]:g}, {at[1]:g}); the nearest: {near}.")
        if nearest < len(entities):
            return Found(entities[[nearest]], cells[:0])
        return Found(entities[:0], cells[[nearest - len(entities)]])

    def _centres(self, entities: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
        return np.stack([self.entities["x"][entities], self.entities["y"][entities]], axis=1).astype(np.float64)

    def entity_classes(self) -> list[str]:
        """Return the class of every entity."""
        kinds = zip(self.entities["type"].tolist(), self.entities["image_type"].tolist(), strict=True)
        return [_entity_class(self.game, *kind) for kind in kinds]

    def _entities_of(self, what: str) -> npt.NDArray[np.intp]:
        return np.array([i for i, name in enumerate(self.entity_classes()) if name == what], np.intp)

    def _present(self) -> str:
        """Say what this world has: where, of the few things that an edit is likely to mean."""
        places: dict[str, list[str]] = {}
        for entity, name in zip(self.entities, self.entity_classes(), strict=True):
            places.setdefault(name, []).append(f"({entity['x']:.4g}, {entity['y']:.4g})")
        for value in np.unique(self.grid).tolist():
            for row, column in np.argwhere(self.grid == value)[: MOST_NAMED + 1]:
                places.setdefault(class_of_cell(self.game, value), []).append(f"({column + 0.5}, {row + 0.5})")
        places.pop("background", None)
        return ", ".join(n if len(p) > MOST_NAMED else f"{n} at {' and '.join(p)}" for n, p in places.items())

    def walls(self) -> npt.NDArray[np.bool_]:
        """Return which cells are solid, (y, x). A wall whose value is negative is a picture only."""
        return _holding(self.grid, tuple(value for value in _values_of(self.game, "wall") if value > 0))

    def cell_at(self, at: Point | Cell) -> tuple[int, int]:
        """Return row and column of the cell around a place, or at a column and row.

        Raises
        ------
        ValueError
            When it lies outside the world.
        """
        (height, width), (x, y) = self.grid.shape, at
        if not (0 <= x < width and 0 <= y < height):
            raise ValueError(f"({x:g}, {y:g}) is outside the world, which is {width} x {height} cells.")
        return int(y), int(x)

    def name_at(self, row: int, column: int) -> str:
        """Return the class of what fills a cell."""
        return class_of_cell(self.game, int(self.grid[row, column]))

    def wall_under(self, x: float, y: float, rx: float, ry: float) -> Cell | None:
        """Return the column and row of a wall that a box would overlap, or None."""
        walls = self.walls()
        height, width = walls.shape
        low = np.floor([x - rx + TOUCHING, y - ry + TOUCHING]).astype(int).clip(0)
        high = np.floor([x + rx - TOUCHING, y + ry - TOUCHING]).astype(int).clip(None, [width - 1, height - 1])
        hit = np.argwhere(walls[low[1] : high[1] + 1, low[0] : high[0] + 1])
        return (int(hit[0][1] + low[0]), int(hit[0][0] + low[1])) if len(hit) else None

    def occupant(self, row: int, column: int) -> str | None:
        """Return the class of an entity that a wall in a cell would overlap, or None; trails do not count."""
        e = self.entities
        over = (np.abs(e["x"] - (column + 0.5)) < e["rx"] + 0.5 - TOUCHING) & (e["use_abs_coords"] == 0)
        over &= np.abs(e["y"] - (row + 0.5)) < e["ry"] + 0.5 - TOUCHING
        for index in np.flatnonzero(over):
            name = _entity_class(self.game, int(e["type"][index]), int(e["image_type"][index]))
            if name not in ("trail", "explosion"):
                return name
        return None


@cache
def _entity_class(game: str, kind: int, image: int) -> str:
    return class_of_entity(game, kind, image)


@cache
def _values_of(game: str, what: str) -> tuple[int, ...]:
    values = [*range(-SPACE, SPACE + 1), CHASER_ORB]
    return tuple(value for value in values if what != "background" and class_of_cell(game, value) == what)


def _holding(grid: npt.NDArray[np.int32], values: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    held = np.zeros(grid.shape, bool)
    for value in values:
        held |= grid == value
    return held
