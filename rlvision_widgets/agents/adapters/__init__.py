"""Policies of other libraries: recognised by the names of their weights, or by the parts of an instance.

Each library has a module with two functions: `of_state`, from weights, and `of_instance`, from an object; both return
None when it is not theirs. No library is imported, and no code in a file is run. Where it can be, the weights are put
into the package's own networks, whose layers are cut instead of hooked: attribution then runs the rest of the
network only. Files are opened in `files`.
"""

import copy
import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from rlvision_widgets.agents.adapters import cleanrl, pfrl, stable_baselines3, train_procgen
from rlvision_widgets.agents.adapters.convolutions import Size
from rlvision_widgets.agents.adapters.policy import Policy, network_of, seen

__all__ = ["FAMILIES", "Policy", "policy_of_state", "recognised"]

FAMILIES = {
    "Stable-Baselines3": stable_baselines3,
    "CleanRL": cleanrl,
    "pfrl": pfrl,
    "train-procgen-pytorch": train_procgen,
}
"""Library → the module that knows its policies."""


def policy_of_state(state: Mapping[str, Tensor], *, size: Size | None = None, stack: int | None = None) -> Policy:
    """Return the policy with these weights.

    Parameters
    ----------
    state : mapping
        Name → tensor.
    size, stack : optional
        Height and width of a frame, and how many the network sees at once, where that is known.

    Raises
    ------
    ValueError
        When the names are of no known library, or of one, but names or shapes differ; with every difference.
    """
    for family in FAMILIES.values():
        policy: Policy | None = family.of_state(state, size=size, stack=stack)
        if policy is not None:
            return policy
    names = ", ".join(list(state)[:4])
    raise ValueError(
        f"its weights ({names or 'none'}, …) are of no network known here, which are those of {', '.join(FAMILIES)}. "
        "Build the network, put the weights into it with rlv.agents.load_state and pass it to rlv.wrap_agent."
    )


def recognised(
    instance: Any, *, hooked: bool = False, size: Size | None = None, stack: int | None = None
) -> Policy | None:
    """Return what is known of an instance of another library's class: a model, a policy or an agent.

    Parameters
    ----------
    instance : object
        Recognised by its parts.
    hooked : bool
        Keep the instance's own modules, with their names for layers, also where one of the package's networks
        computes the same.
    size, stack : optional
        As in `policy_of_state`.

    Returns
    -------
    Policy or None
        None when it is of no known library.

    Raises
    ------
    ValueError
        When it is of a known library, but no policy of images with discrete actions.
    """
    for library, family in FAMILIES.items():
        try:
            policy: Policy | None = family.of_instance(instance)
        except ValueError as error:
            raise ValueError(f"this {type(instance).__name__} of {library} cannot be an agent: {error}") from error
        if policy is not None:
            policy = _as_said(policy, size, stack)
            return policy if hooked else _cheaper(policy, size, stack)
    return None


def _as_said(policy: Policy, size: Size | None, stack: int | None) -> Policy:
    """Return the policy with the frames that the user says it is shown."""
    height, width, colours = policy.observation_shape
    frames = policy.stack if stack is None else stack
    return dataclasses.replace(policy, **seen((*(size or (height, width)), colours * policy.stack), frames))


def _cheaper(policy: Policy, size: Size | None, stack: int | None) -> Policy:
    """Return the same policy with one of the package's networks, where there is one that computes the same."""
    try:
        own = policy.own(size=size, stack=stack)
    except ValueError:
        return policy
    if own is None:
        return policy
    height, width, colours = own.observation_shape
    policy = dataclasses.replace(policy, observation_shape=own.observation_shape, stack=own.stack)
    noise = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (4, height, width, colours * own.stack), generator=noise, dtype=torch.uint8)
    try:
        pairs = zip(_said(own, frames), _said(policy, frames), strict=True)
        same = all(torch.allclose(found, expected, rtol=1e-4, atol=1e-5) for found, expected in pairs)
    except (RuntimeError, ValueError):  # an instance with a computation of its own may refuse what its weights suggest
        return policy
    return own if same else policy


def _said(policy: Policy, frames: Tensor) -> list[Tensor]:
    """Return log-probabilities and value of frames that are shown twice, so that a memory counts too."""
    network = copy.deepcopy(network_of(policy)).cpu().eval()
    with torch.no_grad():
        _, state = network.step(network.inputs(frames))
        again = {} if state is None else {"state": state, "first": torch.zeros(len(frames), dtype=torch.bool)}
        (logits, value), _ = network.step(network.inputs(frames, **again))
    answer = [torch.log_softmax(logits, 1)]
    return answer if value is None else [*answer, value]
