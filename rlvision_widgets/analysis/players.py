"""Other ways to choose an action than to sample the agent's policy: the likeliest one, or any one.

Both are players like an agent: what samples from their logits with noise gets the likeliest action, or a uniform one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rlvision_widgets.agents import Agent
from rlvision_widgets.agents.adapters.policy import ACTION_VALUES

__all__ = ["GreedyPlayer", "HurriedPlayer", "RandomPlayer", "TooLong", "gives_action_values"]

NEVER = np.float32(-1e9)  # far below any Gumbel noise
NEARLY_NEVER = np.float32(1e-30)  # a share whose logarithm exists


class GreedyPlayer:
    """An agent that always takes its likeliest action.

    Parameters
    ----------
    agent : Agent
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.name = f"{agent.name}, greedy"
        self.checkpoint = agent.checkpoint
        self.edits = agent.edits
        self.action_names = agent.action_names
        self.environment = agent.environment
        self.recurrent = agent.recurrent

    def __call__(self, observations: npt.NDArray[np.uint8], *state: Any) -> tuple[Any, ...]:
        """Return logits that leave one action, and all else as the agent does."""
        logits, *rest = self._agent(observations, *state)
        likeliest = np.arange(logits.shape[1]) == logits.argmax(axis=1)[:, np.newaxis]
        return (np.where(likeliest, np.float32(0), NEVER), *rest)


class RandomPlayer:
    """Takes every action equally often, or as often as it is told, whatever it is shown: a floor for an agent.

    Parameters
    ----------
    action_names : sequence of str
        The actions to choose from: an agent's, so that both have the same.
    shares : float array, (action,), optional
        How often it takes each; all equally often by default.
    """

    def __init__(self, action_names: Sequence[str], shares: npt.ArrayLike | None = None) -> None:
        self.action_names = tuple(action_names)
        self.name = "uniform random" if shares is None else "blind"
        equal = np.ones(len(self.action_names), np.float32)
        self._logits = np.log(np.maximum(equal if shares is None else np.asarray(shares, np.float32), NEARLY_NEVER))

    def __call__(self, observations: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], None]:
        """Return the same logits for all, and no value."""
        return np.tile(self._logits, (len(observations), 1)), None


class TooLong(RuntimeError):
    """A player was shown more frames than it was given."""


class HurriedPlayer:
    """Another player, for as long as it is not shown too much: who never presses FIRE may never end an episode.

    Parameters
    ----------
    player : callable
        As in `collect_rollout`.
    most : int
        Frames after which it raises `TooLong`.
    """

    def __init__(self, player: Any, most: int) -> None:
        self._player, self._most, self._shown = player, most, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._player, name)

    def __call__(self, observations: npt.NDArray[np.uint8], *state: Any) -> Any:
        """Return what the player says."""
        self._shown += len(observations)
        if self._shown > self._most:
            raise TooLong(f"no end after {self._most} frames")
        return self._player(observations, *state)


def gives_action_values(agent: Any) -> bool:
    """Whether an agent's logits are the action values of Q-learning, whose largest is played."""
    return ACTION_VALUES.items() <= dict(getattr(agent, "info", {})).items()
