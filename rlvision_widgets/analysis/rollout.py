"""Records an agent at play: what is needed to look at it, and to be there again."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.memory import Remembered
from rlvision_widgets.analysis.frames import Seen, as_dataset, joined
from rlvision_widgets.analysis.moments import advantages
from rlvision_widgets.analysis.playing import Act, Played, Player, describe, ended, streams
from rlvision_widgets.analysis.progress import track
from rlvision_widgets.analysis.remembering import memory_before
from rlvision_widgets.environments.environment import Environment, Observed
from rlvision_widgets.names import strict_keywords
from rlvision_widgets.schema import CHUNK, SCHEMA_VERSION

__all__ = ["collect_observations", "collect_rollout"]

TRAJECTORY_STEP = ("trajectory", "step")


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
) -> xr.DataArray | xr.Dataset:
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
        Of a recurrent agent a Dataset, with what it carried when it saw each frame: see `remember`.
    """
    if num_samples < 1 or every < 1:
        raise ValueError(f"num_samples and every must be at least 1, and {num_samples}, {every} came")
    number = environment.num_trajectories
    player, noise = Player(agent, environment.action_names), streams(seed, range(number))
    samples: list[Seen] = []
    observed = environment.observe()
    for step in track(range(1, num_samples * every + 1), "observations", "step", progress):
        observed = environment.step(player.play(observed, noise).action)
        seen: Seen = observed.observation
        if isinstance(agent, Agent) and agent.recurrent:
            seen = memory_before(agent, observed.observation, player.state, observed.first)
        samples.append(seen[(step + np.arange(number)) % every == 0])
    found = joined(samples)
    if isinstance(found, Remembered):
        return as_dataset(found, ("sample",))
    return xr.DataArray(found, dims=("sample", "height", "width", "rgb"), name="observation")


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


def _number(number: float | None) -> float:
    return math.nan if number is None else float(number)
