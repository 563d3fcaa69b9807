"""Any torch module as an agent, through a few callables and without a change to its code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from rlvision_widgets.agents.adapters import FAMILIES, Policy, recognised
from rlvision_widgets.agents.adapters.policy import action_names as default_names
from rlvision_widgets.agents.adapters.policy import network_of
from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.checks import check_observation_shape
from rlvision_widgets.agents.layered import LayeredNetwork
from rlvision_widgets.agents.modules import unwrapped
from rlvision_widgets.agents.probing import probed
from rlvision_widgets.agents.stacking import check_stack
from rlvision_widgets.names import environment_options, strict_keywords

__all__ = ["wrap_agent"]


@strict_keywords
def wrap_agent(
    module: Any,
    *,
    forward: Callable[..., Any] | None = None,
    preprocess: Callable[[Tensor], Any] | None = None,
    initial_state: Callable[[int], Any] | None = None,
    layers: Sequence[str] | None = None,
    observation_shape: tuple[int, int, int] | None = None,
    stack: int | None = None,
    action_names: Sequence[str] | None = None,
    environment: str | Mapping[str, Any] | None = None,
    value_scale: float | None = None,
    name: str | None = None,
    info: Mapping[str, Any] | None = None,
) -> Agent:
    """Make an agent of a torch module.

    Parameters
    ----------
    module : Module, or another library's model
        The policy, with its weights loaded. It is copied; hooks go to the copy. What torch.compile and data parallelism
        put around it is taken off. Models and policies of Stable-Baselines3, CleanRL, pfrl and train-procgen-pytorch
        are known by their parts and need no callables. One of the package's own networks, given without callables and
        layers, is cut at its layers instead.
    forward : callable, optional
        ``forward(module, x)``, or ``forward(module, x, state, first)`` for a recurrent policy; by default the module
        itself is called. It has to use the `module` that it is given. It returns logits, ``(logits, value)`` or
        ``(logits, value, state)``; a `torch.distributions.Categorical` may stand for logits, None for value.
        The value has to be in raw task reward.
    preprocess : callable, optional
        From observations, a uint8 tensor (batch, height, width, rgb), to x; by default (batch, rgb, height, width)
        in 0..1, contiguous.
    initial_state : callable, optional
        From the batch size to the recurrent state before the first step. Giving it says that the policy is recurrent.
        `first`, a bool tensor (batch,), then tells `forward` which rows have to start anew.
    layers : sequence of str, optional
        Modules by their dotted names in `module.named_modules()`, with an output (batch, channel, y, x) that is the
        same each time they are called in a forward pass; by default all such modules, in the order in which they run.
        The name ``"input"`` is taken: it means the pixels.
    observation_shape : (int, int, int)
        Height, width and number of colours of an observation: of one frame. By default that of the known policy, else
        (64, 64, 3).
    stack : int
        How many frames the policy sees at once, on its colours and oldest first: `preprocess` then gets (batch, height,
        width, stack * rgb). An episode's first frame stands for those before it. By default that of the known policy,
        else 1.
    action_names : sequence of str, optional
        One name a logit; by default Procgen's for 15 logits, and the first nine of them for 9; numbers for a policy
        of a known library whose frames are not Procgen's.
    environment : str or mapping, optional
        What it was trained on, as in `load_agent`: a description or the name alone.
    value_scale, info
        As in `Agent`.
    name : str, optional
        By default the module's class name.

    Raises
    ------
    ValueError
        When the module cannot look at such observations; when a layer is unknown or no layer; when the outputs have an
        unexpected form; when the number of logits is not that of the action names; when the policy is recurrent and
        `initial_state` is missing or does not fit.

    Examples
    --------
    >>> wrap_agent(policy, forward=lambda net, x: (net.actor(net.network(x)), net.critic(net.network(x))))
    """
    module = unwrapped(module) if isinstance(module, nn.Module) else module
    check_observation_shape(observation_shape)
    size = None if observation_shape is None else observation_shape[:2]
    policy = _policy(module, forward, preprocess, initial_state, hooked=layers is not None, size=size, stack=stack)
    policy = _shown(policy, observation_shape, stack)
    network = network_of(policy, layers)
    agent = Agent(
        network,
        name=name or type(module).__name__,
        action_names=_names(policy, network) if action_names is None else tuple(action_names),
        environment=environment_options(environment),
        value_scale=value_scale,
        info={**policy.info, **(info or {})},
        stack=policy.stack,
    )
    return probed(agent)


def _policy(
    module: Any,
    forward: Callable[..., Any] | None,
    preprocess: Callable[[Tensor], Any] | None,
    initial_state: Callable[[int], Any] | None,
    *,
    hooked: bool,
    size: tuple[int, int] | None,
    stack: int | None,
) -> Policy:
    """Return the policy that the callables describe, or that its parts tell where none is given."""
    if forward is None and initial_state is None:
        if isinstance(module, LayeredNetwork) and not hooked and preprocess is None:
            return Policy(module, observation_shape=module.observation_shape)
        known = recognised(module, hooked=hooked or preprocess is not None, size=size, stack=stack)
        if known is not None:
            return known if preprocess is None else replace(known, preprocess=preprocess)
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"wrap_agent takes a torch module, or a model or policy of {', '.join(FAMILIES)}; got "
            f"{type(module).__name__}. Pass its network, with forward=lambda module, x: (logits, value)."
        )
    return Policy(module, forward, preprocess, initial_state)


def _shown(policy: Policy, observation_shape: tuple[int, int, int] | None, stack: int | None) -> Policy:
    """Return the policy with the frames that the caller says it is shown, where he says so."""
    stack = policy.stack if stack is None else check_stack(stack)
    module = policy.module
    if not isinstance(module, LayeredNetwork):
        return replace(policy, observation_shape=observation_shape or policy.observation_shape, stack=stack)
    height, width, colours = module.observation_shape
    shape = observation_shape or (height, width, colours // stack)
    if (*shape[:2], stack * shape[2]) != module.observation_shape:
        raise ValueError(
            f"the network sees {module.observation_shape}, (height, width, colours of all frames), and "
            f"observation_shape {shape} with stack={stack} make {(*shape[:2], stack * shape[2])}"
        )
    return replace(policy, observation_shape=shape, stack=stack)


def _names(policy: Policy, network: LayeredNetwork) -> tuple[str, ...]:
    names = default_names(policy, network)
    if len(names) not in (9, 15) and "library" not in policy.info:
        raise ValueError(f"the network has {len(names)} logits; pass action_names with a name for each")
    return names
