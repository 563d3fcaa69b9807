"""The trails that CoinRun's enemies leave: eight fading spots each, which would tell where a hidden enemy is."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["hidden_enemies", "without_trails"]

ENEMY, TRAIL = 5, 59
SPEED = 0.16  # cells a step; enemies walk at .15, and a trail stays behind where it was left
RISE = 0.02  # cells a step, of a trail


def hidden_enemies(game: str, entities: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return the indices of enemies that are not drawn and leave trails all the same."""
    if game != "coinrun":
        return np.zeros(0, np.intp)
    drawn = np.isin(entities["render_z"], (-1, 0, 1))
    return np.flatnonzero((entities["type"] == ENEMY) & ~drawn)


def without_trails(
    game: str, entities: npt.NDArray[Any], owners: npt.NDArray[np.intp], *, fresh: bool = False
) -> npt.NDArray[np.bool_]:
    """Return which entities are left when the trails of some enemies go.

    Parameters
    ----------
    game : str
        Elsewhere than in CoinRun, all are left.
    entities : array of ENTITY, (entity,)
    owners : int array
        Indices of the enemies. Of those enemies that can have left a trail where it is, its owner is the one that was
        nearest then, had it kept its velocity.
    fresh : bool
        Only the spots of the last step, whose owners are certain.
    """
    kept = np.ones(len(entities), bool)
    enemies = np.flatnonzero(entities["type"] == ENEMY)
    trails = np.flatnonzero((entities["type"] == TRAIL) & ((entities["life_time"] == 0) | (not fresh)))
    if game != "coinrun" or not len(trails) or not np.isin(owners, enemies).any():
        return kept
    trail, enemy = entities[trails], entities[enemies]
    age = trail["life_time"][:, None]
    aside = trail["x"][:, None] - enemy["x"]
    above = trail["y"][:, None] - (enemy["y"] - 0.5 * enemy["ry"])
    possible = (np.abs(aside) <= SPEED * age + 0.01) & (np.abs(above) <= RISE * age + 0.01)
    owner = np.where(possible, np.abs(aside + enemy["vx"] * age), np.inf).argmin(axis=1)
    theirs = possible.any(axis=1) & np.isin(enemies[owner], owners)
    kept[trails[theirs]] = False
    return kept
