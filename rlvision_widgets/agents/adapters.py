"""Weights of other libraries, recognised by their names, as agents with the package's own networks.

A family is a function from a state dict to a network. What no family recognises goes through `wrap_agent`.
"""

import hashlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rlvision_widgets.agents.agent import Agent, default_action_names
from rlvision_widgets.agents.networks import ImpalaNetwork, StagedNetwork
from rlvision_widgets.agents.weights import check_shapes, inner_state

__all__ = ["load_torch"]

KNOWN: dict[str, dict[str, Any]] = {
    "279ac07674befbe39cdff7cfdb5137a315cbc16e85dcb8570ded8c94ce2cc6a2": {
        "environment": {"name": "coinrun", "distribution_mode": "easy"},  # inferred from how well it plays
        "value_scale": 10.0,
        "info": {"source": "leesharkey/train-procgen-pfrl, model_final.pt", "licence": "Apache-2.0"},
    }
}
"""sha256 of a file → what it does not say itself."""


def load_torch(path: str | Path) -> Agent:
    """Return the agent in a file of `torch.save` with the weights of pfrl's IMPALA network for Procgen.

    Such a file says nothing about the environment or the scale of the value; both stay empty unless the file is a
    known one (`dataclasses.replace` fills them in).

    Parameters
    ----------
    path : str or Path
        A state dict, or a training checkpoint that holds one. It is opened with ``weights_only=True``.

    Raises
    ------
    ValueError
        When the file is damaged or holds more than weights; when its names are of no known family; when names or
        shapes differ from the family's, with every difference.
    """
    path = Path(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise ValueError(f"{path} cannot be read as weights: {str(error).splitlines()[0]}") from error
    try:
        network = _pfrl(inner_state(loaded) if isinstance(loaded, Mapping) else {})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = KNOWN.get(digest, {"info": {"source": path.name}})
    names = default_action_names(network.options["num_actions"])
    return Agent(network, path.stem, names, **{**known, "info": {**known["info"], "sha256": digest}})


def _pfrl(state: Mapping[str, Tensor]) -> StagedNetwork:
    if "conv_seqs.0.conv.weight" not in state or "logits_fc.bias" not in state:
        raise ValueError(
            "its weights are of no network known here (pfrl's IMPALA for Procgen is). Build the network, put the "
            "weights into it with rlv.agents.load_state and pass it to rlv.wrap_agent."
        )
    groups = sum(bool(re.fullmatch(r"conv_seqs\.\d+\.conv\.bias", name)) for name in state)
    channels = tuple(len(state.get(f"conv_seqs.{group}.conv.bias", ())) for group in range(groups))
    with torch.device("meta"):
        network = ImpalaNetwork(len(state["logits_fc.bias"]), channels, len(state.get("hidden_fc.bias", ())))
    own_shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    expected = {_pfrl_name(name): shape for name, shape in own_shapes.items()}
    check_shapes(expected, {name: tuple(tensor.shape) for name, tensor in state.items()}, "pfrl's IMPALA network")
    weights = {name: state[_pfrl_name(name)].float() for name in own_shapes}
    dense = weights["trunk.dense_1.weight"]  # its columns are (channel, y, x); ours are (y, x, channel)
    size = 64 >> groups
    by_channel = dense.reshape(len(dense), channels[-1], size, size)
    weights["trunk.dense_1.weight"] = by_channel.permute(0, 2, 3, 1).flatten(1).contiguous()
    network.load_state_dict(weights, assign=True)
    return network


def _pfrl_name(own: str) -> str:
    stage = re.fullmatch(r"trunk\.(\d+)(_conv|a|b)\.(.+)", own)
    if stage:
        part = {"_conv": "conv", "a": "res_block0", "b": "res_block1"}[stage[2]]
        return f"conv_seqs.{int(stage[1]) - 1}.{part}.{stage[3]}"
    module, kind = own.rsplit(".", 1)
    return {"trunk.dense_1": "hidden_fc", "policy": "logits_fc", "value": "value_fc"}[module] + "." + kind
