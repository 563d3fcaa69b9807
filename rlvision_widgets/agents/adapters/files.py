"""Other libraries' files as agents: zips of Stable-Baselines3, and what `torch.save` wrote for the rest."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlvision_widgets.agents.adapters import policy_of_state
from rlvision_widgets.agents.adapters.policy import Policy, action_names, network_of
from rlvision_widgets.agents.adapters.reading import read_torch
from rlvision_widgets.agents.adapters.stable_baselines3_zip import of_zip
from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.weights import inner_state

__all__ = ["SUFFIXES", "load_file"]

SUFFIXES = (".pt", ".pth", ".cleanrl_model", ".zip")
"""What other libraries call their files; a zip is Stable-Baselines3's, all else is of `torch.save`."""

KNOWN: dict[str, dict[str, Any]] = {
    "279ac07674befbe39cdff7cfdb5137a315cbc16e85dcb8570ded8c94ce2cc6a2": {
        "environment": {"name": "coinrun", "distribution_mode": "easy"},  # inferred from how well it plays
        "value_scale": 10.0,
        "info": {"source": "leesharkey/train-procgen-pfrl, model_final.pt", "licence": "Apache-2.0"},
    }
}
"""sha256 of a file → what it does not say itself."""


def load_file(path: Path, *, observation_shape: tuple[int, int, int] | None = None, stack: int | None = None) -> Agent:
    """Return the agent in a file of another library.

    Such a file says nothing about the environment or the scale of the value, and most say nothing about the size of
    frames; both stay empty unless the file is a known one, and the size is the most customary that fits.

    Parameters
    ----------
    path : Path
        A zip of Stable-Baselines3; or a state dict or a training checkpoint that holds one, opened with
        ``weights_only=True``.
    observation_shape : (int, int, int), optional
        Height, width and number of colours of one frame.
    stack : int, optional
        How many frames the network sees at once.

    Raises
    ------
    ValueError
        When the file is damaged or holds more than weights; when its names are of no known library; when names or
        shapes differ from the library's, with every difference; when it reads frames of another shape.
    """
    try:
        policy = _policy(path, observation_shape and observation_shape[:2], stack)
        if observation_shape is not None and policy.observation_shape != tuple(observation_shape):
            raise ValueError(
                f"its network reads {_pictures(policy.observation_shape, policy.stack)}, and observation_shape says "
                f"{tuple(observation_shape)}"
            )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = KNOWN.get(digest, {"info": {"source": path.name}})
    network = network_of(policy)
    fields = {**known, "info": {**policy.info, **known["info"], "sha256": digest}}
    return Agent(network, path.stem, action_names(policy, network), stack=policy.stack, **fields)


def _policy(path: Path, size: tuple[int, int] | None, stack: int | None) -> Policy:
    if path.suffix == ".zip":
        return of_zip(path, size=size, stack=stack)
    try:
        loaded = read_torch(path)
    except ValueError as error:
        raise ValueError(f"cannot be read as weights: {error}") from error
    if not isinstance(loaded, Mapping):
        raise ValueError(f"it holds a {type(loaded).__name__}; expected a mapping from names to weights")
    return policy_of_state(inner_state(loaded), size=size, stack=stack)


def _pictures(shape: tuple[int, int, int], stack: int) -> str:
    return f"{shape}" + (f" in stacks of {stack}" if stack > 1 else "")
