"""Goals at random places, the same whenever a level is opened (after Langosco et al. 2022)."""

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.drafts import Draft, NotHere
from rlvision_widgets.environments.edit_fields import an
from rlvision_widgets.environments.edits import Place
from rlvision_widgets.environments.games import SPACE

__all__ = ["place"]

GAME = {"coin": "coinrun", "cheese": "maze"}
VALUE = {"coin": 1, "cheese": 2}
GROUND = 16  # CoinRun's cells to stand on
FIRST_COLUMN = 5  # in which CoinRun's generator puts anything


def place(draft: Draft, edit: Place) -> None:
    """Move the goal of a level to a place that its seed decides.

    Raises
    ------
    ValueError
        In another game.
    NotHere
        When the level has no goal any more. One without any other place for it keeps it where it is.
    """
    if draft.game != GAME[edit.what]:
        raise ValueError(f"{an(edit.what)} can be placed in {GAME[edit.what]}, and this is a world of {draft.game}.")
    goals = np.argwhere(draft.grid == VALUE[edit.what])
    if not len(goals):
        raise NotHere(f"there is no {edit.what} in this world.")
    row, column = goals[-1]
    rng = np.random.default_rng((int(draft.values["current_level_seed"]), edit.seed))
    cells = _above_ground(draft, int(column)) if edit.what == "coin" else _in_corner(draft, edit)
    for there in rng.permutation(cells):
        if edit.what == "cheese" or draft.occupant(*there) is None:
            draft.grid[row, column] = SPACE
            draft.grid[tuple(there)] = VALUE[edit.what]
            return


def _above_ground(draft: Draft, column: int) -> npt.NDArray[np.intp]:
    """Return the free cells (row, column) on the highest ground of each column between the start and the coin."""
    columns = np.arange(FIRST_COLUMN, column)
    ground = (draft.grid == GROUND)[:-1]
    columns = columns[ground[:, columns].any(axis=0)]
    highest = len(ground) - 1 - ground[::-1, columns].argmax(axis=0)
    cells = np.stack([highest + 1, columns], axis=1)
    free: npt.NDArray[np.intp] = cells[draft.grid[cells[:, 0], cells[:, 1]] == SPACE]
    return free


def _in_corner(draft: Draft, edit: Place) -> npt.NDArray[np.intp]:
    """Return the cells (row, column) of the maze, or of its upper right corner, that the cheese may fill."""
    size, world = int(draft.values["maze_dim"]), int(draft.values["world_dim"])
    end = (world - size) // 2 + size
    start = end - min(edit.size if edit.where == "top right" else size, size)
    corner = np.zeros(draft.grid.shape, bool)
    corner[start:end, start:end] = True
    agent = draft.entities[draft.agent]
    corner[int(agent["y"]), int(agent["x"])] = False
    return np.argwhere(corner & np.isin(draft.grid, (SPACE, VALUE["cheese"])))
