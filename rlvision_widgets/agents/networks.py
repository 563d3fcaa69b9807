"""The networks that an agent can be, by name."""

from typing import Literal

from torch import nn

from rlvision_widgets.agents.convolutional import ConvolutionalNetwork
from rlvision_widgets.agents.staged import (
    Flatten,
    L2Pool,
    MaxPool,
    RectifiedConv2d,
    RectifiedLinear,
    Residual,
    StagedNetwork,
)
from rlvision_widgets.agents.voting import VotingNetwork

__all__ = [
    "ARCHITECTURES",
    "ClearNetwork",
    "ConvolutionalNetwork",
    "ImpalaNetwork",
    "NatureNetwork",
    "StagedNetwork",
    "VotingNetwork",
]


class ClearNetwork(StagedNetwork):
    """The article's "clear" CNN: five convolutions with L2 pooling, two dense layers.

    Its layers, after their ReLU and before pooling, are ``1a`` (16, 64, 64), ``2a`` and ``2b`` (32, 32, 32), ``3a``
    (32, 16, 16) and ``4a`` (32, 8, 8) for observations of 64 x 64 pixels.

    Parameters
    ----------
    num_actions : int
        Number of logits.
    channels : sequence of 5 int
        Channels of 1a, 2a, 2b, 3a, 4a.
    dense : sequence of 2 int
        Widths of the dense layers.
    observation_shape : (int, int, int)
        Height, width and number of colours of an observation.

    References
    ----------
    Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020, appendix C.
    """

    architecture = "clear"

    def __init__(
        self,
        num_actions: int = 15,
        channels: tuple[int, ...] = (16, 32, 32, 32, 32),
        dense: tuple[int, ...] = (256, 512),
        observation_shape: tuple[int, int, int] = (64, 64, 3),
    ) -> None:
        height, width, rgb = observation_shape
        one_a, two_a, two_b, three_a, four_a = channels
        cells = -(-height // 16) * -(-width // 16)  # four poolings, each rounding up
        stages = {
            "1a": RectifiedConv2d(rgb, one_a, 7, padding=3),
            "1_pool": L2Pool(),
            "2a": RectifiedConv2d(one_a, two_a, 5, padding=2),
            "2b": RectifiedConv2d(two_a, two_b, 5, padding=2),
            "2_pool": L2Pool(),
            "3a": RectifiedConv2d(two_b, three_a, 5, padding=2),
            "3_pool": L2Pool(),
            "4a": RectifiedConv2d(three_a, four_a, 5, padding=2),
            "4_pool": L2Pool(),
            "flatten": Flatten(),
            "dense_1": RectifiedLinear(cells * four_a, dense[0]),
            "dense_2": RectifiedLinear(dense[0], dense[1]),
        }
        options = {
            "num_actions": num_actions,
            "channels": list(channels),
            "dense": list(dense),
            "observation_shape": list(observation_shape),
        }
        super().__init__(stages, ("1a", "2a", "2b", "3a", "4a"), dense[1], num_actions, options)


class ImpalaNetwork(StagedNetwork):
    """The IMPALA CNN: groups of a convolution, a maximum and two residual blocks; then one dense layer.

    Its layers are the outputs of the residual blocks, ``1a``, ``1b``, ``2a``, … Unlike a layer after a ReLU they may be
    negative: a residual block adds to what came in, and only its next user rectifies.

    Parameters
    ----------
    num_actions : int
        Number of logits.
    channels : sequence of int
        Channels of each group.
    dense : int
        Width of the dense layer.
    pooling : "torch" or "tensorflow"
        How the maximum pads even sizes (see `MaxPool`); ``"tensorflow"`` for weights trained there.
    observation_shape : (int, int, int)
        Height, width and number of colours of an observation.

    References
    ----------
    Espeholt et al., "IMPALA", ICML 2018, figure 3 (the larger network); Cobbe et al. 2020 for Procgen.
    """

    architecture = "impala"

    def __init__(
        self,
        num_actions: int = 15,
        channels: tuple[int, ...] = (16, 32, 32),
        dense: int = 256,
        pooling: Literal["torch", "tensorflow"] = "torch",
        observation_shape: tuple[int, int, int] = (64, 64, 3),
    ) -> None:
        if pooling not in ("torch", "tensorflow"):
            raise ValueError(f"pooling has to be 'torch' or 'tensorflow', not {pooling!r}")
        height, width, before = observation_shape
        stages: dict[str, nn.Module] = {}
        for group, size in enumerate(channels, start=1):
            stages[f"{group}_conv"] = nn.Conv2d(before, size, 3, padding=1)
            stages[f"{group}_pool"] = MaxPool(pooling)
            stages[f"{group}a"] = Residual(size)
            stages[f"{group}b"] = Residual(size)
            height, width, before = -(-height // 2), -(-width // 2), size
        stages["flatten"] = Flatten()
        stages["relu"] = nn.ReLU()
        stages["dense_1"] = RectifiedLinear(height * width * before, dense)
        layers = tuple(f"{group}{block}" for group in range(1, len(channels) + 1) for block in "ab")
        options = {
            "num_actions": num_actions,
            "channels": list(channels),
            "dense": dense,
            "pooling": pooling,
            "observation_shape": list(observation_shape),
        }
        super().__init__(stages, layers, dense, num_actions, options)


class NatureNetwork(StagedNetwork):
    """The CNN of "Human-level control through deep reinforcement learning": three strided convolutions, a dense layer.

    Parameters
    ----------
    num_actions : int
        Number of logits.
    channels : sequence of 3 int
        Channels of ``c1``, ``c2`` and ``c3``.
    dense : int
        Width of the dense layer.
    observation_shape : (int, int, int)
        Height, width and number of colours (or stacked frames) of an observation; at least 36 x 36.

    References
    ----------
    Mnih et al., Nature 518 (2015), methods.
    """

    architecture = "nature"

    def __init__(
        self,
        num_actions: int = 15,
        channels: tuple[int, ...] = (32, 64, 64),
        dense: int = 512,
        observation_shape: tuple[int, int, int] = (64, 64, 3),
    ) -> None:
        height, width, rgb = observation_shape
        one, two, three = channels
        for kernel, stride in ((8, 4), (4, 2), (3, 1)):
            height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
        if min(height, width) < 1:
            raise ValueError(
                f"NatureNetwork needs observations of at least 36 x 36 pixels, not {observation_shape[:2]}"
            )
        stages = {
            "c1": RectifiedConv2d(rgb, one, 8, stride=4),
            "c2": RectifiedConv2d(one, two, 4, stride=2),
            "c3": RectifiedConv2d(two, three, 3),
            "flatten": Flatten(),
            "dense_1": RectifiedLinear(height * width * three, dense),
        }
        options = {
            "num_actions": num_actions,
            "channels": list(channels),
            "dense": dense,
            "observation_shape": list(observation_shape),
        }
        super().__init__(stages, ("c1", "c2", "c3"), dense, num_actions, options)


ARCHITECTURES: dict[str, type[StagedNetwork]] = {
    network.architecture: network
    for network in (ClearNetwork, ImpalaNetwork, NatureNetwork, ConvolutionalNetwork, VotingNetwork)
}
"""Name in a checkpoint → class."""
