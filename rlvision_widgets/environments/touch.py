"""Things that may touch the agent: which do, and how to disarm them without moving anything.

Procgen's own tests (0.10.7's source), in its float32: an entity touches the agent when on both axes their centres are
nearer than their half sizes and the entity's `collision_margin` together; a cell does when the agent's box, made a
little smaller, lies in it.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.games import AGENT, SPACE
from rlvision_widgets.environments.states import State

__all__ = ["Rearmed", "Things", "agent_of", "disarm", "rearm", "touched_cells", "touching"]

LASTING = {"timeout": 2**30, "juice_left": 1.0}  # values with which no clock runs out
TAG = -(2.0**20)  # the margin of a disarmed entity is this less its index: exact in float32, found again after a step
RESTING = {"miner": {3: 1, 4: 2}}  # what falling cells become when they are disarmed; all others are emptied
SMALLER = np.float32(0.001)  # cells, by which the agent's box is smaller for what it stands in


@dataclass(frozen=True, eq=False)
class Things:
    """Some of what a state holds.

    Parameters
    ----------
    entities : bool array, (entity,)
    cells : bool array, (y, x)
    clock : bool
        The timeout, and in Plunder the juice that runs out.
    """

    entities: npt.NDArray[np.bool_]
    cells: npt.NDArray[np.bool_]
    clock: bool = False

    @classmethod
    def none(cls, state: State) -> Self:
        """Return nothing of `state`."""
        return cls(np.zeros(len(state.entities), bool), np.zeros(state.grid.shape, bool))

    def __or__(self, other: "Things") -> "Things":
        return Things(self.entities | other.entities, self.cells | other.cells, self.clock or other.clock)

    def __sub__(self, other: "Things") -> "Things":
        return Things(self.entities & ~other.entities, self.cells & ~other.cells, self.clock and not other.clock)

    def __bool__(self) -> bool:
        return bool(self.clock or self.entities.any() or self.cells.any())

    @property
    def keys(self) -> tuple[str, ...]:
        """What they are called: "entity 5", and "cell 12,3" for column 12 of row 3 from the bottom."""
        cells = [f"cell {column},{row}" for row, column in np.argwhere(self.cells)]
        return (*(f"entity {index}" for index in np.flatnonzero(self.entities)), *cells)


class Rearmed(NamedTuple):
    """A state after a step in which things were disarmed.

    Attributes
    ----------
    state : State
        Armed again.
    origin : int array, (entity,)
        The index before the step of every entity that had been disarmed; -1 of all others.
    """

    state: State
    origin: npt.NDArray[np.int64]

    def before(self, entities: npt.NDArray[np.bool_], number: int) -> npt.NDArray[np.bool_]:
        """Turn a mask of entities after the step into one of the `number` before it."""
        mask = np.zeros(number, bool)
        mask[self.origin[entities & (self.origin >= 0)]] = True
        return mask


def disarm(state: State, things: Things) -> State:
    """Return `state` in which `things` touch nothing and end nothing; they look and move as before, but for cells."""
    entities = state.entities.copy()
    entities["collision_margin"][things.entities] = TAG - np.flatnonzero(things.entities)
    clock = {name: value for name, value in LASTING.items() if things.clock and name in state.values}
    return state.replace(entities=entities, grid=np.where(things.cells, _harmless(state), state.grid), **clock)


def rearm(before: State, after: State, things: Things) -> Rearmed:
    """Undo `disarm` of `before` in the state after a step."""
    entities = after.entities.copy()
    tagged = entities["collision_margin"] <= TAG
    origin = np.where(tagged, TAG - entities["collision_margin"], -1).astype(np.int64)
    entities["collision_margin"][tagged] = before.entities["collision_margin"][origin[tagged]]
    grid = np.where(things.cells & (after.grid == _harmless(before)), before.grid, after.grid)
    clock = {
        name: before.values[name] + (after.values[name] - value)
        for name, value in LASTING.items()
        if things.clock and name in before.values
    }
    return Rearmed(after.replace(entities=entities, grid=grid, **clock), origin)


def _harmless(state: State) -> npt.NDArray[np.int32]:
    """Return what each cell becomes when it is disarmed."""
    grid = np.full_like(state.grid, SPACE)
    for falling, resting in RESTING.get(state.game, {}).items():
        grid[state.grid == falling] = resting
    return grid


def agent_of(state: State) -> np.void:
    """Return the agent, one record of `ENTITY`: the last entity of its type."""
    agent: np.void = state.entities[state.entities["type"] == AGENT][-1]
    return agent


def touching(state: State) -> npt.NDArray[np.bool_]:
    """Return which entities touch the agent; the agent itself is none of them."""
    entities, agent = state.entities, agent_of(state)
    touches: npt.NDArray[np.bool_] = entities["type"] != AGENT
    for centre, half in (("x", "rx"), ("y", "ry")):
        reach = (entities[half] + agent[half]) + entities["collision_margin"]
        touches &= np.abs(entities[centre] - agent[centre]) < reach
    return touches


def touched_cells(state: State, margin: int = 0) -> npt.NDArray[np.bool_]:
    """Return which cells the agent's box lies in, (y, x); with a `margin` also those so many cells around it."""
    agent = agent_of(state)
    ranges = []
    for centre, half in (("y", "ry"), ("x", "rx")):
        reach = agent[half] - SMALLER
        low, high = int(agent[centre] - reach) - margin, int(agent[centre] + reach) + margin
        ranges.append(slice(max(low, 0), max(high + 1, 0)))
    cells = np.zeros(state.grid.shape, bool)
    cells[tuple(ranges)] = True
    return cells
