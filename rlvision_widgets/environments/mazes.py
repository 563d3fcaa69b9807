"""Mazes: the way to the cheese, and whether the generator could have made one."""

from collections import deque

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.games import AGENT
from rlvision_widgets.environments.states import State

__all__ = ["MOVES", "NOOP", "agent_cell", "closer_moves", "is_generated_like", "maze_walls", "solve", "steps_to_cheese"]

WALL, CHEESE = 51, 2
MOVES = {1: (-1, 0), 7: (1, 0), 3: (0, -1), 5: (0, 1)}  # action → columns to the right, rows up
NOOP = 4
Cell = tuple[int, int]


def maze_walls(state: State) -> npt.NDArray[np.bool_]:
    """Return which cells of a maze are walls, (y, x), row 0 at the bottom.

    Raises
    ------
    ValueError
        When the state is of another game.
    """
    if state.game != "maze":
        raise ValueError(f"this is for mazes, and a state of {state.game} came.")
    walls: npt.NDArray[np.bool_] = state.grid == WALL
    return walls


def steps_to_cheese(state: State) -> npt.NDArray[np.float64]:
    """Return how many steps lead from each cell to the nearest piece of cheese, (y, x), row 0 at the bottom.

    Walls, and cells that no way leads from, are infinitely far.

    Raises
    ------
    ValueError
        When the state is of another game.
    """
    steps = np.full(np.add(state.grid.shape, 2), np.inf)  # with a border, so that every cell has four neighbours
    free = np.pad(~maze_walls(state), 1)
    queue = deque((int(x) + 1, int(y) + 1) for y, x in np.argwhere(state.grid == CHEESE))
    for x, y in queue:
        steps[y, x] = 0
    while queue:
        x, y = queue.popleft()
        for dx, dy in MOVES.values():
            if free[y + dy, x + dx] and steps[y + dy, x + dx] == np.inf:
                steps[y + dy, x + dx] = steps[y, x] + 1
                queue.append((x + dx, y + dy))
    return steps[1:-1, 1:-1]


def solve(state: State) -> list[int] | None:
    """Return the shortest list of actions that leads the agent to the cheese.

    Parameters
    ----------
    state : State
        Of a maze. With several pieces of cheese, the way to the nearest.

    Returns
    -------
    list of int or None
        LEFT, RIGHT, DOWN and UP as indices into `action_names` (NOOP for an agent that sits on it); the last one
        completes the level. None when there is no way, or no cheese.
    """
    steps = steps_to_cheese(state)
    cell = agent_cell(state)
    if not _inside(state, cell) or not np.isfinite(steps[cell[1], cell[0]]):
        return None
    way = []
    while nearer := closer_moves(steps, cell):
        action = nearer[0]
        way.append(action)
        cell = cell[0] + MOVES[action][0], cell[1] + MOVES[action][1]
    return way or [NOOP]


def closer_moves(steps: npt.NDArray[np.float64], cell: Cell) -> list[int]:
    """Return the actions that lead from `cell` to one that is fewer `steps_to_cheese` away; none on the cheese."""
    height, width = steps.shape
    x, y = cell
    return [
        action
        for action, (dx, dy) in MOVES.items()
        if 0 <= x + dx < width and 0 <= y + dy < height and steps[y + dy, x + dx] < steps[y, x]
    ]


def agent_cell(state: State) -> Cell:
    """Return the cell (x, y) in which the agent is; outside the grid when it has left the world."""
    agent = state.entities[state.entities["type"] == AGENT][-1]
    return int(agent["x"]), int(agent["y"])


def _inside(state: State, cell: Cell) -> bool:
    height, width = state.grid.shape
    return bool(0 <= cell[0] < width and 0 <= cell[1] < height)


def is_generated_like(state: State) -> list[str]:
    """Return why Procgen's generator could not have made this maze; nothing when it could.

    Its mazes are trees: in a square of odd size in the middle of the world, every second cell of every second row is
    free, and so many walls between those are open that exactly one way leads from each to each (Kruskal's algorithm in
    Procgen 0.10.7's source). The agent starts in the lower left corner; one piece of cheese is in another free cell.

    Parameters
    ----------
    state : State
        Of a maze, at any time of an episode: where the agent is counts only before the first step.

    Returns
    -------
    list of str
        Short sentences.
    """
    walls = maze_walls(state)
    size, world = int(state.values["maze_dim"]), int(state.values["world_dim"])
    margin = (world - size) // 2
    if size % 2 == 0 or not 3 <= size <= world or walls.shape != (world, world):
        return [f"the maze's size is {size}, and should be an odd number from 3 to {world}"]
    inside = slice(margin, margin + size)
    around = ~walls
    around[inside, inside] = False
    reasons = [f"the cell {_name(cell)}, outside the maze, is no wall" for cell in np.argwhere(around)[:3]]
    return [*reasons, *_tree(~walls[inside, inside], margin), *_goal(state, margin)]


def _tree(free: npt.NDArray[np.bool_], margin: int) -> list[str]:
    corners = ~free[::2, ::2]
    posts = free[1::2, 1::2]
    reasons = [f"the cell {_name(cell * 2 + margin)} is always free" for cell in np.argwhere(corners)[:3]]
    reasons += [f"the cell {_name(cell * 2 + 1 + margin)} is always a wall" for cell in np.argwhere(posts)[:3]]
    parts = _parts(free)
    if parts > 1:
        reasons.append(f"the maze is in {parts} parts without a way between them")
    if _links(free) > free.sum() - parts:
        reasons.append("some of its ways are closed loops")
    return reasons


def _links(free: npt.NDArray[np.bool_]) -> int:
    """Count pairs of free cells side by side."""
    return int((free[:, 1:] & free[:, :-1]).sum() + (free[1:] & free[:-1]).sum())


def _parts(free: npt.NDArray[np.bool_]) -> int:
    """Count connected parts, by spreading the largest label in each."""
    label = np.where(free, np.arange(1, free.size + 1).reshape(free.shape), 0)
    while True:
        padded = np.pad(label, 1)
        around = [padded[1:-1, 1:-1], padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
        spread = np.where(free, np.max(around, axis=0), 0)
        if np.array_equal(spread, label):
            return len(np.unique(label[free]))
        label = spread


def _goal(state: State, margin: int) -> list[str]:
    """Say what is wrong with agent and cheese."""
    reasons = []
    x, y = agent_cell(state)
    if state.values["cur_time"] == 0 and (x, y) != (margin, margin):
        reasons.append(f"the agent starts in the cell ({x}, {y}), and the lower left one is ({margin}, {margin})")
    if not _inside(state, (x, y)) or state.grid[y, x] == WALL:
        reasons.append("the agent is in a wall")
    cheese = np.argwhere(state.grid == CHEESE)
    if len(cheese) != 1:
        reasons.append(f"there are {len(cheese)} pieces of cheese")
    if (cheese == (y, x)).all(axis=1).any():
        reasons.append("the cheese is where the agent is")
    return reasons


def _name(cell: npt.NDArray[np.intp]) -> str:
    return f"({cell[1]}, {cell[0]})"
