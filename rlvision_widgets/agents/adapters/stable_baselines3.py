"""Stable-Baselines3's CnnPolicy and its kin, from names of weights or from a model; the library is not needed.

An actor-critic has one features extractor or two equal or different ones (``pi_``, ``vf_``), then dense layers for each
head (``mlp_extractor``), then ``action_net`` and ``value_net``. A policy of Q-learning has ``q_net`` (DQN) or
``quantile_net`` (QR-DQN) and a target network, which plays no part. Files are read in `stable_baselines3_zip`.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from rlvision_widgets.agents.adapters.convolutions import Layout, Size, convolutional
from rlvision_widgets.agents.adapters.policy import ACTION_VALUES, Policy, colours_read, of_network, seen
from rlvision_widgets.agents.adapters.stable_baselines3_memory import no_memory, with_memory
from rlvision_widgets.agents.convolutional import ACTIVATIONS
from rlvision_widgets.agents.staged import StagedNetwork

__all__ = ["INFO", "ONE_OF", "WRAP", "Settings", "of_instance", "of_state", "scale_of"]

NAME = "Stable-Baselines3's CnnPolicy"
Q_LEARNING = ("q_net", "quantile_net")
TARGETS = tuple(f"{root}_target." for root in Q_LEARNING)
PARTS = r"(pi_|vf_)?features_extractor\.|mlp_extractor\.|action_net\.|q_net\.|quantile_net\.|actor\.latent_pi\."
ONE_OF = "an agent here takes one of a number of actions."
WRAP = "Load it with Stable-Baselines3 itself and pass the model to rlv.wrap_agent, which takes any features extractor."
OTHER_KINDS = (
    (r"^log_std$|^actor\.", f"its actions are continuous, and {ONE_OF}"),
    (r"^lstm_", f"it is recurrent. {WRAP}"),
    (r"features_extractor\.extractors\.", "its observations are dictionaries (MultiInputPolicy); images are expected."),
    (r"features_extractor\.(?!cnn\.|linear\.)", f"it has a features extractor of its own. {WRAP}"),
    (r"\A(?![\s\S]*features_extractor\.)", "its observations are vectors (MlpPolicy); images are expected."),
)
"""What names of weights say about kinds of policies that CnnPolicy is not: pattern, and the reason in words."""
INFO = {
    "library": "Stable-Baselines3",
    "wrappers": "Neither VecNormalize nor VecFrameStack is part of it. What VecNormalize did to images belongs into "
    "rlv.wrap_agent's preprocess; stacks of frames the agent keeps itself, so that the world shows single ones.",
}


class Settings(NamedTuple):
    """What the weights do not say."""

    shape: tuple[int, ...] = ()
    """Of an observation as the network gets it, colours first or last; empty where it is not known."""
    size: Size | None = None
    """Height and width of a frame, where the shape is not known."""
    scale: float = 1.0
    """What the network sees white as."""
    activation: str = ""
    """Of the heads' own dense layers."""
    num_actions: int | None = None


class Twins(nn.Module):
    """Two trunks: one for the policy, one for the value."""

    def __init__(self, pi: StagedNetwork, vf: StagedNetwork) -> None:
        super().__init__()
        self.pi, self.vf = pi, vf

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and value of (batch, rgb, height, width) in 0..1."""
        return self.pi(x).logits, self.vf(x).logits


def of_state(
    state: Mapping[str, Tensor],
    *,
    size: Size | None = None,
    stack: int | None = None,
    settings: Settings | None = None,
) -> Policy | None:
    """Return the policy with these weights, or None when they are not Stable-Baselines3's.

    Parameters
    ----------
    state : mapping
        Name → tensor, as in ``policy.pth``.
    size, stack : optional
        Height and width of a frame, and how many the network sees at once, where that is known.
    settings : Settings, optional
        What is known besides.

    Raises
    ------
    ValueError
        When the policy is of another kind than CnnPolicy with discrete actions, or names or shapes differ.
    """
    state = {name: tensor for name, tensor in state.items() if not name.startswith(TARGETS)}
    if not any(re.match(PARTS, name) for name in state):
        return None
    check_kind(state)
    settings = (settings or Settings())._replace(size=size)
    values = next((root for root in Q_LEARNING if any(name.startswith(f"{root}.") for name in state)), None)
    if values is not None:
        return of_network(_q_learning(state, values, settings), stack, {**INFO, **ACTION_VALUES})
    module = _actor_critic(state, settings)
    if isinstance(module, StagedNetwork):
        return of_network(module, stack, INFO)
    return Policy(module, info=INFO, **seen(module.pi.observation_shape, stack))


def of_instance(instance: Any) -> Policy | None:
    """Return the policy of a model or of its policy, or None when it is none of Stable-Baselines3's.

    Raises
    ------
    ValueError
        When its actions are no Discrete space, or its observations no images.
    """
    policy = getattr(instance, "policy", instance)
    if not isinstance(policy, nn.Module) or not hasattr(policy, "features_extractor_class"):
        return None
    return _of_policy(policy)


def _of_policy(policy: Any) -> Policy:
    images, actions = policy.observation_space, policy.action_space
    if getattr(actions, "n", None) is None:
        raise ValueError(f"its actions are {actions}; {ONE_OF}")
    shape, colours = tuple(getattr(images, "shape", None) or ()), colours_read(policy)
    if len(shape) != 3:
        raise ValueError(f"its observations are {images}; images are expected.")
    size, first = _size(shape, colours)
    scale = scale_of(str(images.dtype), float(np.max(getattr(images, "high", 255))), bool(policy.normalize_images))
    activation = getattr(policy, "activation_fn", nn.Tanh).__name__.lower()
    settings = Settings(shape, size, scale, activation, int(actions.n))
    values = next((root for root in Q_LEARNING if hasattr(policy, root)), None)
    if hasattr(policy, "lstm_actor"):
        return Policy(
            policy,
            forward=with_memory,
            preprocess=functools.partial(_pixels, 255 / scale, first),
            initial_state=functools.partial(no_memory, policy.lstm_actor),
            info=INFO,
            **seen((*size, colours)),
        )
    return Policy(
        policy,
        forward=_outputs if values is None else functools.partial(_action_values, values),
        preprocess=functools.partial(_pixels, 255 / scale, first),
        info={**INFO, **({} if values is None else ACTION_VALUES)},
        own=functools.partial(of_state, policy.state_dict(), settings=settings),
        **seen((*size, colours)),
    )


def scale_of(dtype: str, high: float, normalized: bool) -> float:
    """Return what the network sees white as: 1 where the policy or the world divides by 255, else 255."""
    return 1.0 if (dtype == "uint8" and normalized) or high <= 1 else 255.0


def check_kind(state: Mapping[str, Tensor]) -> None:
    """Raise in words where the names say that the policy is of another kind than CnnPolicy with discrete actions."""
    names = "\n".join(state)
    for pattern, reason in OTHER_KINDS:
        if re.search(pattern, names, re.MULTILINE):
            raise ValueError(f"it is not {NAME}: {reason}")


def _size(shape: tuple[int, ...], colours: int) -> tuple[Size, bool]:
    """Return height and width of observations, and whether their colours come first."""
    if len(shape) != 3 or colours not in (shape[0], shape[2]):
        raise ValueError(
            f"its observations have the shape {shape} and its first convolution reads {colours} colours; expected "
            "images of (colour, height, width) or (height, width, colour)."
        )
    first = shape[0] == colours
    height, width = shape[1:] if first else shape[:2]
    return (height, width), first


def _q_learning(state: Mapping[str, Tensor], root: str, settings: Settings) -> StagedNetwork:
    heads = _dense(state, f"{root}.{root}")
    if root == "quantile_net" and heads and settings.num_actions is not None:
        # the mean of an action's quantiles is its value, and a mean of dense layers is one
        last = {name: state[name] for name in (f"{heads[-1]}.weight", f"{heads[-1]}.bias")}
        state = {**state, **{n: t.reshape(-1, settings.num_actions, *t.shape[1:]).mean(0) for n, t in last.items()}}
    return _network(state, Layout(*_extractor(f"{root}."), heads), settings, "relu")


def _actor_critic(state: Mapping[str, Tensor], settings: Settings) -> "StagedNetwork | Twins":
    policy = [*_dense(state, "mlp_extractor.policy_net"), "action_net"]
    value = [*_dense(state, "mlp_extractor.value_net"), "value_net"]
    if not any(name.startswith("vf_features_extractor.") for name in state):  # before version 1.8
        return _network(state, Layout(*_extractor(""), policy, value), settings, "tanh")
    own = {name: tensor for name, tensor in state.items() if not name.startswith("features_extractor.")}  # pi's again
    vf = {name: tensor for name, tensor in own.items() if name.startswith("vf_")}
    pi = {name: tensor for name, tensor in own.items() if name not in vf}
    twins = ((tensor, pi.get(name.replace("vf_", "pi_", 1))) for name, tensor in vf.items())
    if all(other is not None and torch.equal(tensor, other) for tensor, other in twins):
        return _network(pi, Layout(*_extractor("pi_"), policy, value), settings, "tanh")
    of_value = {name for name in own if name.startswith(("vf_", "mlp_extractor.value_net.", "value_net."))}
    pi, vf = ({name: own[name] for name in own if (name in of_value) == wanted} for wanted in (False, True))
    return Twins(
        _network(pi, Layout(*_extractor("pi_"), policy), settings, "tanh"),
        _network(vf, Layout(*_extractor("vf_"), value), settings, "tanh"),
    )


def _network(state: Mapping[str, Tensor], layout: Layout, settings: Settings, activation: str) -> StagedNetwork:
    first, size = state.get(f"{layout.convolutions[0]}.weight"), settings.size
    if settings.shape and first is not None:
        size = _size(settings.shape, first.shape[1])[0]
    activation = settings.activation or activation
    if activation not in ACTIVATIONS:
        raise ValueError(f"its heads' dense layers are followed by {activation}, not {', '.join(ACTIVATIONS)}. {WRAP}")
    return convolutional(state, layout, NAME, size=size, scale=settings.scale, activation=activation)


def _extractor(before: str) -> tuple[list[str], list[str]]:
    root = f"{before}features_extractor"
    return [f"{root}.cnn.{index}" for index in (0, 2, 4)], [f"{root}.linear.0"]


def _dense(state: Mapping[str, Tensor], root: str) -> list[str]:
    """Return the dense layers of a `Sequential`, in order."""
    found = re.findall(rf"^{re.escape(root)}\.(\d+)\.weight$", "\n".join(state), re.MULTILINE)
    return [f"{root}.{index}" for index in sorted(map(int, found))]


def _pixels(divisor: float, first: bool, observations: Tensor) -> Tensor:
    x = observations.float() / divisor
    return x.permute(0, 3, 1, 2).contiguous() if first else x


def _outputs(policy: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    if policy.share_features_extractor:
        pi, vf = policy.mlp_extractor(policy.features_extractor(x))
    else:
        pi = policy.mlp_extractor.forward_actor(policy.pi_features_extractor(x))
        vf = policy.mlp_extractor.forward_critic(policy.vf_features_extractor(x))
    return policy.action_net(pi), policy.value_net(vf)


def _action_values(root: str, policy: Any, x: Tensor) -> Tensor:
    network = getattr(policy, root)
    values: Tensor = getattr(network, root)(network.features_extractor(x))
    return values.reshape(len(x), network.n_quantiles, -1).mean(1) if root == "quantile_net" else values
