"""The bundled agent for CoinRun with its policy alone: the same weights in every process, and no value."""

import torch

import rlvision_widgets as rlv


class Policy(torch.nn.Module):
    """A network without its value head."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, inputs):
        """Return logits."""
        return self.network(inputs).logits


def policy_agent():
    """Return an agent for easy CoinRun."""
    whole = rlv.load_agent("coinrun")
    return rlv.wrap_agent(
        Policy(whole.network),
        preprocess=whole.network.inputs,
        layers=["network.trunk.2a", "network.trunk.2b"],
        action_names=whole.action_names,
        environment=whole.environment,
        name="policy alone",
    )
