"""Weights under other libraries' names, put into the package's own networks."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rlvision_widgets.agents.convolutional import NATURE, ConvolutionalNetwork, cells
from rlvision_widgets.agents.networks import ImpalaNetwork, NatureNetwork
from rlvision_widgets.agents.staged import StagedNetwork
from rlvision_widgets.agents.weights import check_shapes

__all__ = ["Layout", "Size", "check_names", "convolutional", "impala", "size_of"]

CUSTOMARY = ((84, 84), (64, 64), (96, 96), (128, 128), (72, 96), (210, 160), (160, 210))  # sizes tried first

Size = tuple[int, int]


class Layout(NamedTuple):
    """Where a policy keeps its weights: names of modules, in order of computation."""

    convolutions: Sequence[str]
    dense: Sequence[str]
    policy: Sequence[str]
    """The dense layers of the policy head; the last gives the logits."""
    value: Sequence[str] = ()
    """Those of the value head; none where there is none."""

    def names(self) -> list[str]:
        """Return the names of all weights and biases."""
        modules = [*self.convolutions, *self.dense, *self.policy, *self.value]
        return [f"{module}.{kind}" for module in modules for kind in ("weight", "bias")]


def convolutional(
    state: Mapping[str, Tensor],
    layout: Layout,
    what: str,
    *,
    size: Size | None = None,
    scale: float = 1.0,
    activation: str = "tanh",
) -> StagedNetwork:
    """Return Nature's network, or one like it, with these weights.

    Parameters
    ----------
    state : mapping
        Name → tensor: all that the layout names, and nothing else.
    layout : Layout
        Which is which.
    what : str
        Whose weights these are, for errors.
    size : (int, int), optional
        Height and width of an observation; without it, the most customary that fits the first dense layer.
    scale : float
        What the network was shown instead of pixels in 0..1, times this; it goes into the first kernel.
    activation : str
        What follows a head's own dense layers.

    Raises
    ------
    ValueError
        With every difference of names and shapes.
    """
    check_names(layout.names(), state, what)
    convolutions = _convolutions([state[f"{module}.weight"] for module in layout.convolutions], what)
    channels, colours = convolutions[-1][0], int(state[f"{layout.convolutions[0]}.weight"].shape[1])
    if size is None:
        flat = state[f"{layout.dense[0]}.weight"].shape[1]
        size = size_of(flat / channels, lambda tried: cells(tried, convolutions), what)
    with torch.device("meta"):
        network = _network(state, layout, convolutions, activation, (*size, colours))
    loaded = _renamed(network, state, _own_names(layout), what)
    loaded["trunk.c1.weight"] = loaded["trunk.c1.weight"] * scale
    return _filled(network, loaded, channels)


def _convolutions(weights: Sequence[Tensor], what: str) -> list[tuple[int, ...]]:
    """Return channels, kernel, stride and padding of each convolution: weights tell only the first two."""
    kernels = tuple(int(weight.shape[-1]) for weight in weights)
    if kernels != tuple(kernel for _, kernel, _, _ in NATURE)[: len(kernels)]:  # A3C's network has the first two
        raise ValueError(
            f"convolutions of {what} have kernels of {', '.join(map(str, kernels))}; their strides are not in the "
            "weights, and known for 8, 4, 3 only. Build the network and pass it to rlv.wrap_agent."
        )
    return [(len(weight), *shape) for weight, (_, *shape) in zip(weights, NATURE, strict=False)]


def _network(
    state: Mapping[str, Tensor],
    layout: Layout,
    convolutions: Sequence[tuple[int, ...]],
    activation: str,
    shape: tuple[int, int, int],
) -> StagedNetwork:
    """Return the network of these sizes, with any weights: Nature's, or the general one where it is not that."""
    dense, policy, value = (
        [len(state[f"{module}.weight"]) for module in modules]
        for modules in (layout.dense, layout.policy, layout.value)
    )
    if len(dense) == len(policy) == len(value) == 1 and len(convolutions) == len(NATURE):
        one, two, three = (size for size, *_ in convolutions)
        return NatureNetwork(policy[0], (one, two, three), dense[0], shape)
    return ConvolutionalNetwork(
        policy[-1],
        convolutions,
        dense,
        policy_dense=policy[:-1],
        value_dense=value[:-1],
        activation=activation,
        value=bool(value),
        observation_shape=shape,
    )


def impala(
    state: Mapping[str, Tensor], name_of: Callable[[str], str], what: str, *, size: Size | None = None
) -> StagedNetwork:
    """Return an IMPALA network with these weights.

    Parameters
    ----------
    state : mapping
        Name → tensor: the network's weights, and nothing else.
    name_of : callable
        From a name in `ImpalaNetwork` to the one in `state`. The groups' convolutions are counted by it.
    what, size
        As in `convolutional`.

    Raises
    ------
    ValueError
        With every difference of names and shapes.
    """
    groups = 1
    while any(name_of(f"trunk.{groups + 1}_conv.{kind}") in state for kind in ("weight", "bias")):
        groups += 1
    with torch.device("meta"):
        names = {name: name_of(name) for name in ImpalaNetwork(1, (1,) * groups).state_dict()}
    check_names([*names.values()], state, what)
    channels = tuple(len(state[name_of(f"trunk.{group}_conv.bias")]) for group in range(1, groups + 1))
    dense = state[name_of("trunk.dense_1.weight")]
    if size is None:
        size = size_of(dense.shape[1] / channels[-1], lambda tried: _halved(tried, groups), what)
    shape = (*size, int(state[name_of("trunk.1_conv.weight")].shape[1]))
    with torch.device("meta"):
        network = ImpalaNetwork(len(state[name_of("policy.bias")]), channels, len(dense), "torch", shape)
    return _filled(network, _renamed(network, state, names, what), channels[-1])


def _own_names(layout: Layout) -> dict[str, str]:
    """Return own name → name in the file."""
    convolutions = {f"trunk.c{i}": module for i, module in enumerate(layout.convolutions, start=1)}
    dense = {f"trunk.dense_{i}": module for i, module in enumerate(layout.dense, start=1)}
    heads = {"policy": layout.policy[-1], **({"value": layout.value[-1]} if layout.value else {})}
    for head, modules in (("before_policy", layout.policy), ("before_value", layout.value)):
        heads |= {f"{head}.{2 * i}": module for i, module in enumerate(modules[:-1])}
    names = {**convolutions, **dense, **heads}
    return {f"{own}.{kind}": f"{module}.{kind}" for own, module in names.items() for kind in ("weight", "bias")}


def check_names(names: Sequence[str], state: Mapping[str, Tensor], what: str) -> None:
    """Raise a ValueError unless these are the names of the weights, and all are weights of dense or convolution layers.

    Shapes are compared once there is a network.
    """
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    check_shapes({name: found.get(name) for name in names}, found, what)
    odd = [
        f"{name}: shape {shape}" for name, shape in found.items() if len(shape) not in _dimensions(name) or 0 in shape
    ]
    if odd:
        raise ValueError(f"these are no weights of convolutions or dense layers as {what} has: {'; '.join(odd)}")


def _dimensions(name: str) -> tuple[int, ...]:
    return (1,) if "bias" in name.rpartition(".")[2] else (2, 4)


def _renamed(
    network: StagedNetwork, state: Mapping[str, Tensor], names: Mapping[str, str], what: str
) -> dict[str, Tensor]:
    own = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    expected = {names[name]: shape for name, shape in own.items()}
    check_shapes(expected, {name: tuple(tensor.shape) for name, tensor in state.items()}, what)
    return {name: state[names[name]].float() for name in own}


def _filled(network: StagedNetwork, weights: dict[str, Tensor], channels: int) -> StagedNetwork:
    """Put the weights into the network; columns of its first dense layer from (channel, y, x) to (y, x, channel)."""
    dense = weights["trunk.dense_1.weight"]
    by_cell = dense.reshape(len(dense), channels, -1).transpose(1, 2)
    weights["trunk.dense_1.weight"] = by_cell.flatten(1).contiguous()
    network.load_state_dict(weights, assign=True)
    return network


def _halved(size: Size, times: int) -> Size:
    return -(-size[0] // 2**times), -(-size[1] // 2**times)


def size_of(number: float, cells_of: Callable[[Size], Size], what: str) -> Size:
    """Return the most customary size of observations of which the convolutions leave so many cells.

    Raises
    ------
    ValueError
        When there is none.
    """
    for size in (*CUSTOMARY, *((side, side) for side in range(32, 513))):
        try:
            rows, columns = cells_of(size)
        except ValueError:
            continue
        if rows * columns == number:
            return size
    raise ValueError(
        f"the first dense layer of {what} reads {number:g} cells, which no customary size of observations leaves; pass "
        "observation_shape=(height, width, colours)."
    )
