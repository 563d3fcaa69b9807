"""The networks that an agent can be: a stack of named stages, then a policy head and a value head.

Every network is one `torch.nn.Sequential` (the trunk), so that it can be cut at any named layer into the part before
(`until`) and the part after (`from_layer`), which is what attribution from a hidden layer needs.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from rlvision_widgets.agents.layered import LayeredNetwork, NetworkOutput
from rlvision_widgets.agents.operations import EditedStage, input_rows

__all__ = ["ARCHITECTURES", "ClearNetwork", "ImpalaNetwork", "NatureNetwork", "NetworkOutput", "StagedNetwork"]


class RectifiedConv2d(nn.Conv2d):
    """A convolution and its ReLU: one stage, whose output is the layer that views show."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).relu()


class RectifiedLinear(nn.Linear):
    """A dense layer and its ReLU."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).relu()


class L2Pool(nn.Module):
    """The root of the mean of squares over 2 x 2 cells (Hilton et al. 2020, appendix C).

    Smoother than a maximum, so that gradients reach all four cells. An odd last row or column is averaged over the
    cells that exist, as TensorFlow does.
    """

    def forward(self, x: Tensor) -> Tensor:
        # 1e-8 is the published networks' own; it stands inside the root, where it also keeps the gradient finite.
        mean: Tensor = functional.avg_pool2d(x * x, 2, ceil_mode=True)
        return (mean + 1e-8).sqrt()


class MaxPool(nn.Module):
    """The 3 x 3 maximum with stride 2 of IMPALA.

    ``"torch"`` pads one cell on each side; ``"tensorflow"`` pads an even side only at its end, which shifts the
    result by one cell. Weights trained with one are wrong with the other.
    """

    def __init__(self, padding: Literal["torch", "tensorflow"]) -> None:
        super().__init__()
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        edges = (1, 1, 1, 1) if self.padding == "torch" else (width % 2, 1, height % 2, 1)
        return functional.max_pool2d(functional.pad(x, edges, value=-torch.inf), 3, 2)


class Residual(nn.Module):
    """The residual block of IMPALA: x + conv(relu(conv(relu(x)))). Its output may be negative."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.conv1(self.conv0(x.relu()).relu())
        return x + change


class Flatten(nn.Module):
    """(batch, channel, y, x) -> (batch, y * x * channel), channel fastest.

    That is TensorFlow's order, and a view instead of a copy for activations in the channels_last memory format.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class StagedNetwork(LayeredNetwork):
    """A trunk of named stages in order, a linear policy head and a linear value head.

    Parameters
    ----------
    stages : mapping of str to Module
        The trunk, in order; the last stage gives (batch, width).
    layers : tuple of str
        The stages whose output, (batch, channel, y, x), views and attribution may ask for.
    width : int
        Size of the last stage's output.
    num_actions : int
        Number of logits.
    options : dict
        The constructor's arguments, JSON-friendly: ``ARCHITECTURES[network.architecture](**network.options)``
        builds the same network with fresh weights.
    """

    architecture: ClassVar[str]
    concurrent = True

    def __init__(
        self,
        stages: Mapping[str, nn.Module],
        layers: tuple[str, ...],
        width: int,
        num_actions: int,
        options: dict[str, Any],
    ) -> None:
        if num_actions < 1:
            raise ValueError(f"a policy needs at least 1 action, not {num_actions}")
        super().__init__()
        self.trunk = nn.Sequential(OrderedDict(stages))
        self.policy = nn.Linear(width, num_actions)
        self.value: nn.Linear | None = nn.Linear(width, 1)
        self.layers = layers
        self.options = options
        height, width, rgb = options["observation_shape"]
        self.observation_shape = (height, width, rgb)
        self._initialise()

    def forward(self, inputs: Tensor) -> NetworkOutput:
        """Return logits and value of observations, (batch, rgb, height, width) float in 0..1."""
        with input_rows(inputs):
            return self._heads(self.trunk(inputs))

    def until(self, layer: str, inputs: Tensor) -> Tensor:
        """Return the activations of `layer`, (batch, channel, y, x), running only the stages up to it."""
        return self._run(None, layer, inputs, inputs)

    def from_layer(self, layer: str, activations: Tensor, inputs: Tensor | None = None) -> NetworkOutput:
        """Return logits and value from the activations of `layer`, running only the stages after it.

        `inputs` count only where channels of a later layer are resampled.
        """
        return self._heads(self._run(layer, None, activations, inputs))

    def between(self, source: str, target: str, activations: Tensor, inputs: Tensor | None = None) -> Tensor:
        """Return the activations of `target` from those of `source`, running only the stages between them."""
        return self._run(source, target, activations, inputs)

    def insert(self, layer: str, edit: nn.Module) -> None:
        """Have `layer` give edit(activations) from now on."""
        self.trunk.add_module(layer, EditedStage(self.trunk.get_submodule(layer), edit))

    def _run(self, after: str | None, last: str | None, x: Tensor, inputs: Tensor | None) -> Tensor:
        """Run the stages from the one that follows `after` to `last`; `inputs` are what the rows of x come from."""
        with input_rows(inputs):
            reached: Tensor = self.stages(after, last)(x)
        return reached

    def stages(self, after: str | None, last: str | None) -> nn.Sequential:
        """Return the stages from the one that follows `after` (None: the first) to `last` (None: the last)."""
        named = list(self.trunk.named_children())
        names = [name for name, _ in named]
        start = 0 if after is None else names.index(after) + 1
        stop = len(names) if last is None else names.index(last) + 1
        return nn.Sequential(OrderedDict(named[start:stop]))

    def _heads(self, hidden: Tensor) -> NetworkOutput:
        # bfloat16 has 8 bits: too few for PPO's probability ratios, and the heads cost next to nothing.
        with torch.autocast(hidden.device.type, enabled=False):
            hidden = hidden.to(self.policy.weight.dtype)
            value = None if self.value is None else self.value(hidden).squeeze(1)
            return NetworkOutput(self.policy(hidden), value)

    def _initialise(self) -> None:
        """Glorot weights and zero biases; orthogonal heads, the policy's small so that it starts near uniform."""
        for module in self.trunk.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        for head, gain in ((self.policy, 0.01), (self.value, 1.0)):
            if head is not None:
                nn.init.orthogonal_(head.weight, gain)
                nn.init.zeros_(head.bias)


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
    network.architecture: network for network in (ClearNetwork, ImpalaNetwork, NatureNetwork)
}
"""Name in a checkpoint → class."""
