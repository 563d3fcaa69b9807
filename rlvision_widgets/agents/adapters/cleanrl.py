"""CleanRL: agents of its single-file scripts, from ``.cleanrl_model`` files or from an instance of the script's class.

The convolutions, ``network``, end with a dense layer and its ReLU, which ``actor`` and ``critic`` read; where the
script is of Q-learning, ``network`` ends with the action values. All divide pixels by 255 in methods of the class, so
that the parts are called here, not the class.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rlvision_widgets.agents.adapters.convolutions import Layout, Size, convolutional, impala
from rlvision_widgets.agents.adapters.policy import ACTION_VALUES, Policy, colours_read, of_network, seen

__all__ = ["of_instance", "of_state"]

NATURE = "CleanRL's agent for Atari"
IMPALA = "CleanRL's agent for Procgen"
INFO = {"library": "CleanRL"}
CONVOLUTIONS = ("network.0", "network.2", "network.4")
ACTOR_CRITIC = Layout(CONVOLUTIONS, ("network.7",), ("actor",), ("critic",))
Q_LEARNING = Layout(CONVOLUTIONS, ("network.7",), ("network.9",))
WRAP = "build it with its script and pass it to rlv.wrap_agent with forward=, and initial_state= if it has a state."
DISCRETE_SAC = Layout(("conv.0", "conv.2", "conv.4"), ("fc1",), ("fc_logits",))


def of_state(state: Mapping[str, Tensor], *, size: Size | None = None, stack: int | None = None) -> Policy | None:
    """Return the policy with these weights, or None when they are not CleanRL's.

    Parameters
    ----------
    state : mapping
        Name → tensor.
    size, stack : optional
        Height and width of a frame, and how many the network sees at once, where that is known.

    Raises
    ------
    ValueError
        When they are CleanRL's, but of another kind of agent, or names or shapes differ; with every difference.
    """
    if "network.0.conv.weight" in state and "actor.weight" in state:
        own = {name: tensor for name, tensor in state.items() if not name.startswith("aux_critic.")}  # of ppg_procgen
        return of_network(impala(own, functools.partial(_impala_name, _groups(own)), IMPALA, size=size), stack, INFO)
    if "conv.0.weight" in state and "fc_logits.weight" in state:
        return of_network(convolutional(state, DISCRETE_SAC, NATURE, size=size), stack, INFO)
    if "network.0.weight" not in state or state["network.0.weight"].ndim != 4:
        return None
    if any(name.startswith("lstm.") for name in state):
        raise ValueError(f"it is recurrent, not {NATURE}: {WRAP}")
    if "atoms" in state or "quantiles" in state:
        raise ValueError(f"its outputs are distributions of values, not {NATURE}: {WRAP}")
    if "network.9.weight" in state:
        return of_network(convolutional(state, Q_LEARNING, NATURE, size=size), stack, {**INFO, **ACTION_VALUES})
    return of_network(convolutional(state, ACTOR_CRITIC, NATURE, size=size), stack, INFO)


def of_instance(instance: Any) -> Policy | None:
    """Return the policy of an `Agent` or a `QNetwork` of CleanRL's scripts, or None when it is neither.

    Raises
    ------
    ValueError
        When it is recurrent: what it carries from step to step is not known then.
    """
    if not isinstance(instance, nn.Module) or not isinstance(getattr(instance, "network", None), nn.Sequential):
        return None
    has_heads = isinstance(getattr(instance, "actor", None), nn.Linear) and hasattr(instance, "critic")
    if has_heads and not hasattr(instance, "get_action_and_value"):
        return None
    if not has_heads and type(instance).__name__ != "QNetwork":
        return None
    if hasattr(instance, "lstm"):
        raise ValueError(f"it is recurrent: {WRAP}")
    own = functools.partial(of_state, instance.state_dict())
    colours = colours_read(instance)
    side = 64 if colours == 3 else 84
    return Policy(
        instance,
        forward=_outputs if has_heads else _action_values,
        info={**INFO, **({} if has_heads else ACTION_VALUES)},
        own=own,
        **seen((side, side, colours)),
    )


def _outputs(agent: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    hidden = agent.network(x)
    return agent.actor(hidden), agent.critic(hidden)


def _action_values(agent: Any, x: Tensor) -> Tensor:
    values: Tensor = agent.network(x)
    if not hasattr(agent, "atoms"):
        return values
    shares = torch.softmax(values.reshape(len(x), -1, len(agent.atoms)), 2)  # C51: of each action's possible values
    expected: Tensor = (shares * agent.atoms).sum(2)
    return expected


def _groups(state: Mapping[str, Tensor]) -> int:
    return sum(bool(re.fullmatch(r"network\.\d+\.conv\.bias", name)) for name in state)


def _impala_name(groups: int, own: str) -> str:
    stage = re.fullmatch(r"trunk\.(\d+)(_conv|a|b)\.(.+)", own)
    if stage:
        part = {"_conv": "conv", "a": "res_block0", "b": "res_block1"}[stage[2]]
        return f"network.{int(stage[1]) - 1}.{part}.{stage[3]}"
    module, kind = own.rsplit(".", 1)
    dense = f"network.{groups + 2}"  # after flattening and a ReLU
    return {"trunk.dense_1": dense, "policy": "actor", "value": "critic"}[module] + "." + kind
