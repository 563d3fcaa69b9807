"""Why a level ended that nobody recorded: it is played again in a spare world, up to its last action."""

from collections.abc import Callable

from rlvision_widgets.analysis.levels import LevelEnvironment
from rlvision_widgets.environments.endings import explain_end
from rlvision_widgets.environments.environment import Environment

__all__ = ["GOALS", "LevelExplainer"]

GOALS = {"coinrun": "coin", "maze": "cheese"}  # games with one goal: what completes a level is known
UNEXPLAINED = "unexplained"


class LevelExplainer:
    """Tells causes of levels' ends, as `endings` does, from the actions that were played in them.

    Parameters
    ----------
    replay : callable
        Makes one world in which levels open as they did: edited, where they were.
    spare : callable
        Makes one world of the same game that nobody edits; what a state holds decides what ends it.
    """

    def __init__(self, replay: Callable[[], LevelEnvironment], spare: Callable[[], Environment]) -> None:
        self._make = replay, spare
        self._worlds: tuple[LevelEnvironment, Environment] | None = None

    def __call__(self, level_seed: int, actions: bytes, success: bool) -> str:
        """Return the cause; where a goal was reached in a game that has one, its name without a replay."""
        if self._worlds is None:
            self._worlds = self._make[0](), self._make[1]()
        replay, spare = self._worlds
        if success and replay.name in GOALS:
            return GOALS[replay.name]
        replay.load_level(0, level_seed)
        for action in actions[:-1]:
            replay.act([action])
        try:
            return explain_end(spare, replay.get_state(0), actions[-1], check=False).cause
        except ValueError:  # the replay went otherwise: never seen in a game of Procgen's
            return UNEXPLAINED

    def close(self) -> None:
        """Close the spare worlds."""
        for world in self._worlds or ():
            world.close()
        self._worlds = None
