"""The sixteen games of Procgen, as tables.

Facts of Procgen 0.10.7 (Cobbe et al. 2020, Leveraging Procedural Generation to Benchmark Reinforcement Learning; MIT),
read from its source and confirmed by running it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ACTION_NAMES", "GAMES", "MODE_NUMBER", "Game"]

ACTION_NAMES = (
    *("LEFT+DOWN", "LEFT", "LEFT+UP", "DOWN", "NOOP", "UP", "RIGHT+DOWN", "RIGHT", "RIGHT+UP"),
    *("D", "A", "W", "S", "Q", "E"),
)

MODE_NUMBER = {"easy": 0, "hard": 1, "extreme": 2, "memory": 10}

SPACE = 100  # the grid value and image that is not drawn
NOTHING = -1  # the grid value that is skipped
AGENT = 0  # entity type; the agent is the last entity of it
EXPLOSION = 54  # entity type and first of its five images
MOST_THEMES = 10  # of an image that is drawn at random instead of read from files


@dataclass(frozen=True)
class Game:
    """What is fixed in one game.

    Parameters
    ----------
    sizes : mapping of str to (int, int)
        Width and height of the world in cells, for each distribution mode. "exploration" has that of "hard".
    backgrounds : int
        How many background images it chooses from.
    outside : int
        The grid value of every cell outside the world.
    themes : mapping of int to int
        How many pictures there are of an image; 1 for images that are not named but have a file.
    single : tuple of int
        Images with one picture. Any image in neither is drawn at random, once for each of `MOST_THEMES` themes.
    wall_themes : int
        How many themes the walls have; 0 where walls have none of their own.
    becomes : mapping of int to tuple of int
        Images that the game gives to entities of a type, whatever image they have.
    needs : tuple of int
        Entity types that must be there, besides the agent.
    exploration_level : int or None
        The one level of the mode "exploration".
    """

    sizes: Mapping[str, tuple[int, int]]
    backgrounds: int
    outside: int
    themes: Mapping[int, int] = field(default_factory=dict)
    single: tuple[int, ...] = ()
    wall_themes: int = 0
    becomes: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    needs: tuple[int, ...] = ()
    exploration_level: int | None = None

    @property
    def modes(self) -> tuple[str, ...]:
        """The distribution modes; any other ends the process."""
        return (*self.sizes, *(("exploration",) if self.exploration_level is not None else ()))

    def size(self, mode: str) -> tuple[int, int]:
        """Return width and height of the world in a mode."""
        return self.sizes["hard" if mode == "exploration" else mode]

    def theme_count(self, image: int) -> int:
        """Return how many themes an image has."""
        if image in self.single or EXPLOSION <= image < EXPLOSION + 6:  # explosions, and the trail's circle
            return 1
        return min(self.themes.get(image, MOST_THEMES), MOST_THEMES)


def _square(**sides: int) -> dict[str, tuple[int, int]]:
    return {mode: (side, side) for mode, side in sides.items()}


GAMES = {
    "bigfish": Game(_square(easy=20, hard=20), 7, -1, {2: 3}, (0,)),
    "bossfight": Game(_square(easy=20, hard=20), 13, -1, {0: 4, 1: 3, 2: 4, 4: 3, 7: 8}, (3,), needs=(2, 3)),
    "caveflyer": Game(
        _square(easy=30, hard=40, memory=60), 13, 8, {}, (0, 1, 2, 3, 4, 5, 8, 9), exploration_level=1259048185
    ),
    "chaser": Game(_square(easy=11, hard=13, extreme=19), 1, -1, {}, (0, 2, 3, 4, 5, 6, 7, 8)),
    "climber": Game(
        {"easy": (16, 64), "hard": (20, 64)},
        *(62, 15, {0: 4, 9: 4, 12: 4, 13: 4, 15: 4, 16: 4}, (1, 6, 7)),
        wall_themes=4,
        becomes={5: (6, 7)},
        exploration_level=1561126160,
    ),
    "coinrun": Game(
        _square(easy=64, hard=64),
        *(62, 15, {0: 5, 6: 9, 7: 9, 9: 5, 12: 5, 13: 5, 15: 6, 16: 6, 20: 4}, (1, 2, 3, 17, 18)),
        wall_themes=6,
        becomes={2: (2, 3), 5: (6, 7)},
        exploration_level=1949448038,
    ),
    "dodgeball": Game(_square(easy=20, hard=20, extreme=20, memory=40), 9, 10, {4: 11, 8: 9}, (0, 1, 3, 5, 6, 7, 10)),
    "fruitbot": Game({"easy": (10, 60), "hard": (20, 60)}, 9, 2, {4: 6, 7: 6, 12: 3}, (0, 1, 2, 3, 10, 11)),
    "heist": Game(_square(easy=9, hard=13, memory=23), 9, 51, {1: 3, 2: 3}, (0, 9, 51), exploration_level=876640971),
    "jumper": Game(
        _square(easy=20, hard=40, memory=45),
        *(62, 6, {6: 4, 7: 4}, (0, 1, 2, 9, 10, 11, 12, 13)),
        wall_themes=4,
        needs=(1,),
        exploration_level=1434825276,
    ),
    "leaper": Game(
        _square(easy=9, hard=15, extreme=20),
        *(9, -1, {0: 5, 4: 5}, (1, 2, 3, 5)),
        exploration_level=1318677581,
    ),
    "maze": Game(_square(easy=15, hard=25, memory=31), 9, 51, {}, (0, 2, 51), exploration_level=158988835),
    "miner": Game(_square(easy=10, hard=20, memory=35), 62, 10, {}, (0, 1, 2, 3, 4, 6, 9, 10)),
    "ninja": Game(
        _square(easy=64, hard=64),
        *(62, 20, {1: 6, 20: 3}, (0, 6, 7, 9, 12, 13, 14)),
        wall_themes=3,
        exploration_level=1123500215,
    ),
    "plunder": Game(_square(easy=20, hard=20), 4, -1, {7: 6}, (1, 3, 6)),
    "starpilot": Game(
        _square(easy=16, hard=16, extreme=16), 13, -1, {4: 7, 5: 8, 6: 9, 7: 2, 8: 7, 9: 4}, (0, 1, 2, 3)
    ),
}
