"""Agents of the original CoinRun in Procgen's: their nine outputs at the places of Procgen's buttons.

The original (Cobbe et al. 2018) needs a Qt build of its own and is not supported. Its published agents can be taken
apart all the same, and play Procgen's CoinRun, whose sprites and physics are others.
"""

from typing import Any

import torch

from rlvision_widgets.agents.agent import PROCGEN_ACTIONS
from rlvision_widgets.agents.staged import StagedNetwork

__all__ = ["OLD_ACTIONS", "OLD_ENVIRONMENT", "OLD_NOTE", "with_procgen_actions"]

OLD_ACTIONS = ("NOOP", "RIGHT", "LEFT", "UP", "RIGHT+UP", "LEFT+UP", "DOWN", "D", "A")
"""Procgen's names for the nine outputs; the last two were without effect in the original, and are in Procgen."""

OLD_ENVIRONMENT: dict[str, Any] = {"name": "coinrun", "distribution_mode": "hard", "paint_vel_info": True}
"""What is nearest: the original painted the velocity, and had no easy mode."""

OLD_NOTE = (
    "Trained in the original CoinRun, whose sprites and physics differ from Procgen's: expect weak play. The logits of "
    "the six buttons that it did not have are -100."
)

NEVER = -100.0  # e^-100 is nothing beside any probability, and still finite


def with_procgen_actions(network: StagedNetwork) -> StagedNetwork:
    """Return the network with fifteen logits; the nine that it has are at the places of the same buttons."""
    with torch.device("meta"):
        wider = type(network)(**{**network.options, "num_actions": len(PROCGEN_ACTIONS)})
    places = [PROCGEN_ACTIONS.index(name) for name in OLD_ACTIONS]
    weights = network.state_dict()
    kernel, bias = weights["policy.weight"], weights["policy.bias"]
    weights["policy.weight"] = kernel.new_zeros(len(PROCGEN_ACTIONS), kernel.shape[1]).index_copy(
        0, torch.tensor(places), kernel
    )
    weights["policy.bias"] = torch.full_like(bias[:1], NEVER).repeat(len(PROCGEN_ACTIONS))
    weights["policy.bias"][places] = bias
    wider.load_state_dict(weights, assign=True)
    return wider
