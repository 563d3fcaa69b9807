"""Runs an agent in a batch of worlds and keeps what is needed to look at it, and to be there again.

Actions are sampled with Gumbel noise from one stream a trajectory: action = argmax(logits + noise) is a sample of the
policy, and what trajectory i does depends neither on how many others there are nor on torch's random numbers.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.moments import advantages
from rlvision_widgets.analysis.progress import track
from rlvision_widgets.environments import make_environment
from rlvision_widgets.environments.environment import Environment, Observed
from rlvision_widgets.names import strict_keywords
from rlvision_widgets.schema import CHUNK, SCHEMA_VERSION

__all__ = ["Act", "Player", "collect_observations", "collect_rollout", "describe", "ended", "make_world", "streams"]

# An agent, or any function that does the same: uint8 observations (batch, height, width, rgb) in, policy logits
# (batch, logit) and value (batch,) or None out.
Act = Callable[..., tuple[Any, ...]]
TRAJECTORY_STEP = ("trajectory", "step")


class Played(NamedTuple):
    """What an agent made of a batch of observations."""

    policy_logits: npt.NDArray[np.float32]
    value: npt.NDArray[np.float32] | None
    action: npt.NDArray[np.int32]


class Player:
    """An agent at play: samples its actions, and carries its recurrent state where it has one.

    Parameters
    ----------
    agent : callable
        See `collect_rollout`.
    action_names : sequence of str
        The world's actions. An agent with fewer uses their first ones.
    """

    def __init__(self, agent: Act, action_names: Sequence[str]) -> None:
        self._agent = agent
        self._world = action_names
        self._names: Sequence[str] | None = getattr(agent, "action_names", None)
        self._recurrent = bool(getattr(agent, "recurrent", False))
        self._state: Any = None

    def look(self, observed: Observed) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
        """Return policy logits and value."""
        if self._recurrent:
            logits, value, self._state = self._agent(observed.observation, self._state, observed.first)
        else:
            logits, value = self._agent(observed.observation)
        return np.asarray(logits, np.float32), None if value is None else np.asarray(value, np.float32)

    def play(self, observed: Observed, streams: Sequence[np.random.Generator]) -> Played:
        """Return policy logits, value, and an action for each trajectory, sampled with noise of its own stream."""
        logits, value = self.look(observed)
        num_actions = self._num_actions(logits)
        noise = np.stack([stream.gumbel(size=num_actions) for stream in streams])
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


@strict_keywords
def collect_rollout(
    agent: Act,
    environment: Environment,
    *,
    num_steps: int = 512,
    seed: int = 0,
    keyframe_every: int = CHUNK,
    gamma: float = 0.999,
    gae_lambda: float = 0.95,
    progress: bool = True,
) -> xr.Dataset:
    """Let an agent act, and record it.

    Parameters
    ----------
    agent : Agent or callable
        uint8 observations (batch, height, width, rgb) → policy logits (batch, logit), value (batch,) or None. Logits
        beyond the agent's `action_names`, if it has these, are no actions.
    environment : Environment
        From `make_environment`; recording starts at what it shows, and leaves it after the last step.
    num_steps : int
        Steps of each trajectory, through as many episodes as fit.
    seed : int
        Of the sampled actions. The environment's own seed chooses the levels.
    keyframe_every : int
        Steps between two saved emulator states, where the environment has states.
    gamma, gae_lambda : float
        Of the advantages (see `advantages`).
    progress : bool
        Show a progress bar.

    Returns
    -------
    Dataset
        As `rlvision_widgets.schema.ROLLOUT`; value, final_value and advantage only if the agent has a value. Any frame
        can be entered again: put its trajectory into the state of the keyframe before it, and repeat the actions.

    Notes
    -----
    An interrupt (Ctrl-C) ends it without a result; agent and environment can be used on.
    """
    if num_steps < 1 or keyframe_every < 1:
        raise ValueError(f"num_steps and keyframe_every must be at least 1, and {num_steps}, {keyframe_every} came")
    player, noise = Player(agent, environment.action_names), streams(seed, range(environment.num_trajectories))
    tape = _Tape(environment.num_trajectories, num_steps)
    observed = environment.observe()
    for step in track(range(num_steps), "rollout", "step", progress):
        if environment.has_states and step % keyframe_every == 0:
            tape.keep_states(step, environment)
        played = player.play(observed, noise)
        after = environment.step(played.action)
        tape.write(step, observed, played, after)
        observed = after
    rollout = xr.Dataset(
        tape.variables,
        coords=tape.coordinates(),
        attrs={
            **describe(agent, environment),
            "schema_version": SCHEMA_VERSION,
            "environment_seed": environment.seed,
            "seed": seed,
            "gamma": gamma,
            "gae_lambda": gae_lambda,
            "action_names": list(getattr(agent, "action_names", environment.action_names)),
            "value_scale": _number(getattr(agent, "value_scale", None)),
        },
    )
    rollout["final_first"] = "trajectory", ended(tape.last, observed)
    if "value" in rollout:
        rollout["final_value"] = "trajectory", player.look(observed)[1]
        after_end = np.where(rollout["final_first"], 0, rollout["final_value"])
        numbers = advantages(rollout["value"], rollout["reward"], rollout["first"], gamma, gae_lambda, after_end)
        rollout["advantage"] = TRAJECTORY_STEP, numbers
    return rollout


@strict_keywords
def collect_observations(
    agent: Act,
    environment: Environment,
    *,
    num_samples: int = 8,
    every: int = 16,
    seed: int = 0,
    progress: bool = True,
) -> xr.DataArray:
    """Collect frames from many different moments: what features are fitted on and examples are taken from.

    Parameters
    ----------
    agent, environment, seed, progress
        As in `collect_rollout`. Many trajectories make frames more diverse than many samples do.
    num_samples : int
        Frames from each trajectory.
    every : int
        Steps between two frames of a trajectory. Trajectories take turns, so that no moment is sampled by all.

    Returns
    -------
    DataArray, (sample, height, width, rgb)
        uint8; num_trajectories * num_samples frames. (Hilton et al. 2020: 32 trajectories, 128 samples, every 128.)
    """
    if num_samples < 1 or every < 1:
        raise ValueError(f"num_samples and every must be at least 1, and {num_samples}, {every} came")
    number = environment.num_trajectories
    player, noise = Player(agent, environment.action_names), streams(seed, range(number))
    samples = []
    observed = environment.observe()
    for step in track(range(1, num_samples * every + 1), "observations", "step", progress):
        observed = environment.step(player.play(observed, noise).action)
        samples.append(observed.observation[(step + np.arange(number)) % every == 0])
    return xr.DataArray(np.concatenate(samples), dims=("sample", "height", "width", "rgb"), name="observation")


class _Tape:
    """What has been recorded so far."""

    def __init__(self, num_trajectories: int, num_steps: int) -> None:
        self.shape = num_trajectories, num_steps
        self.variables: dict[str, tuple[tuple[str, ...], npt.NDArray[Any]]] = {}
        self._states: list[list[bytes]] = []
        self._keyframe_step: list[int] = []
        self.last: Observed

    def keep_states(self, step: int, environment: Environment) -> None:
        self._keyframe_step.append(step)
        self._states.append([environment.get_state(index) for index in range(environment.num_trajectories)])

    def write(self, step: int, observed: Observed, played: Played, after: Observed) -> None:
        self.last = observed
        over = ended(observed, after)
        self._put(step, "observation", observed.observation, "height", "width", "rgb")
        self._put(step, "action", played.action)
        self._put(step, "reward", after.reward)
        self._put(step, "first", observed.first)
        self._put(step, "completed", over & after.previous_level_complete)
        self._put(step, "level_seed", observed.level_seed)
        self._put(step, "policy_logits", played.policy_logits, "logit")
        if played.value is not None:
            self._put(step, "value", played.value)

    def _put(self, step: int, name: str, numbers: npt.NDArray[Any], *dims: str) -> None:
        if name not in self.variables:
            array = np.empty((*self.shape, *numbers.shape[1:]), numbers.dtype)
            self.variables[name] = (*TRAJECTORY_STEP, *dims), array
        self.variables[name][1][:, step] = numbers

    def coordinates(self) -> dict[str, Any]:
        """Take level seeds out of the variables, add episodes, and add the states that were kept."""
        opens = self.variables["first"][1].copy()
        opens[:, 0] = True
        episode = opens.cumsum(axis=1, dtype=np.int32) - np.int32(1)
        if self._states:
            self.variables.update(_packed_states(self._states, self._keyframe_step))
        return {"episode": (TRAJECTORY_STEP, episode), "level_seed": self.variables.pop("level_seed")}


def _packed_states(states: list[list[bytes]], keyframe_step: list[int]) -> dict[str, Any]:
    """Put states of different sizes into one array; a state may end in zeros, so its size is kept too."""
    size = np.array([[len(state) for state in keyframe] for keyframe in states], np.int32).T
    packed = np.zeros((*size.shape, size.max()), np.uint8)
    for keyframe, row in enumerate(states):
        for trajectory, state in enumerate(row):
            packed[trajectory, keyframe, : len(state)] = np.frombuffer(state, np.uint8)
    return {
        "env_state": (("trajectory", "keyframe", "byte"), packed),
        "env_state_size": (("trajectory", "keyframe"), size),
        "keyframe_step": (("keyframe",), np.array(keyframe_step, np.int32)),
    }


def describe(agent: Act, environment: Environment) -> dict[str, Any]:
    """Return who played where, for the attrs of a result."""
    return {
        "package_version": _package_version(),
        "environment": environment.name,
        "environment_options": json.dumps(environment.options, sort_keys=True),
        "environment_package": environment.package,
        "agent": str(getattr(agent, "name", getattr(agent, "__name__", type(agent).__name__))),
        "checkpoint": str(getattr(agent, "checkpoint", "")),
        "edits": "[]",
    }


def make_world(
    agent: Act,
    environment: Mapping[str, Any] | None = None,
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
    environment : mapping, optional
        Used instead; without a ``name`` it changes the agent's own.
    num_trajectories, seed
        See `make_environment`.
    without : sequence of str
        Options that are left at their defaults, whatever either says.
    """
    own = dict(getattr(agent, "environment", {}))
    changes = dict(environment or {})
    chosen = changes if "name" in changes else {**own, **changes}
    if "name" not in chosen:
        raise ValueError("this agent does not say where it was trained: pass environment={'name': 'coinrun', ...}")
    options = {name: value for name, value in chosen.items() if name not in ("name", *without)}
    return make_environment(chosen["name"], num_trajectories=num_trajectories, seed=seed, **options)


def _number(number: float | None) -> float:
    return math.nan if number is None else float(number)


def _package_version() -> str:
    try:
        return version("rlvision-widgets")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+unknown"
