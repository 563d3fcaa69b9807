"""What the package's networks are made of: a stack of named stages, then a policy head and a value head.

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

__all__ = ["Flatten", "L2Pool", "MaxPool", "RectifiedConv2d", "RectifiedLinear", "Residual", "StagedNetwork"]


class RectifiedConv2d(nn.Conv2d):
    """A convolution and its ReLU: one stage, whose output is the layer that views show."""

    def forward(self, input: Tensor) -> Tensor:
        """Return what comes out, never below 0."""
        return super().forward(input).relu()


class RectifiedLinear(nn.Linear):
    """A dense layer and its ReLU."""

    def forward(self, input: Tensor) -> Tensor:
        """Return what comes out, never below 0."""
        return super().forward(input).relu()


class L2Pool(nn.Module):
    """The root of the mean of squares over 2 x 2 cells (Hilton et al. 2020, appendix C).

    Smoother than a maximum, so that gradients reach all four cells. An odd last row or column is averaged over the
    cells that exist, as TensorFlow does.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return half the rows and columns, rounded up."""
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
        """Return half the rows and columns, rounded up."""
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
        """Return x and what the block adds to it."""
        change: Tensor = self.conv1(self.conv0(x.relu()).relu())
        return x + change


class Flatten(nn.Module):
    """(batch, channel, y, x) -> (batch, y * x * channel), channel fastest.

    That is TensorFlow's order, and a view instead of a copy for activations in the channels_last memory format.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return one vector an observation."""
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
    _edited = False

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
        if not self._edited:  # torch.compile cannot look through the context below, and would give up here
            return self._heads(self.trunk(inputs))
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
        self._edited = True
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
