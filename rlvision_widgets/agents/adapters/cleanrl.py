"""CleanRL: agents of its single-file scripts, from ``.cleanrl_model`` files or from an instance of the script's class.

The convolutions, ``network``, end with a dense layer and its ReLU, which ``actor`` and ``critic`` read; where the
script is of Q-learning, ``network`` ends with the action values. All divide pixels by 255 in methods of the class, so
that the parts are called here, not the class.
"""

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from rlvision_widgets.agents.adapters.cleanrl_modules import (
    ExpectedValues,
    LstmAgent,
    expected_values,
    no_memory,
    with_memory,
)
from rlvision_widgets.agents.adapters.convolutions import Layout, Size, convolutional, impala
from rlvision_widgets.agents.adapters.policy import ACTION_VALUES, Policy, colours_read, of_network, seen

__all__ = ["of_instance", "of_state"]

NATURE = "CleanRL's agent for Atari"
IMPALA = "CleanRL's agent for Procgen"
INFO = {"library": "CleanRL"}
CONVOLUTIONS = ("network.0", "network.2", "network.4")
ACTOR_CRITIC = Layout(CONVOLUTIONS, ("network.7",), ("actor",), ("critic",))
Q_LEARNING = Layout(CONVOLUTIONS, ("network.7",), ("network.9",))
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
    if "conv.0.weight" in state and "fc_logits.weight" in state:
        return of_network(convolutional(state, DISCRETE_SAC, NATURE, size=size), stack, INFO)
    if "network.0.conv.weight" in state and "actor.weight" in state:
        own = {name: tensor for name, tensor in state.items() if not name.startswith("aux_critic.")}  # of ppg_procgen
        return of_network(impala(own, functools.partial(_impala_name, _groups(own)), IMPALA, size=size), stack, INFO)
    first = state.get("network.0.weight")
    return None if first is None or first.ndim != 4 else _of_atari(state, size, stack)


def _of_atari(state: Mapping[str, Tensor], size: Size | None, stack: int | None) -> Policy:
    if any(name.startswith("lstm.") for name in state):
        agent = LstmAgent(state)
        return _recurrent(agent, size or agent.frame_size(), stack)
    weights = {name: tensor for name, tensor in state.items() if name != "atoms"}
    if "network.9.weight" not in state:
        return of_network(convolutional(weights, ACTOR_CRITIC, NATURE, size=size), stack, INFO)
    network, info = convolutional(weights, Q_LEARNING, NATURE, size=size), {**INFO, **ACTION_VALUES}
    if "atoms" not in state:
        return of_network(network, stack, info)
    return Policy(ExpectedValues(network, state["atoms"].float()), info=info, **seen(network.observation_shape, stack))


def of_instance(instance: Any) -> Policy | None:
    """Return the policy of an `Agent` or a `QNetwork` of CleanRL's scripts, or None when it is neither.

    Raises
    ------
    ValueError
        When it has several layers of memory.
    """
    if not isinstance(instance, nn.Module) or not isinstance(getattr(instance, "network", None), nn.Sequential):
        return None
    has_heads = isinstance(getattr(instance, "actor", None), nn.Linear) and hasattr(instance, "critic")
    if has_heads and not hasattr(instance, "get_action_and_value"):
        return None
    if not has_heads and type(instance).__name__ != "QNetwork":
        return None
    own = functools.partial(of_state, instance.state_dict())
    if hasattr(instance, "lstm"):
        return dataclasses.replace(_recurrent(instance, (84, 84), None), own=own)
    colours = colours_read(instance)
    side = 64 if colours == 3 else 84
    return Policy(
        instance,
        forward=_outputs if has_heads else _action_values,
        info={**INFO, **({} if has_heads else ACTION_VALUES)},
        own=own,
        **seen((side, side, colours)),
    )


def _recurrent(agent: Any, size: Size, stack: int | None) -> Policy:
    if agent.lstm.num_layers > 1:
        raise ValueError(f"its LSTM has {agent.lstm.num_layers} layers, and 1 is expected.")
    return Policy(
        agent,
        forward=with_memory,
        initial_state=functools.partial(no_memory, agent.lstm.hidden_size),
        info=INFO,
        **seen((*size, colours_read(agent)), stack),
    )


def _outputs(agent: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    hidden = agent.network(x)
    return agent.actor(hidden), agent.critic(hidden)


def _action_values(agent: Any, x: Tensor) -> Tensor:
    values: Tensor = agent.network(x)
    return expected_values(values, agent.atoms) if hasattr(agent, "atoms") else values


def _groups(state: Mapping[str, Tensor]) -> int:
    return len({name.split(".")[1] for name in state if re.fullmatch(r"network\.\d+\.conv\.(weight|bias)", name)})


def _impala_name(groups: int, own: str) -> str:
    stage = re.fullmatch(r"trunk\.(\d+)(_conv|a|b)\.(.+)", own)
    if stage:
        part = {"_conv": "conv", "a": "res_block0", "b": "res_block1"}[stage[2]]
        return f"network.{int(stage[1]) - 1}.{part}.{stage[3]}"
    module, kind = own.rsplit(".", 1)
    dense = f"network.{groups + 2}"  # after flattening and a ReLU
    return {"trunk.dense_1": dense, "policy": "actor", "value": "critic"}[module] + "." + kind
