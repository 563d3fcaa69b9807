"""Convolutions and dense layers of any number and size, as other libraries' policies are made of."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from rlvision_widgets.agents.layered import NetworkOutput
from rlvision_widgets.agents.staged import Flatten, RectifiedConv2d, RectifiedLinear, StagedNetwork

__all__ = ["ACTIVATIONS", "NATURE", "ConvolutionalNetwork", "cells"]

KINDS = (nn.ReLU, nn.Tanh, nn.ELU, nn.GELU, nn.LeakyReLU, nn.SiLU, nn.SELU, nn.Mish, nn.Sigmoid, nn.Softplus)
ACTIVATIONS: dict[str, type[nn.Module]] = {kind.__name__.lower(): kind for kind in KINDS}
"""What may follow the dense layers of a head, with the settings that torch gives it."""

NATURE = ((32, 8, 4, 0), (64, 4, 2, 0), (64, 3, 1, 0))


class ConvolutionalNetwork(StagedNetwork):
    """Convolutions and dense layers, each with a ReLU; then for each head dense layers of its own.

    Its layers are the convolutions after their ReLU, ``c1``, ``c2``, … `NatureNetwork` is the special case that has
    a name; here fall networks without a value (of Q-learning: the logits are action values), with another number
    of layers, or with dense layers that only one head has.

    Parameters
    ----------
    num_actions : int
        Number of logits.
    convolutions : sequence of (int, int, int, int)
        Channels, kernel size, stride and padding of each; by default Nature's.
    dense : sequence of int
        Widths of the dense layers that both heads read.
    policy_dense, value_dense : sequence of int
        Widths of the dense layers of one head.
    activation : str
        What follows each of a head's dense layers; one of `ACTIVATIONS`.
    value : bool
        Whether there is a value head.
    observation_shape : (int, int, int)
        Height, width and number of colours (or stacked frames) of an observation.

    Raises
    ------
    ValueError
        When the observations are too small for the convolutions, or the activation is unknown.
    """

    architecture = "convolutional"

    def __init__(
        self,
        num_actions: int = 15,
        convolutions: Sequence[Sequence[int]] = NATURE,
        dense: Sequence[int] = (512,),
        *,
        policy_dense: Sequence[int] = (),
        value_dense: Sequence[int] = (),
        activation: str = "tanh",
        value: bool = True,
        observation_shape: tuple[int, int, int] = (64, 64, 3),
    ) -> None:
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation has to be one of {', '.join(ACTIVATIONS)}, not {activation!r}")
        stages: dict[str, nn.Module] = {}
        before = observation_shape[2]
        for index, (size, kernel, stride, padding) in enumerate(convolutions, start=1):
            stages[f"c{index}"] = RectifiedConv2d(before, size, kernel, stride=stride, padding=padding)
            before = size
        layers = tuple(stages)
        stages["flatten"] = Flatten()
        height, width = cells(observation_shape[:2], convolutions)
        widths = [height * width * before, *dense]
        stages |= {f"dense_{i}": RectifiedLinear(*pair) for i, pair in enumerate(pairwise(widths), start=1)}
        options = {
            "num_actions": num_actions,
            "convolutions": [list(convolution) for convolution in convolutions],
            "dense": list(dense),
            "policy_dense": list(policy_dense),
            "value_dense": list(value_dense),
            "activation": activation,
            "value": value,
            "observation_shape": list(observation_shape),
        }
        super().__init__(stages, layers, widths[-1], num_actions, options)
        self.before_policy = _dense(widths[-1], policy_dense, activation)
        self.before_value = _dense(widths[-1], value_dense if value else (), activation)
        self.policy = nn.Linear([widths[-1], *policy_dense][-1], num_actions)
        self.value = nn.Linear([widths[-1], *value_dense][-1], 1) if value else None
        self._initialise()

    def _heads(self, hidden: Tensor) -> NetworkOutput:
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.to(self.policy.weight.dtype)
            value = None if self.value is None else self.value(self.before_value(hidden)).squeeze(1)
            return NetworkOutput(self.policy(self.before_policy(hidden)), value)


def cells(size: Sequence[int], convolutions: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Return the height and width of what convolutions, (channels, kernel, stride, padding) each, make of an image.

    Raises
    ------
    ValueError
        When nothing is left of it.
    """
    height, width = size
    for _, kernel, stride, padding in convolutions:
        height, width = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
    if min(height, width) < 1:
        raise ValueError(f"observations of {size[0]} x {size[1]} pixels are too small for these convolutions")
    return height, width


def _dense(before: int, widths: Sequence[int], activation: str) -> nn.Sequential:
    pairs = pairwise([before, *widths])
    return nn.Sequential(*(part for pair in pairs for part in (nn.Linear(*pair), ACTIVATIONS[activation]())))
