"""Which kernel reads a layer next, and how its weights see the layer's channels.

In the package's own networks that is the next stage with weights. In a wrapped module it is the first convolution or
dense layer that runs after the layer, if by experiment all that the layer says passes through it, channel by channel.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rlvision_widgets.agents.hooks import HookedNetwork, close, hooked
from rlvision_widgets.agents.layered import LayeredNetwork, NetworkOutput
from rlvision_widgets.agents.operations import EditedStage
from rlvision_widgets.agents.staged import Flatten, StagedNetwork

__all__ = ["Reader", "next_kernel", "output_of", "plain_stage"]

ELSE = "Use where='layer', which edits the activations of the layer itself."


class Reader(NamedTuple):
    """The kernel that reads a layer next."""

    name: str
    """The stage or module."""
    kernel: nn.Conv2d | nn.Linear
    """The network's own, not a copy."""
    channels: int
    """Of the layer."""
    channels_last: bool
    """A dense layer's inputs are (cell, channel), not (channel, cell)."""
    direct: bool
    """Nothing is known to lie between layer and kernel."""

    def weight(self) -> Tensor:
        """Return the kernel's weights, (out, tap or cell, channel)."""
        weight = self.kernel.weight.detach()
        if self.channels_last:
            return weight.reshape(len(weight), -1, self.channels)
        return weight.reshape(len(weight), self.channels, -1).transpose(1, 2)

    def times(self, matrix: Tensor) -> nn.Parameter:
        """Return the kernel's weights with a matrix, (channel, channel), in front: K · matrix, at every tap or cell."""
        product = self.weight().double() @ matrix.to(self.kernel.weight.device, torch.float64)
        own = self.kernel.weight
        arranged = product if self.channels_last else product.transpose(1, 2)
        return nn.Parameter(arranged.reshape(own.shape).to(own.dtype), requires_grad=False)


def next_kernel(network: LayeredNetwork, layer: str, channels: int) -> Reader:
    """Return the kernel that reads a layer of the network, of so many channels, next.

    Raises
    ------
    ValueError
        When there is none that all goes through: at the end, before a residual connection, where several kernels read
        the layer, or where channels are mixed on the way.
    """
    if isinstance(network, StagedNetwork):
        return _next_stage(network, layer, channels)
    if isinstance(network, HookedNetwork):
        return _next_module(network, layer, channels)
    raise ValueError(f"which kernel reads a layer is not known of a {type(network).__name__}. {ELSE}")


def output_of(network: LayeredNetwork, kernel: str, layer: str, activations: Tensor, inputs: Any) -> Tensor:
    """Return what the kernel that reads a layer next gives, with all that its stage does.

    `activations` are the layer's for these inputs; the package's own networks then run no more than what follows it.
    """
    if isinstance(network, StagedNetwork):
        return network.between(layer, kernel, activations, inputs)
    assert isinstance(network, HookedNetwork)
    kept: list[Tensor] = []
    with hooked({kernel: network.module.get_submodule(kernel)}, lambda _, output: kept.append(output.clone())):
        network.step(inputs)
    return kept[0]


def plain_stage(stage: nn.Module) -> nn.Module:
    """Return a stage without the edits after it."""
    while isinstance(stage, EditedStage):
        stage = stage.stage
    return stage


def _next_stage(network: StagedNetwork, layer: str, channels: int) -> Reader:
    direct, flat = True, False
    for name, stage in network.stages(layer, None).named_children():
        kernel = plain_stage(stage)
        if isinstance(kernel, nn.Conv2d | nn.Linear):
            return Reader(name, kernel, channels, flat, direct)
        if any(True for _ in kernel.parameters()):
            raise ValueError(
                f"what follows layer {layer!r}, {type(kernel).__name__.lower()} {name!r}, also passes the layer on "
                f"past its kernels, so that no kernel can be edited for all that follows. {ELSE}"
            )
        flat |= isinstance(kernel, Flatten)
        direct &= isinstance(kernel, Flatten)
    raise ValueError(f"no kernel follows layer {layer!r} within the trunk: both heads read it. {ELSE}")


def _next_module(network: HookedNetwork, layer: str, channels: int) -> Reader:
    inputs = network.inputs(network.noise(1).expand(channels + 1, -1, -1, -1).contiguous())
    name, kernel = _first_after(network, layer, inputs)
    with torch.no_grad():
        activations = network.until(layer, inputs)
        changed = activations.clone()
        for channel in range(channels):  # row 0 stays as it is
            changed[channel + 1, channel] += 1 + activations.abs().max()
        expected, read, given = _run(network, kernel, layer, activations, inputs)
        _, read_changed, _ = _run(network, kernel, layer, changed, inputs)
        around, _, _ = _run(network, kernel, layer, changed, inputs, given=given)
    if not all(a is None or b is None or close(a, b) for a, b in zip(around, expected, strict=True)):
        raise ValueError(
            f"what layer {layer!r} says does not all pass through the kernel after it, {name!r}: something goes around "
            f"it (a residual connection, a second branch). {ELSE}"
        )
    moved = (read_changed[1:] != read[1:]).flatten(2).any(2) if read.ndim == 4 else read_changed[1:] != read[1:]
    channels_last = _arrangement(name, layer, kernel, moved)
    seen = read[0].reshape(-1, channels).T if channels_last else read[0]
    direct = seen.numel() == activations[0].numel() and torch.equal(seen.flatten(), activations[0].flatten())
    return Reader(name, kernel, channels, channels_last, direct)


def _first_after(network: HookedNetwork, layer: str, inputs: Any) -> tuple[str, nn.Conv2d | nn.Linear]:
    """Return the first kernel that runs after a layer."""
    modules = dict(network.module.named_modules())
    kernels = {name: part for name, part in modules.items() if isinstance(part, nn.Conv2d | nn.Linear)}
    ran: list[str] = []
    with torch.no_grad(), hooked({**kernels, layer: modules[layer]}, lambda name, _: ran.append(name)):
        network.step(inputs)
    after = ran[ran.index(layer) + 1 :]
    if not after:
        raise ValueError(f"no convolution or dense layer follows layer {layer!r}. {ELSE}")
    kernel = kernels[after[0]]
    if ran.count(after[0]) > 1 or "weight" not in kernel._parameters:
        raise ValueError(
            f"the kernel after layer {layer!r}, {after[0]!r}, runs several times or is computed from other weights, "
            f"and cannot be edited for this layer alone. {ELSE}"
        )
    return after[0], kernel


def _run(
    network: HookedNetwork,
    kernel: nn.Module,
    layer: str,
    activations: Tensor,
    inputs: Any,
    *,
    given: Tensor | None = None,
) -> tuple[NetworkOutput, Tensor, Tensor]:
    """Return outputs, what a kernel read and what it gave (or is made to give), when a layer gives `activations`."""
    read: list[Tensor] = []
    gave: list[Tensor] = []
    handle = kernel.register_forward_pre_hook(lambda _, arguments: read.append(arguments[0].clone()))

    def replace(_: str, output: Tensor) -> Tensor:
        gave.append(output if given is None else given)
        return gave[-1].clone()

    try:
        with hooked({"": kernel}, replace):
            output = network.from_layer(layer, activations, inputs)
    finally:
        handle.remove()
    return output, read[0], gave[0].clone()


def _arrangement(name: str, layer: str, kernel: nn.Conv2d | nn.Linear, moved: Tensor) -> bool:
    """Return whether a kernel's inputs are (cell, channel); `moved`, (channel, input), says which a channel moves."""
    channels, inputs = moved.shape
    place = torch.arange(inputs, device=moved.device)
    owner = moved.int().argmax(0)
    seen = moved.any(0)
    alone = not bool((moved.sum(0) > 1).any()) and inputs % channels == 0
    if isinstance(kernel, nn.Conv2d):
        alone = alone and inputs == channels and kernel.groups == 1
    for channels_last, expected in ((False, place // (inputs // channels or 1)), (True, place % channels)):
        if alone and bool((owner == expected)[seen].all()):
            return channels_last
    raise ValueError(
        f"between layer {layer!r} and the kernel after it, {name!r}, channels are mixed or regrouped, so that a "
        f"direction of the layer is none of the kernel's. {ELSE}"
    )
