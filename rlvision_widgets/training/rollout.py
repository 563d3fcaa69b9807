"""What happened between two updates of the policy that acts, and how much better it was than expected."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Rollout", "generalised_advantages"]


class Rollout(NamedTuple):
    """What happened, time first; the loss sees it with both leading axes flattened."""

    observation: Tensor
    """(step, trajectory, height, width, rgb) uint8."""
    action: Tensor
    """(step, trajectory) int64."""
    log_prob: Tensor
    """(step, trajectory) of that action, when it was taken."""
    value: Tensor
    """(step, trajectory) in units of normalised return."""
    advantage: Tensor
    """(step, trajectory) in the same units."""
    taught: Tensor | None = None
    """(step, trajectory, action) log-probabilities of a teacher that was asked on the way."""
    taught_value: Tensor | None = None
    """(step, trajectory) in raw reward."""

    def each(self, change: Callable[[Tensor], Tensor]) -> "Rollout":
        """Return the rollout with every part changed."""
        return Rollout(*(None if part is None else change(part) for part in self))  # type: ignore[arg-type]


def generalised_advantages(
    value: Tensor, reward: Tensor, ended: Tensor, final_value: Tensor, *, gamma: float, gae_lambda: float
) -> Tensor:
    """Return A[t] = delta[t] + gamma * lambda * A[t+1], (step, trajectory); an episode's end carries nothing over."""
    advantage, following, after = torch.zeros_like(value), torch.zeros_like(final_value), final_value
    for t in reversed(range(len(value))):
        goes_on = 1 - ended[t]
        delta = reward[t] + gamma * after * goes_on - value[t]
        following = delta + gamma * gae_lambda * goes_on * following
        advantage[t], after = following, value[t]
    return advantage
