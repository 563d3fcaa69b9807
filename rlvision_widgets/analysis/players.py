"""Other ways to choose an action than to sample the agent's policy: the likeliest one, or any one.

Both are players like an agent: what samples from their logits with noise gets the likeliest action, or a uniform one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rlvision_widgets.agents import Agent
from rlvision_widgets.agents.adapters.policy import ACTION_VALUES

__all__ = ["GreedyPlayer", "RandomPlayer", "gives_action_values"]

NEVER = np.float32(-1e9)  # far below any Gumbel noise


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
    """Takes every action equally often, whatever it is shown: the floor that an agent has to be above.

    Parameters
    ----------
    action_names : sequence of str
        The actions to choose from: an agent's, so that both have the same.
    """

    name = "uniform random"

    def __init__(self, action_names: Sequence[str]) -> None:
        self.action_names = tuple(action_names)

    def __call__(self, observations: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], None]:
        """Return equal logits, and no value."""
        return np.zeros((len(observations), len(self.action_names)), np.float32), None


def gives_action_values(agent: Any) -> bool:
    """Whether an agent's logits are the action values of Q-learning, whose largest is played."""
    return ACTION_VALUES.items() <= dict(getattr(agent, "info", {})).items()
