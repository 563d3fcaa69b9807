"""An agent at play in a batch of worlds: which actions it takes, and where it plays.

Actions are sampled with Gumbel noise from one stream a trajectory: action = argmax(logits + noise) is a sample of the
policy, and what trajectory i does depends neither on how many others there are nor on torch's random numbers.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.analysis.players import gives_action_values
from rlvision_widgets.environments import make_environment
from rlvision_widgets.environments.edits import edits_to_json
from rlvision_widgets.environments.environment import Environment, Observed
from rlvision_widgets.names import environment_options

__all__ = ["Act", "Played", "Player", "describe", "ended", "make_world", "streams"]

# An agent, or any function that does the same: uint8 observations (batch, height, width, rgb) in, policy logits
# (batch, logit) and value (batch,) or None out.
Act = Callable[..., tuple[Any, ...]]


class Played(NamedTuple):
    """What an agent made of a batch of observations."""

    policy_logits: npt.NDArray[np.float32]
    value: npt.NDArray[np.float32] | None
    action: npt.NDArray[np.int32]


class Player:
    """An agent at play: samples its actions, and carries its recurrent state where it has one.

    One whose logits are action values (Q-learning) takes the action of the largest: they are no log-probabilities.

    Parameters
    ----------
    agent : callable
        See `collect_rollout`.
    action_names : sequence of str
        The world's actions. An agent with fewer uses their first ones.

    Attributes
    ----------
    state : optional
        What the agent carries; None before its first step, and for one without a memory.
    """

    def __init__(self, agent: Act, action_names: Sequence[str]) -> None:
        self._agent = agent
        self._world = action_names
        self._names: Sequence[str] | None = getattr(agent, "action_names", None)
        self._recurrent = bool(getattr(agent, "recurrent", False))
        self._temperature = 0 if gives_action_values(agent) else 1
        self.state: Any = None

    def look(self, observed: Observed) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        """Return policy logits and value."""
        if self._recurrent:
            logits, value, self.state = self._agent(observed.observation, self.state, observed.first)
        else:
            logits, value = self._agent(observed.observation)
        return np.asarray(logits, np.float32), None if value is None else np.asarray(value, np.float32)

    def play(self, observed: Observed, streams: Sequence[np.random.Generator]) -> Played:
        """Return policy logits, value, and an action for each trajectory, sampled with noise of its own stream."""
        logits, value = self.look(observed)
        num_actions = self._num_actions(logits)
        noise = self._temperature * np.stack([stream.gumbel(size=num_actions) for stream in streams])
        return Played(logits, value, (logits[:, :num_actions] + noise).argmax(axis=1).astype(np.int32))

    def _num_actions(self, logits: npt.NDArray[np.float32]) -> int:
        """Return how many of the logits are actions."""
        if logits.ndim != 2:
            raise ValueError(f"the agent's policy logits must have the shape (batch, logit), and {logits.shape} came")
        number = logits.shape[1] if self._names is None else len(self._names)
        if not 0 < number <= min(logits.shape[1], len(self._world)):
            raise ValueError(
                f"the agent has {number} actions and {logits.shape[1]} logits, the world has {len(self._world)} "
                f"actions ({', '.join(self._world)}): expected no more than these. Wrap the agent with its own "
                "action_names, or choose the world that it was trained in."
            )
        return number


def streams(seed: int, keys: Iterable[int]) -> list[np.random.Generator]:
    """Return one random stream for each key; it depends on the seed and on its own key alone."""
    return [np.random.default_rng((seed, key)) for key in keys]


def ended(before: Observed, after: Observed) -> npt.NDArray[np.bool_]:
    """Tell in which trajectories the step between two observations ended a level.

    With Procgen's use_sequential_levels a level can end without opening an episode; its seed then changes.
    """
    over: npt.NDArray[np.bool_] = after.first | (before.level_seed != after.level_seed)
    return over


def describe(agent: Act, environment: Environment) -> dict[str, Any]:
    """Return who played where, for the attrs of a result."""
    return {
        "package_version": _package_version(),
        "environment": environment.name,
        "environment_options": json.dumps(environment.options, sort_keys=True),
        "environment_package": environment.package,
        "agent": str(getattr(agent, "name", getattr(agent, "__name__", type(agent).__name__))),
        "checkpoint": str(getattr(agent, "checkpoint", "")),
        "edits": _edits_of(agent),
        "world_edits": edits_to_json(getattr(environment, "world_edits", ())),
        **({"world_edits_when": environment.world_edits_when} if hasattr(environment, "world_edits_when") else {}),
    }


def make_world(
    agent: Act,
    environment: str | Mapping[str, Any] | None = None,
    *,
    num_trajectories: int,
    seed: int = 0,
    without: Sequence[str] = (),
) -> Environment:
    """Make the batch of worlds that an agent was trained in, unless the environment says otherwise.

    Parameters
    ----------
    agent : Agent or callable
        Its `environment` is used: ``{"name": "coinrun", "distribution_mode": "hard", …}``.
    environment : mapping or str, optional
        Used instead, a description or the name alone; without a ``name`` it changes the agent's own.
    num_trajectories, seed
        See `make_environment`.
    without : sequence of str
        Options that are left at their defaults, whatever either says.
    """
    own = dict(getattr(agent, "environment", {}))
    changes = environment_options(environment)
    chosen = changes if "name" in changes else {**own, **changes}
    if "name" not in chosen:
        raise ValueError("this agent does not say where it was trained: pass environment={'name': 'coinrun', ...}")
    options = {name: value for name, value in chosen.items() if name not in ("name", *without)}
    return make_environment(chosen["name"], num_trajectories=num_trajectories, seed=seed, **options)


def _edits_of(agent: Act) -> str:
    """Return the JSON of the edits that were made in an agent's network."""
    edits = getattr(agent, "edits", ())
    if not edits:
        return "[]"
    from rlvision_widgets.agents.edits import network_edits_to_json

    return network_edits_to_json(edits)


def _package_version() -> str:
    try:
        return version("rlvision-widgets")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"
