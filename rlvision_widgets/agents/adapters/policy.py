"""What an adapter makes of another library's policy: as much of `wrap_agent`'s arguments as it knows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import torch
from torch import Tensor, nn

from rlvision_widgets.agents.agent import default_action_names
from rlvision_widgets.agents.hooks import HookedNetwork
from rlvision_widgets.agents.layered import LayeredNetwork
from rlvision_widgets.agents.stacking import check_stack
from rlvision_widgets.agents.staged import StagedNetwork

__all__ = ["ACTION_VALUES", "Policy", "action_names", "colours_read", "network_of", "of_network", "seen"]

ACTION_VALUES = {"logits": "action values"}
"""What `info` says of Q-learning: the network's outputs are no policy's; the best one is played."""


class Seen(TypedDict):
    """What a network sees, as `Policy` and `wrap_agent` have it."""

    observation_shape: tuple[int, int, int]
    stack: int


@dataclass(frozen=True)
class Policy:
    """A policy of another library, ready for `wrap_agent`.

    Parameters
    ----------
    module : Module
        One of the package's own networks with the same weights, whose layers are cut; or the policy's own module,
        whose layers are hooked.
    forward, preprocess, initial_state : callable, optional
        As in `wrap_agent`.
    observation_shape : (int, int, int)
        Height, width and number of colours of one frame.
    stack : int
        Number of frames that lie on the network's colours, the oldest first.
    info : mapping
        What is known of it and worth saying: the library, what its logits are, what lies outside the file.
    own : callable
        ``own(size=…, stack=…)``, each None where it is not known, makes the same policy with one of the package's
        networks, where it can; else it returns None or raises ValueError.
    """

    module: nn.Module
    forward: Callable[..., Any] | None = None
    preprocess: Callable[[Tensor], Any] | None = None
    initial_state: Callable[[int], Any] | None = None
    observation_shape: tuple[int, int, int] = (64, 64, 3)
    stack: int = 1
    info: Mapping[str, Any] = field(default_factory=dict)
    own: Callable[..., "Policy | None"] = field(default=lambda **_: None)


def of_network(network: StagedNetwork, stack: int | None, info: Mapping[str, Any]) -> Policy:
    """Return the policy of one of the package's networks, whose colours may be those of several frames."""
    return Policy(network, info=info, **seen(network.observation_shape, stack))


def network_of(policy: Policy, layers: Sequence[str] | None = None) -> LayeredNetwork:
    """Return the network of a policy: one of the package's own as it is, any other module with hooks at its layers.

    Also one of the package's own is hooked where layers are chosen by their names in the module tree.
    """
    as_it_is = all(part is None for part in (policy.forward, policy.preprocess, policy.initial_state, layers))
    if as_it_is and isinstance(policy.module, LayeredNetwork):
        return policy.module
    height, width, colours = policy.observation_shape
    return HookedNetwork(
        policy.module,
        forward=policy.forward,
        preprocess=policy.preprocess,
        initial_state=policy.initial_state,
        layers=layers,
        observation_shape=(height, width, colours * policy.stack),
    )


def seen(shape: tuple[int, int, int], stack: int | None = None) -> Seen:
    """Return `observation_shape` and `stack` of a network that reads pictures of this height, width and colours.

    Where the stack is not known: frames of red, green and blue if that can be, else grey ones.
    """
    height, width, colours = shape
    if stack is None:
        stack = colours // 3 if colours % 3 == 0 else colours
    check_stack(stack, colours)
    return {"observation_shape": (height, width, colours // stack), "stack": stack}


def action_names(policy: Policy, network: LayeredNetwork) -> tuple[str, ...]:
    """Return Procgen's names of actions where frames are Procgen's, and numbers elsewhere: nine may be any there."""
    black = torch.zeros((1, *network.observation_shape), dtype=torch.uint8, device=network.like.device)
    with torch.no_grad():
        number = network(network.inputs(black)).logits.shape[1]
    procgen = policy.observation_shape == (64, 64, 3) and policy.stack == 1
    return default_action_names(number) if procgen else tuple(f"action {index}" for index in range(number))


def colours_read(module: nn.Module) -> int:
    """Return how many colours the first convolution of a module reads; 3 if there is none."""
    return next((part.in_channels for part in module.modules() if isinstance(part, nn.Conv2d)), 3)
