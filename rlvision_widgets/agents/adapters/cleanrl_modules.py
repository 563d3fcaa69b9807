"""Two of CleanRL's networks that are more than convolutions and dense layers: with a memory, and with distributions."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rlvision_widgets.agents.adapters.convolutions import Size, check_names, size_of
from rlvision_widgets.agents.convolutional import NATURE, cells
from rlvision_widgets.agents.staged import StagedNetwork
from rlvision_widgets.agents.weights import load_state

__all__ = ["ExpectedValues", "LstmAgent", "expected_values", "no_memory", "with_memory"]

WITH_LSTM = "CleanRL's agent with an LSTM"


class ExpectedValues(nn.Module):
    """C51: for each action a distribution over returns, the atoms, whose mean is the action's value."""

    def __init__(self, network: StagedNetwork, atoms: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("atoms", atoms)

    def forward(self, x: Tensor) -> Tensor:
        """Return action values of (batch, colour, height, width) in 0..1."""
        return expected_values(self.network(x).logits, self.get_buffer("atoms"))


def expected_values(logits: Tensor, atoms: Tensor) -> Tensor:
    """Return the mean of each action's distribution, from (batch, action * atom)."""
    shares = torch.softmax(logits.reshape(len(logits), -1, len(atoms)), 2)
    return (shares * atoms).sum(2)


class LstmAgent(nn.Module):
    """The parts of ``ppo_atari_lstm``'s agent under its names: convolutions, a dense layer, an LSTM, two heads.

    Parameters
    ----------
    state : mapping
        The agent's weights.

    Raises
    ------
    ValueError
        With every difference of names and shapes.
    """

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        modules = [*(f"network.{place}" for place in (0, 2, 4, 7)), "actor", "critic"]
        names = [f"{module}.{kind}" for module in modules for kind in ("weight", "bias")]
        names += [f"lstm.{kind}_{source}_l0" for kind in ("weight", "bias") for source in ("ih", "hh")]
        check_names(names, state, WITH_LSTM)
        found = {name: tuple(tensor.shape) for name, tensor in state.items()}
        parts: list[nn.Module] = []
        for place, (_, kernel, stride, _) in zip((0, 2, 4), NATURE, strict=True):
            after, before = found[f"network.{place}.weight"][:2]
            parts += [nn.Conv2d(before, after, kernel, stride), nn.ReLU()]
        width, cells = found["network.7.weight"]
        self.network = nn.Sequential(*parts, nn.Flatten(), nn.Linear(cells, width), nn.ReLU())
        units = found["lstm.weight_hh_l0"][1]
        self.lstm = nn.LSTM(width, units)
        self.actor, self.critic = nn.Linear(units, len(state["actor.bias"])), nn.Linear(units, 1)
        load_state(self, state)

    def frame_size(self) -> Size:
        """Return the most customary height and width of frames that fit the first dense layer."""
        last, dense = self.network[4], self.network[7]
        assert isinstance(last, nn.Conv2d)
        assert isinstance(dense, nn.Linear)
        return size_of(dense.in_features / last.out_channels, lambda tried: cells(tried, NATURE), WITH_LSTM)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor], first: Tensor) -> Any:
        """Return logits, value and the state after the step, as `with_memory`."""
        return with_memory(self, x, state, first)


def no_memory(units: int, batch: int) -> tuple[Tensor, Tensor]:
    """Return the state of an LSTM before the first step: two of zeros, (batch, unit)."""
    return torch.zeros(batch, units), torch.zeros(batch, units)


def with_memory(agent: Any, x: Tensor, state: tuple[Tensor, Tensor], first: Tensor) -> Any:
    """Return logits, value and the state after the step, (batch, unit) twice; forgotten where `first` is true."""
    kept = (~first).to(x.dtype)[:, None]
    before = tuple((kept * part)[None] for part in state)
    hidden, after = agent.lstm(agent.network(x)[None], before)
    return agent.actor(hidden[0]), agent.critic(hidden[0]), tuple(part[0] for part in after)
