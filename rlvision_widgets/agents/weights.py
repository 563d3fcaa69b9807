"""Weights by name: compared strictly before they are used, and named by their hash."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["check_shapes", "inner_state", "load_state", "no_numbers", "weights_digest"]

Shape = tuple[int, ...]
# where training scripts put weights beside other things
CONTAINERS = ("state_dict", "model_state_dict", "model", "model_weights")
PREFIXES = ("module.", "_orig_mod.")  # of torch's DataParallel and torch.compile


def load_state(module: nn.Module, state: Mapping[str, Any]) -> None:
    """Put weights into a module, all or none.

    Parameters
    ----------
    module : Module
        Gets the weights; its dtypes and device stay.
    state : mapping
        Name → tensor; or a training checkpoint that holds such a mapping as ``state_dict``, ``model_state_dict``,
        ``model`` or ``model_weights``. Prefixes that torch's wrappers add to every name are taken off.

    Raises
    ------
    ValueError
        With every difference of names and shapes, before any weight is changed.
    """
    own = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    weights = inner_state(state, own)
    check_shapes(own, {name: tuple(tensor.shape) for name, tensor in weights.items()}, type(module).__name__)
    module.load_state_dict(weights)


def inner_state(state: Mapping[str, Any], own: Collection[str] = ()) -> dict[str, Tensor]:
    """Return the mapping from names to tensors within a training checkpoint, without the prefixes of wrappers.

    A prefix that all `own` names begin with stays. Anything but tensors in the mapping raises a ValueError.
    """
    for container in CONTAINERS:
        if isinstance(state.get(container), Mapping):
            state = state[container]
    for prefix in PREFIXES * 2:  # twice, as either may be the outer one
        wanted = bool(own) and all(name.startswith(prefix) for name in own)
        if not wanted and all(str(name).startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    no_tensors = [str(name) for name, tensor in state.items() if not isinstance(tensor, Tensor)]
    if no_tensors:
        raise ValueError(f"these are no tensors: {', '.join(no_tensors)}; pass the mapping from names to tensors alone")
    return dict(state)


def check_shapes(expected: Mapping[str, Shape | None], found: Mapping[str, Shape], what: str) -> None:
    """Raise a ValueError that lists every name that is missing or too many and every shape that differs.

    Where the expected shape is None, any will do.
    """
    lines = [f"missing: {name} {shape or ''}".rstrip() for name, shape in expected.items() if name not in found]
    lines += [f"not expected: {name} {shape}" for name, shape in found.items() if name not in expected]
    lines += [
        f"{name}: shape {found[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in found and shape is not None and found[name] != shape
    ]
    if lines:
        raise ValueError(f"the weights are not those of {what}; {len(lines)} differences:\n  " + "\n  ".join(lines))


def no_numbers(network: nn.Module) -> list[str]:
    """Return the names of the weights that hold NaN or infinity."""
    return [
        name
        for name, weight in network.state_dict().items()
        if weight.is_floating_point() and not bool(torch.isfinite(weight).all())
    ]


def weights_digest(network: nn.Module) -> str:
    """Return the sha256 of a network's weights: names, dtypes, shapes and bytes, in the order of names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(f"{name} {flat.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
