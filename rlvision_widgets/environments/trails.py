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


def without_trails(game: str, entities: npt.NDArray[Any], owners: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Return which entities are left when the trails of some enemies go.

    Parameters
    ----------
    game : str
        Elsewhere than in CoinRun, all are left.
    entities : array of ENTITY, (entity,)
    owners : int array
        Indices of the enemies. A trail is theirs when no other enemy, from where it is, can have left it; where two
        meet, the nearer one is its owner.
    """
    kept = np.ones(len(entities), bool)
    enemies = np.flatnonzero(entities["type"] == ENEMY)
    trails = np.flatnonzero(entities["type"] == TRAIL)
    if game != "coinrun" or not len(trails) or not np.isin(owners, enemies).any():
        return kept
    trail, enemy = entities[trails], entities[enemies]
    left_at = enemy["y"] - 0.5 * enemy["ry"]  # where an enemy leaves its trail
    away = np.abs(trail["x"][:, None] - enemy["x"])
    age = trail["life_time"][:, None]
    possible = (away <= SPEED * age + 0.01) & (np.abs(trail["y"][:, None] - left_at) <= RISE * age + 0.01)
    owner = np.where(possible, away, np.inf).argmin(axis=1)
    theirs = possible.any(axis=1) & np.isin(enemies[owner], owners)
    kept[trails[theirs]] = False
    return kept
