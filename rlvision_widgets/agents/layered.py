"""What an agent asks of its network: outputs for a batch, and a cut at any named layer."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["LayeredNetwork", "NetworkOutput"]


class NetworkOutput(NamedTuple):
    """What a network says about a batch of observations."""

    logits: Tensor
    """(batch, logit): unnormalised log-probabilities of the actions."""
    value: Tensor | None
    """(batch,): expected discounted return, in raw task reward; None when the network has no value head."""


class LayeredNetwork(nn.Module, ABC):
    """A network with named layers (abstract).

    The laws that each kind keeps: ``from_layer(layer, until(layer, inputs), inputs)`` is ``forward(inputs)``, and
    ``between(a, b, until(a, inputs), inputs)`` is ``until(b, inputs)`` for a layer b after a.

    Attributes
    ----------
    layers : tuple of str
        Names in order of computation; a layer's activations are (batch, channel, y, x).
    observation_shape : (int, int, int)
        Height, width and number of colours of an observation.
    recurrent : bool
        Whether it carries a state from step to step.
    concurrent : bool
        Whether several threads may use it at once: not where a hook replaces a layer for the time of a call.
    """

    layers: tuple[str, ...]
    observation_shape: tuple[int, int, int]
    recurrent: bool = False
    concurrent: bool = False

    @property
    def like(self) -> Tensor:
        """A tensor of the network's dtype on its device."""
        return next(self.parameters(), torch.empty(0))

    def inputs(self, observations: Tensor, state: Any = None, first: Tensor | None = None) -> Any:
        """Return what `forward` takes, from uint8 observations (batch, height, width, rgb) on the network's device.

        Without an override: (batch, rgb, height, width) in 0..1, in the dtype of the weights. The permuted bytes are
        in the channels_last memory format, which convolutions on a CPU like better.
        """
        return observations.permute(0, 3, 1, 2).to(self.like.dtype) / 255

    def initial_state(self, batch: int) -> Any:
        """Return the recurrent state before the first step, of tensors that grow with the batch; None without one."""
        return None

    def step(self, inputs: Any) -> tuple[NetworkOutput, Any]:
        """Return outputs and the recurrent state after this step (None without one)."""
        return self(inputs), None

    @abstractmethod
    def until(self, layer: str, inputs: Any) -> Tensor:
        """Return the activations of `layer`, (batch, channel, y, x)."""

    @abstractmethod
    def from_layer(self, layer: str, activations: Tensor, inputs: Any = None) -> NetworkOutput:
        """Return the outputs that follow from the activations of `layer`, differentiable in them.

        `inputs` are the observations behind the activations, for networks in which something goes around the layer.
        """

    @abstractmethod
    def between(self, source: str, target: str, activations: Tensor, inputs: Any = None) -> Tensor:
        """Return the activations of `target` that follow from those of the earlier layer `source`, differentiable.

        `inputs` are the observations behind the activations, for networks in which something goes around `source`.
        """

    def insert(self, layer: str, edit: nn.Module) -> None:
        """Have `layer` give edit(activations) from now on, to all that reads it; edits add up.

        Without an override a network cannot be edited so.
        """
        raise TypeError(
            f"the layers of a {type(self).__name__} cannot be edited; rlv.wrap_agent makes an agent that can"
        )
