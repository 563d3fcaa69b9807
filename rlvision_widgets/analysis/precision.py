"""An agent that computes in a given precision, and answers for an observation whatever else is in the batch."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from rlvision_widgets.agents import Agent
from rlvision_widgets.agents.staged import StagedNetwork
from rlvision_widgets.analysis.playing import Act
from rlvision_widgets.names import unknown

__all__ = ["PRECISIONS", "Steady", "check_precision", "steady"]

PRECISIONS = ("float32", "bfloat16")
MULTIPLE = 4  # a convolution computes fewer images than this in another order, and rounds otherwise


def check_precision(agent: Act, precision: str) -> str:
    """Return `precision` if the agent can compute in it.

    Raises
    ------
    ValueError
        When it is no precision, or bfloat16 and the agent's network is not one whose heads can be left out of it.
    """
    if precision not in PRECISIONS:
        raise ValueError(unknown("precision", precision, PRECISIONS))
    if precision == "bfloat16" and not isinstance(getattr(agent, "network", None), StagedNetwork):
        raise ValueError(
            "precision='bfloat16' computes the trunk in it and the heads in float32, which is known only of this "
            f"package's own networks; {getattr(agent, 'name', agent)!r} is none. Leave precision='float32'."
        )
    return precision


def steady(agent: Act, precision: str = "float32") -> Act:
    """Return what plays for the agent: itself where it is no `Agent` of this package or carries a state."""
    if not isinstance(agent, Agent) or agent.recurrent:
        return agent
    return Steady(agent, precision)


class Steady:
    """An agent whose answer for an observation is the same to the last bit in a batch of any size.

    Convolutions compute very small batches in another order than larger ones, and so round otherwise; batches are
    filled up to a multiple of four images, from which on rows were equal where it was tried (oneDNN, x86-64). One
    flipped action in a million then does not tell two measurements apart.
    """

    recurrent = False

    def __init__(self, agent: Agent, precision: str) -> None:
        self._agent, self._low = agent, precision == "bfloat16"
        self.action_names: Sequence[str] = agent.action_names

    def __call__(self, observations: npt.NDArray[np.uint8]) -> tuple[Any, Any]:
        """Return policy logits and value of observations."""
        number = len(observations)
        padding = -number % MULTIPLE
        filled = np.concatenate([observations, observations[np.arange(padding) % number]]) if padding else observations
        with self._context():
            logits, value = self._agent(filled)
        return logits[:number], None if value is None else value[:number]

    def _context(self) -> AbstractContextManager[Any]:
        device = self._agent.network.like.device.type
        return torch.autocast(device, torch.bfloat16) if self._low else nullcontext()
