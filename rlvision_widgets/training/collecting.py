"""Playing: the policy acts, and what comes of it is kept."""

from collections.abc import Callable
from typing import Any

import torch

from rlvision_widgets.training.options import TrainingOptions
from rlvision_widgets.training.rollout import Rollout, generalised_advantages
from rlvision_widgets.training.run import Run

__all__ = ["collect"]


def collect(run: Run, options: TrainingOptions, step: Callable[..., Any]) -> Rollout:
    """Let the policy act for `num_steps` decisions."""
    shape, device = (options.num_steps, options.num_trajectories), torch.device(options.device)
    observation = torch.empty((*shape, *run.observation.shape[1:]), dtype=torch.uint8, device=device)
    action = torch.empty(shape, dtype=torch.int64, device=device)
    log_prob, value, reward, ended = (torch.empty(shape, device=device) for _ in range(4))
    for t in range(options.num_steps):
        observation[t] = torch.from_numpy(run.observation)
        # Gumbel noise: its largest sum with the log-probabilities is a sample.
        noise = torch.empty(shape[1], options.num_actions).exponential_(generator=run.random).log().neg()
        action[t], log_prob[t], value[t] = step(run.network, observation[t], noise.to(device), options.precision)
        observed = run.environment.step(action[t].cpu().numpy())
        run.take_in(observed)
        reward[t], ended[t] = torch.from_numpy(observed.reward), torch.from_numpy(observed.first)
    following = torch.from_numpy(run.observation).to(device)
    final_value = step(run.network, following, torch.zeros_like(noise, device=device), options.precision)[2]
    run.steps += options.num_steps * options.num_trajectories
    reward = (reward / run.scale.std).clamp(-10, 10)
    advantage = generalised_advantages(
        value, reward, ended, final_value, gamma=options.gamma, gae_lambda=options.gae_lambda
    )
    return Rollout(observation, action, log_prob, value, advantage)
