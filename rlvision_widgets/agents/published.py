"""The published ``.jd`` checkpoints of "Understanding RL Vision" (Hilton et al. 2020) as agents.

Such a file holds the training script's arguments and TensorFlow's variables. Kernels come as (height, width, in, out)
or (in, out); biases as vectors; a first dense layer expects (y, x, channel) flattened in that order, which is also the
order of `networks.Flatten`.
"""

import hashlib
import re
import reprlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rlvision_widgets.agents.agent import Agent, default_action_names
from rlvision_widgets.agents.joblib_reader import read_joblib
from rlvision_widgets.agents.networks import ClearNetwork, ImpalaNetwork, NatureNetwork
from rlvision_widgets.agents.old_coinrun import OLD_ACTIONS, OLD_ENVIRONMENT, OLD_NOTE, with_procgen_actions
from rlvision_widgets.agents.staged import StagedNetwork
from rlvision_widgets.agents.weights import check_shapes
from rlvision_widgets.names import unknown

__all__ = ["PROCGEN_COINRUN", "load_published"]

OPTIONS = {
    "num_levels": int,
    "start_level": int,
    "distribution_mode": str,
    "paint_vel_info": bool,
    "center_agent": bool,
    "use_sequential_levels": bool,
    "use_generated_assets": bool,
}
"""Procgen's options among the training script's arguments, which has 0 and 1 for some; None is Procgen's default."""

GOAL_GAMES = ("coinrun", "heist", "jumper", "leaper", "maze", "ninja")
"""Games whose one reward, 10, is that of completing a level."""

PROCGEN_COINRUN = "18818904a32842cc177dd3c666b0229a657d0e96b9a7f2be197d6c7f4431a1ac"

KNOWN = {
    PROCGEN_COINRUN: {
        "source": "OpenAI, rl-clarity models, procgen/coinrun.jd",
        "licence": "MIT, © 2020 OpenAI",
    }
}
"""sha256 of a file → where it comes from."""

Parameters = Mapping[str, NDArray[Any]]
Names = dict[str, str]


def load_published(path: str | Path) -> Agent:
    """Return the agent in a ``.jd`` file.

    Parameters
    ----------
    path : str or Path
        A checkpoint with the "clear", IMPALA or Nature network. It is read by `read_joblib`; no code in it is run.

    Raises
    ------
    ValueError
        When the file is damaged, asks for anything but numbers, holds another network, or when names and shapes of
        its weights are not exactly those of its network; then with every difference.
    """
    path = Path(path)
    content = read_joblib(path)
    if not isinstance(content, dict) or not all(isinstance(content.get(key), dict) for key in ("args", "params")):
        raise ValueError(f"{path} is not a published checkpoint: it has no 'args' and 'params'")
    try:
        network = _network(content["args"], _without_scope(content["params"]))
        environment = _environment(content["args"])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    info = _info(content, path)
    if network.options["num_actions"] == len(OLD_ACTIONS) and str(environment["name"]).startswith("coinrun"):
        network, environment, info = with_procgen_actions(network), OLD_ENVIRONMENT, {**info, "note": OLD_NOTE}
    return Agent(
        network,
        name=path.stem,
        action_names=default_action_names(network.options["num_actions"]),
        environment=environment,
        value_scale=10.0 if environment["name"] in GOAL_GAMES else None,
        info=info,
    )


def _environment(args: Mapping[str, Any]) -> dict[str, Any]:
    given = {key: kind(args[key]) for key, kind in OPTIONS.items() if isinstance(args.get(key), str | int)}
    # Procgen's own default, said aloud because an agent is judged by it.
    default = {"distribution_mode": "hard"} if args.get("env_kind") == "procgen" else {}
    return {"name": str(args.get("env_name")), **default, **given}


def _info(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    args, extra, time = content["args"], content.get("extra"), content.get("time")
    numbers = {
        "gamma": args.get("gamma"),
        "gae_lambda": args.get("lambda"),
        "mean_training_return": extra.get("_rewmean_") if isinstance(extra, dict) else None,
    }
    info: dict[str, Any] = {**KNOWN.get(digest, {"source": path.name}), "sha256": digest}
    info |= {key: number for key, number in numbers.items() if isinstance(number, float)}
    if isinstance(time, float):
        info["trained"] = datetime.fromtimestamp(time, UTC).date().isoformat()
    return info


def _without_scope(params: Mapping[str, Any]) -> Parameters:
    """Return the variables by names like ``pi/1a/conv2d/kernel``, in float32; biases as vectors."""
    wrong = [name for name, array in params.items() if not isinstance(array, np.ndarray) or array.dtype.kind != "f"]
    if wrong:
        raise ValueError(f"these parameters are no arrays of floats: {', '.join(wrong)}")
    plain = {name.removesuffix(":0").split("/", 1)[-1]: array.astype(np.float32) for name, array in params.items()}
    # Nature's are (1, n, 1, 1)
    return {name: array.reshape(-1) if name.endswith(("/b", "/bias")) else array for name, array in plain.items()}


def _network(args: Mapping[str, Any], params: Parameters) -> StagedNetwork:
    cnn = args.get("cnn")
    if not isinstance(cnn, str) or cnn not in BUILDERS:
        raise ValueError(unknown("network", reprlib.repr(cnn), BUILDERS))
    for option, usual in (("use_lstm", 0), ("frame_stack", 1)):
        if args.get(option, usual) != usual:
            raise ValueError(f"trained with {option} = {reprlib.repr(args[option])}; only {usual} is supported")
    with torch.device("meta"):  # shapes without memory, until they are known to be those of the file
        network, stages = BUILDERS[cnn](args, params)
    names = _names(stages)
    expected = {name: _tensorflow_shape(network.get_parameter(own)) for own, name in names.items()}
    check_shapes(expected, {name: array.shape for name, array in params.items()}, f"the {cnn} network")
    weights = {own: _torch_weight(torch.from_numpy(params[name])) for own, name in names.items()}
    network.load_state_dict(weights, assign=True)
    return network


def _clear(args: Mapping[str, Any], params: Parameters) -> tuple[StagedNetwork, Names]:
    layers = {f"trunk.{layer}": f"pi/{layer}/conv2d/kernel" for layer in ("1a", "2a", "2b", "3a", "4a")}
    dense = {"trunk.dense_1": "pi/dense/kernel", "trunk.dense_2": "pi/dense_1/kernel"}
    return ClearNetwork(_num_actions(params)), layers | dense


def _impala(args: Mapping[str, Any], params: Parameters) -> tuple[StagedNetwork, Names]:
    channels = str(args.get("stack_channels", "16_32_32"))
    if not re.fullmatch(r"\d{1,4}(_\d{1,4}){0,5}", channels):
        raise ValueError(f"stack_channels is {channels[:40]!r}; expected numbers like '16_32_32'")
    sizes = tuple(int(size) for size in channels.split("_"))
    dense = params.get(f"pi/layer_{5 * len(sizes)}/bias", range(256))
    network = ImpalaNetwork(_num_actions(params), sizes, len(dense), pooling="tensorflow")
    parts = ("{}_conv", "{}a.conv0", "{}a.conv1", "{}b.conv0", "{}b.conv1")
    stages = [f"trunk.{part.format(group)}" for group in range(1, len(sizes) + 1) for part in parts]
    return network, {own: f"pi/layer_{i}/kernel" for i, own in enumerate([*stages, "trunk.dense_1"])}


def _nature(args: Mapping[str, Any], params: Parameters) -> tuple[StagedNetwork, Names]:
    size = 84 if args.get("env_kind") == "atari" else 64
    first = params.get("pi/c1/w")
    colours = first.shape[2] if first is not None and first.ndim == 4 else 3
    network = NatureNetwork(_num_actions(params), observation_shape=(size, size, colours))
    convolutions = {f"trunk.{name}": f"pi/{name}/w" for name in ("c1", "c2", "c3")}
    return network, {**convolutions, "trunk.dense_1": "pi/fc1/w"}


BUILDERS: dict[str, Callable[[Mapping[str, Any], Parameters], tuple[StagedNetwork, Names]]] = {
    "clear": _clear,
    "impala": _impala,
    "nature": _nature,
}
"""args['cnn'] → the network without weights, and its stages by the names of their kernels."""


def _num_actions(params: Parameters) -> int:
    policy = params.get("pi/b")
    return 15 if policy is None else len(policy)


def _names(stages: Names) -> Names:
    """Return own name → name in the file, of all weights and biases."""
    kernels = {**stages, "policy": "pi/w", "value": "vf/w"}
    biases = {own: name.removesuffix("kernel") + "bias" for own, name in kernels.items() if name.endswith("kernel")}
    biases |= {own: name.removesuffix("w") + "b" for own, name in kernels.items() if name.endswith("/w")}
    names = {f"{own}.weight": name for own, name in kernels.items()}
    return names | {f"{own}.bias": name for own, name in biases.items()}


def _torch_weight(array: Tensor) -> Tensor:
    """Turn (height, width, in, out) into (out, in, height, width) and (in, out) into (out, in)."""
    return (array.permute(3, 2, 0, 1) if array.ndim == 4 else array.t()).contiguous()


def _tensorflow_shape(weight: Tensor) -> tuple[int, ...]:
    return tuple((weight.permute(2, 3, 1, 0) if weight.ndim == 4 else weight.t()).shape)
