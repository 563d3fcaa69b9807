"""train-procgen-pytorch: its `CategoricalPolicy`, an embedder with two heads and, where it is recurrent, a GRU between.

It returns log-probabilities, for which the package's own networks give plain logits: the policies are the same. Its
environments divide the reward by the running deviation of returns, so that its value is in units of normalised return.
"""

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rlvision_widgets.agents.adapters.convolutions import Layout, Size, convolutional, impala
from rlvision_widgets.agents.adapters.policy import Policy, colours_read, of_network, seen
from rlvision_widgets.agents.recurrent import GruNetwork
from rlvision_widgets.agents.staged import StagedNetwork
from rlvision_widgets.agents.weights import check_shapes

__all__ = ["of_instance", "of_state"]

WHAT = "train-procgen-pytorch's policy"
INFO = {"library": "train-procgen-pytorch", "value": "in units of normalised return, where training normalised rewards"}
NATURE = Layout(
    tuple(f"embedder.layers.{place}" for place in (0, 2, 4)), ("embedder.layers.7",), ("fc_policy",), ("fc_value",)
)
IMPALA = {"_conv": "conv", "a": "res1", "b": "res2"}  # own stage of a group → part of the library's block
GRU = "gru.gru."
GATES = {f"{kind}_{source}": f"{GRU}{kind}_{source}_l0" for kind in ("weight", "bias") for source in ("ih", "hh")}


def of_state(state: Mapping[str, Tensor], *, size: Size | None = None, stack: int | None = None) -> Policy | None:
    """Return the policy with these weights, or None when they are not of train-procgen-pytorch.

    Parameters
    ----------
    state : mapping
        Name → tensor.
    size, stack : optional
        Height and width of a frame, and how many the network sees at once, where that is known.

    Raises
    ------
    ValueError
        When they are of a policy that sees no pictures, or names or shapes differ; with every difference.
    """
    if "fc_policy.weight" not in state or not any(name.startswith("embedder.") for name in state):
        return None
    trunk = {name: tensor for name, tensor in state.items() if not name.startswith(GRU)}
    if "embedder.block1.conv.weight" in state:
        network = impala(trunk, _impala_name, f"{WHAT} with an ImpalaModel", size=size)
    elif state.get("embedder.layers.0.weight", torch.empty(0)).ndim == 4:
        network = convolutional(trunk, NATURE, f"{WHAT} with a NatureModel", size=size)
    else:
        raise ValueError(
            f"the weights are of {WHAT} with an embedder of another kind than ImpalaModel and NatureModel; build it "
            "with its code and pass it to rlv.wrap_agent."
        )
    gates = {name: tensor for name, tensor in state.items() if name.startswith(GRU)}
    return of_network(_with_gru(network, gates) if gates else network, stack, INFO)


def of_instance(instance: Any) -> Policy | None:
    """Return the policy of a `CategoricalPolicy`, or of an agent with one as `policy`; None when it is neither."""
    policy = getattr(instance, "policy", instance)
    if not isinstance(policy, nn.Module):
        return None
    if not all(isinstance(getattr(policy, part, None), nn.Module) for part in ("embedder", "fc_policy", "fc_value")):
        return None
    colours = colours_read(policy)
    side = 64 if colours % 3 == 0 else 84
    state = policy.state_dict()
    own = functools.partial(of_state, state)
    frames = seen((side, side, colours))
    if not hasattr(policy, "gru"):
        return Policy(policy, forward=_forward, info=INFO, own=own, **frames)
    units = state["fc_policy.weight"].shape[1]
    return Policy(
        policy,
        forward=_forward_recurrent,
        initial_state=lambda batch: torch.zeros(batch, units),
        info=INFO,
        own=own,
        **frames,
    )


def _forward(policy: nn.Module, x: Tensor) -> Any:
    # the state goes through a policy without a GRU, and the masks count only with one
    distribution, value, _ = policy(x, None, torch.ones(len(x), device=x.device))
    return distribution, value


def _forward_recurrent(policy: nn.Module, x: Tensor, state: Tensor, first: Tensor) -> Any:
    return policy(x, state, (~first).to(x.dtype))


def _with_gru(network: StagedNetwork, gates: Mapping[str, Tensor]) -> GruNetwork:
    with torch.device("meta"):
        recurrent = GruNetwork(network.architecture, **network.options)
    shapes = {GATES[name]: tuple(tensor.shape) for name, tensor in recurrent.memory.state_dict().items()}
    check_shapes(shapes, {name: tuple(tensor.shape) for name, tensor in gates.items()}, f"{WHAT} with a GRU")
    memory = {f"memory.{own}": gates[name].float() for own, name in GATES.items()}
    recurrent.load_state_dict({**network.state_dict(), **memory}, assign=True)
    return recurrent


def _impala_name(own: str) -> str:
    parts = own.split(".")
    if parts[0] != "trunk":
        return {"policy": "fc_policy", "value": "fc_value"}[parts[0]] + "." + parts[1]
    if parts[1] == "dense_1":
        return f"embedder.fc.{parts[2]}"
    group = parts[1].rstrip("abcnov_")
    block = f"embedder.block{group}.{IMPALA[parts[1].removeprefix(group)]}"
    inner = {"conv0": ".conv1", "conv1": ".conv2"}.get(parts[2], "")
    return f"{block}{inner}.{parts[-1]}"
