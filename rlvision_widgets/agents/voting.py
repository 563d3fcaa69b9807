"""A network in which every place of the frame votes: what it has learned at one place it knows at all."""

import math
from collections.abc import Sequence

from torch import Tensor, nn

from rlvision_widgets.agents.staged import RectifiedConv2d, StagedNetwork

__all__ = ["VotingNetwork"]

DEFAULT = ((16, 5, 2, 1), (32, 3, 2, 1), (32, 3, 1, 1), (32, 3, 1, 2), (32, 3, 1, 2), (64, 3, 1, 1))


class Centre(nn.Module):
    """0..1 to -2..2: kernels that see only positive numbers learn little but their mean."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 4 - 2


class Vote(nn.Module):
    """(batch, channel, y, x) -> (batch, channel): the sum over all cells, divided by the root of their number."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum((2, 3)) / math.sqrt(x.shape[2] * x.shape[3])


class VotingNetwork(StagedNetwork):
    """Convolutions, and heads that read the sum of the last one over all its places.

    Logits and value are sums of what each place adds, so attribution from the last layer is exact. For worlds seen as a
    whole, such as mazes, where the same things matter wherever the agent is: a dense layer would have to learn them
    at each place anew. With the default strides, c2 and what follows have about one cell for each of an easy maze.

    Its layers are the convolutions after their ReLU, ``c1``, ``c2``, …

    Parameters
    ----------
    num_actions : int
        Number of logits.
    convolutions : sequence of (int, int, int, int)
        Channels, kernel size (odd), stride and dilation of each; they are padded so that only strides make smaller.
    observation_shape : (int, int, int)
        Height, width and number of colours of an observation.

    Raises
    ------
    ValueError
        When there is no convolution, or a kernel's size is even.
    """

    architecture = "voting"

    def __init__(
        self,
        num_actions: int = 15,
        convolutions: Sequence[Sequence[int]] = DEFAULT,
        observation_shape: tuple[int, int, int] = (64, 64, 3),
    ) -> None:
        even = [kernel for _, kernel, _, _ in convolutions if kernel % 2 == 0]
        if even or not convolutions:
            raise ValueError(f"a voting network needs convolutions with kernels of odd size, and has {even or 'none'}")
        stages: dict[str, nn.Module] = {"centre": Centre()}
        before = observation_shape[2]
        for number, (channels, kernel, stride, dilation) in enumerate(convolutions, start=1):
            stages[f"c{number}"] = RectifiedConv2d(
                before, channels, kernel, stride=stride, padding=dilation * (kernel // 2), dilation=dilation
            )
            before = channels
        layers = tuple(name for name in stages if name != "centre")
        stages["vote"] = Vote()
        options = {
            "num_actions": num_actions,
            "convolutions": [list(convolution) for convolution in convolutions],
            "observation_shape": list(observation_shape),
        }
        super().__init__(stages, layers, before, num_actions, options)
