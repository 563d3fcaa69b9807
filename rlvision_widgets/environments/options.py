"""Procgen's options, checked in Python: a wrong one that reaches the library ends the process."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rlvision_widgets.environments.games import ACTION_NAMES, GAMES, MODE_NUMBER
from rlvision_widgets.names import unknown

__all__ = ["DEFAULTS", "check_count", "check_game", "check_options", "library_options"]

LARGEST = 2**31 - 1
KEYWORDS = ("num_trajectories", "seed", "num_threads", "directory")  # make_environment's own

DEFAULTS: dict[str, str | bool | int] = {
    "distribution_mode": "hard",
    "num_levels": 0,
    "start_level": 0,
    "use_sequential_levels": False,
    "debug_mode": 0,
    "center_agent": True,
    "use_backgrounds": True,
    "use_monochrome_assets": False,
    "restrict_themes": False,
    "use_generated_assets": False,
    "paint_vel_info": False,
}


def check_game(name: object) -> str:
    """Return `name` if it is a game of Procgen.

    Raises
    ------
    ValueError
        When it is not; names the nearest game.
    """
    if isinstance(name, str) and name in GAMES:
        return name
    raise ValueError(unknown("environment", name, GAMES))


def check_count(what: str, value: object, low: int, high: int = LARGEST) -> int:
    """Return `value` as an int from `low` to `high`, both included.

    Raises
    ------
    TypeError
        When it is not an integer.
    ValueError
        When it is out of range.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{what} must be an integer from {low} to {high}, and {value!r} came.")
    if not low <= value <= high:
        raise ValueError(f"{what} must be from {low} to {high}, and {value} came.")
    return int(value)


def check_options(game: str, options: Mapping[str, Any]) -> dict[str, str | bool | int]:
    """Return the complete options of `game`, JSON-friendly: those given, and Procgen's defaults for the rest.

    Parameters
    ----------
    game : str
        One of `GAMES`.
    options : mapping
        Any of the options in `DEFAULTS`.

    Raises
    ------
    TypeError
        When an option is unknown or has the wrong type.
    ValueError
        When an option is out of range, is not for this game, or does not go with another.
    """
    for name in options:
        if name not in DEFAULTS:
            raise TypeError(unknown("option", name, [*KEYWORDS, *DEFAULTS], f"These are the options of {game}."))
    checked = {name: _check(game, name, options.get(name, default)) for name, default in DEFAULTS.items()}
    start, number = int(checked["start_level"]), int(checked["num_levels"])
    if checked["distribution_mode"] == "exploration" and (start or number):
        raise ValueError(
            "distribution_mode 'exploration' is a single fixed level: leave out num_levels and start_level."
        )
    if start and not number:
        raise ValueError(
            f"start_level={start} has no effect with num_levels=0 (all levels); give num_levels=1 for that one level."
        )
    if start + number > LARGEST:
        raise ValueError(f"start_level + num_levels must be at most {LARGEST}, and is {start + number}.")
    return checked


def _check(game: str, name: str, value: Any) -> str | bool | int:
    if name == "distribution_mode":
        if value not in GAMES[game].modes:
            raise ValueError(unknown("distribution_mode", value, GAMES[game].modes, f"These are the modes of {game}."))
        return str(value)
    if isinstance(DEFAULTS[name], bool):
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"option {name} must be True or False, and {value!r} came.")
        return bool(value)
    return check_count(f"option {name}", value, 0)


def library_options(
    game: str, options: Mapping[str, str | bool | int], *, seed: int, num_threads: int
) -> dict[str, str | bool | int]:
    """Translate checked options into those of the C library."""
    raw = dict(options)
    mode = str(raw["distribution_mode"])
    level = GAMES[game].exploration_level
    if mode == "exploration" and level is not None:
        raw.update(num_levels=1, start_level=level)
        mode = "hard"
    return {
        **raw,
        "distribution_mode": MODE_NUMBER[mode],
        "env_name": game,
        "num_actions": len(ACTION_NAMES),
        "rand_seed": seed,
        "num_threads": num_threads,
    }
