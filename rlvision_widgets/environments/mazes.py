"""Mazes: the way to the cheese, and whether the generator could have made one."""

from collections import deque

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.games import AGENT
from rlvision_widgets.environments.states import State

__all__ = ["is_generated_like", "maze_walls", "solve"]

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
    walls = np.pad(maze_walls(state), 1, constant_values=True)  # outside is wall
    start = _agent(state)
    if not _inside(state, start):
        return None
    came_from: dict[Cell, tuple[Cell, int]] = {}
    queue, seen = deque([start]), {start}
    while queue:
        x, y = cell = queue.popleft()
        if state.grid[y, x] == CHEESE:
            return _actions(came_from, start, cell) or [NOOP]
        for action, (dx, dy) in MOVES.items():
            step = x + dx, y + dy
            if step not in seen and not walls[step[1] + 1, step[0] + 1]:
                seen.add(step)
                came_from[step] = cell, action
                queue.append(step)
    return None


def _agent(state: State) -> Cell:
    agent = state.entities[state.entities["type"] == AGENT][-1]
    return int(agent["x"]), int(agent["y"])


def _inside(state: State, cell: Cell) -> bool:
    height, width = state.grid.shape
    return bool(0 <= cell[0] < width and 0 <= cell[1] < height)


def _actions(came_from: dict[Cell, tuple[Cell, int]], start: Cell, cell: Cell) -> list[int]:
    actions = []
    while cell != start:
        cell, action = came_from[cell]
        actions.append(action)
    return actions[::-1]


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
    x, y = _agent(state)
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
