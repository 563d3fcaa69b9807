"""A network with a memory: any of the staged networks, with a GRU between its trunk and its heads."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rlvision_widgets.agents.layered import NetworkOutput
from rlvision_widgets.agents.networks import ClearNetwork, ImpalaNetwork, NatureNetwork
from rlvision_widgets.agents.staged import StagedNetwork
from rlvision_widgets.names import unknown

__all__ = ["GruInputs", "GruNetwork"]


BASES = {base.architecture: base for base in (ClearNetwork, ImpalaNetwork, NatureNetwork)}


class GruInputs(NamedTuple):
    """What a network with a memory is given."""

    pictures: Tensor
    """(batch, rgb, height, width), float in 0..1."""
    state: Tensor
    """(batch, unit): the memory before this step; zeros where an episode opens."""


class GruNetwork(StagedNetwork):
    """A staged network whose heads read a GRU instead of the trunk; the GRU has as many units as the trunk's end.

    The memory is held constant wherever a layer's activations are changed or differentiated.

    Parameters
    ----------
    base : "impala", "nature" or "clear"
        The network around the GRU.
    **options
        Its own, as in its class.

    References
    ----------
    Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP 2014.
    """

    architecture = "gru"
    recurrent = True

    def __init__(self, base: str = "impala", **options: Any) -> None:
        if base not in BASES:
            raise ValueError(unknown("architecture", base, BASES))
        plain = BASES[base](**options)
        actions, width = plain.policy.weight.shape
        stages = dict(plain.trunk.named_children())
        super().__init__(stages, plain.layers, width, actions, {"base": base, **plain.options})
        self.memory = nn.GRUCell(width, width)

    def initial_state(self, batch: int) -> Tensor:
        """Return the memory before the first step: zeros, (batch, unit)."""
        return torch.zeros((batch, self.memory.hidden_size), dtype=self.like.dtype, device=self.like.device)

    def inputs(self, observations: Tensor, state: Any = None, first: Tensor | None = None) -> GruInputs:
        """Return pictures and memory; where `first` is true, the memory of nothing."""
        before = self.initial_state(len(observations)) if state is None else state.to(self.like)
        if first is not None:
            before = before * ~first[:, None]
        return GruInputs(super().inputs(observations), before)

    def forward(self, inputs: Any) -> NetworkOutput:
        """Return logits and value."""
        return self.step(inputs)[0]

    def step(self, inputs: Any) -> tuple[NetworkOutput, Tensor]:
        """Return logits and value, and the memory after this step."""
        return self._remembered(self._run(None, None, inputs.pictures, inputs.pictures), inputs.state)

    def until(self, layer: str, inputs: Any) -> Tensor:
        """Return the activations of `layer`; no memory reaches it."""
        return self._run(None, layer, inputs.pictures, inputs.pictures)

    def from_layer(self, layer: str, activations: Tensor, inputs: Any = None) -> NetworkOutput:
        """Return logits and value from the activations of `layer` and the memory in `inputs`."""
        if inputs is None:
            raise ValueError(
                f"the outputs do not follow from layer {layer!r} alone: the network has a recurrent state. Pass the "
                "observations and the state too: agent.head(layer, observations, state)."
            )
        return self._remembered(self._run(layer, None, activations, inputs.pictures), inputs.state)[0]

    def between(self, source: str, target: str, activations: Tensor, inputs: Any = None) -> Tensor:
        """Return the activations of `target` from those of `source`."""
        return self._run(source, target, activations, None if inputs is None else inputs.pictures)

    def _remembered(self, hidden: Tensor, before: Tensor) -> tuple[NetworkOutput, Tensor]:
        with torch.autocast(hidden.device.type, enabled=False):
            after: Tensor = self.memory(hidden.to(self.memory.weight_ih.dtype), before)
        return self._heads(after), after
