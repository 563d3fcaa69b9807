"""The sixteen games of Procgen, as tables.

Facts of Procgen 0.10.7 (Cobbe et al. 2020, Leveraging Procedural Generation to Benchmark Reinforcement Learning), read
from its source and confirmed by running it.
"""

__all__ = ["ACTION_NAMES", "EXPLORATION_LEVEL", "GAMES", "MODES", "MODE_NUMBER"]

ACTION_NAMES = (
    *("LEFT+DOWN", "LEFT", "LEFT+UP", "DOWN", "NOOP", "UP", "RIGHT+DOWN", "RIGHT", "RIGHT+UP"),
    *("D", "A", "W", "S", "Q", "E"),
)

GAMES = (
    *("bigfish", "bossfight", "caveflyer", "chaser", "climber", "coinrun", "dodgeball", "fruitbot"),
    *("heist", "jumper", "leaper", "maze", "miner", "ninja", "plunder", "starpilot"),
)

MODE_NUMBER = {"easy": 0, "hard": 1, "extreme": 2, "memory": 10}

# the one level of the mode "exploration", which Python makes from "hard"
EXPLORATION_LEVEL = {
    "coinrun": 1949448038,
    "caveflyer": 1259048185,
    "leaper": 1318677581,
    "jumper": 1434825276,
    "maze": 158988835,
    "heist": 876640971,
    "climber": 1561126160,
    "ninja": 1123500215,
}

_EXTREME = ("chaser", "dodgeball", "leaper", "starpilot")
_MEMORY = ("caveflyer", "dodgeball", "heist", "jumper", "maze", "miner")

# any other mode ends the process
MODES = {
    game: (
        *("easy", "hard"),
        *(("extreme",) if game in _EXTREME else ()),
        *(("memory",) if game in _MEMORY else ()),
        *(("exploration",) if game in EXPLORATION_LEVEL else ()),
    )
    for game in GAMES
}
