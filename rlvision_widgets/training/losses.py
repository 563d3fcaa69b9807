"""What the network says of observations, and PPO's and a teacher's losses on it."""

from typing import NamedTuple

import torch
from torch import Tensor

from rlvision_widgets.agents.layered import LayeredNetwork
from rlvision_widgets.training.options import TrainingOptions
from rlvision_widgets.training.rollout import Rollout

__all__ = ["Losses", "act", "losses", "outputs"]


class Losses(NamedTuple):
    """Means over one batch."""

    total: Tensor
    policy: Tensor
    value: Tensor
    entropy: Tensor
    kl: Tensor
    """From the policy that acted to the one that learns: E[r - 1 - log r] (Schulman's k3). 0 at a rollout's start."""
    teacher_kl: Tensor


def outputs(network: LayeredNetwork, observation: Tensor, precision: str) -> tuple[Tensor, Tensor]:
    """Return log-probabilities (batch, action) and value (batch,) of uint8 observations, in float32."""
    with torch.autocast(observation.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits, value = network(network.inputs(observation))
    return logits.float().log_softmax(-1), value.float()


def act(network: LayeredNetwork, observation: Tensor, noise: Tensor, precision: str) -> tuple[Tensor, Tensor, Tensor]:
    """Sample actions by adding Gumbel noise (batch, action); return them, their log-probability and the value."""
    log_probs, value = outputs(network, observation, precision)
    action = (log_probs + noise).argmax(-1)
    return action, log_probs.gather(1, action[:, None])[:, 0], value


def losses(
    network: LayeredNetwork,
    batch: Rollout,
    lesson: tuple[Tensor, Tensor] | None,
    teacher_weight: Tensor,
    options: TrainingOptions,
) -> Losses:
    """Return PPO's loss on `batch`, plus the distance to a teacher's `lesson` (log-probabilities, value)."""
    log_probs, value = outputs(network, batch.observation, options.precision)
    change = log_probs.gather(1, batch.action[:, None])[:, 0] - batch.log_prob
    ratio = change.exp()
    advantage = (batch.advantage - batch.advantage.mean()) / (batch.advantage.std() + 1e-8)
    policy = -torch.minimum(ratio * advantage, ratio.clamp(1 - options.clip, 1 + options.clip) * advantage).mean()
    returns = batch.value + batch.advantage
    near = batch.value + (value - batch.value).clamp(-options.clip, options.clip)
    value_loss = 0.5 * torch.maximum((value - returns) ** 2, (near - returns) ** 2).mean()
    entropy = -(log_probs.exp() * log_probs).sum(-1).mean()
    total = options.ppo_weight * (policy + options.value_weight * value_loss - options.entropy_weight * entropy)
    teacher_kl = torch.zeros_like(total)
    if lesson is not None:
        taught, taught_value = lesson
        teacher_kl = (taught.exp() * (taught - log_probs)).sum(-1).mean()
        distance = 0.5 * ((value - taught_value) ** 2).mean()
        total = total + teacher_weight * (teacher_kl + options.teacher_value_weight * distance)
    return Losses(total, policy, value_loss, entropy, ((ratio - 1) - change).mean(), teacher_kl)
