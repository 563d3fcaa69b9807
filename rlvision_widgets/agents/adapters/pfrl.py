"""pfrl: its examples' networks for Atari and its IMPALA network for Procgen.

`agent.save(folder)` of pfrl writes ``model.pt``, which is what to open. Its Atari agents are sequences of modules,
ended by one of two heads: `Branched`, a policy beside a value (PPO, A2C, A3C), or action values (DQN and its kin).
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

IMPALA = "pfrl's IMPALA network"
NATURE = "pfrl's network for Atari"
INFO = {"library": "pfrl"}
LAYOUTS = (  # of a `Sequential`, by how it ends: Branched, LargeAtariCNN and its head, one flat sequence of Q-learning
    Layout(("0", "2", "4"), ("7",), ("9.child_modules.0.0",), ("9.child_modules.1",)),
    Layout(("0", "2"), ("5",), ("7.child_modules.0.0",), ("7.child_modules.1",)),
    Layout(("0.layers.0", "0.layers.1", "0.layers.2"), ("0.output",), ("1",)),
    Layout(("0.layers.0", "0.layers.1"), ("0.output",), ("1",)),
    Layout(("0", "2", "4"), ("7",), ("9",)),
)


def of_state(state: Mapping[str, Tensor], *, size: Size | None = None, stack: int | None = None) -> Policy | None:
    """Return the policy with these weights, or None when they are not pfrl's.

    Parameters
    ----------
    state : mapping
        Name → tensor.
    size, stack : optional
        Height and width of a frame, and how many the network sees at once, where that is known.

    Raises
    ------
    ValueError
        When they are pfrl's, but names or shapes differ; with every difference.
    """
    if "conv_seqs.0.conv.weight" in state and "logits_fc.bias" in state:
        return of_network(impala(state, _impala_name, IMPALA, size=size), stack, INFO)
    for layout in LAYOUTS:
        if set(layout.names()) == set(state):
            network = convolutional(state, layout, NATURE, size=size)
            return of_network(network, stack, INFO if layout.value else {**INFO, **ACTION_VALUES})
    return None


def of_instance(instance: Any) -> Policy | None:
    """Return the policy of a pfrl agent or of its model, or None when it is none.

    The model is shown (batch, colour, height, width) in 0..1, which is what the `phi` of pfrl's examples gives it; one
    for Procgen that takes (batch, height, width, rgb) in 0..255 and divides itself, that.
    """
    model = getattr(instance, "model", instance) if hasattr(instance, "batch_act") else instance
    if not isinstance(model, nn.Module):
        return None
    of_procgen = all(hasattr(model, part) for part in ("conv_seqs", "hidden_fc", "logits_fc"))
    if not of_procgen and not any(type(part).__module__.startswith("pfrl.") for part in model.modules()):
        return None
    colours = colours_read(model)
    side = 64 if colours == 3 else 84
    own = functools.partial(of_state, model.state_dict())
    preprocess = _colours_last if of_procgen and _runs(model, torch.zeros(1, side, side, colours)) else None
    return Policy(model, _forward, preprocess, info=INFO, own=own, **seen((side, side, colours)))


def _forward(model: nn.Module, x: Tensor) -> Any:
    returned = model(x)
    return getattr(returned, "q_values", returned)


def _colours_last(observations: Tensor) -> Tensor:
    return observations.float()


def _runs(model: nn.Module, x: Tensor) -> bool:
    try:
        with torch.no_grad():
            model(x)
    except RuntimeError:
        return False
    return True


def _impala_name(own: str) -> str:
    stage = re.fullmatch(r"trunk\.(\d+)(_conv|a|b)\.(.+)", own)
    if stage:
        part = {"_conv": "conv", "a": "res_block0", "b": "res_block1"}[stage[2]]
        return f"conv_seqs.{int(stage[1]) - 1}.{part}.{stage[3]}"
    module, kind = own.rsplit(".", 1)
    return {"trunk.dense_1": "hidden_fc", "policy": "logits_fc", "value": "value_fc"}[module] + "." + kind
