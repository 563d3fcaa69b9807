"""Two worlds side by side: the agent plays on from a situation, and from what it would have been without its edits.

Both meet the same luck: action number k after the frame is chosen with the same noise in either world, so that what
parts them is the edits. By default that noise is the rollout's own, and the unedited world repeats what was recorded.
"""

from typing import Any

import numpy as np
import xarray as xr

from rlvision_widgets.analysis.counterfactual import Imagined
from rlvision_widgets.analysis.frames import Seen
from rlvision_widgets.analysis.growing import Fork, grow
from rlvision_widgets.analysis.lab import Lab, Moment
from rlvision_widgets.analysis.recollection import seen_then
from rlvision_widgets.analysis.situation import Situation
from rlvision_widgets.analysis.task import Task

__all__ = ["RECORDED", "play_on", "run", "survive"]

RECORDED = -1  # the seed that stands for the rollout's own noise
RUN = ("observation", "value", "reward", "action", "policy_logits")  # that `play_on` returns
CURVES = {"survival": "survival", "low": "survival_low", "high": "survival_high"}


def play_on(task: Task, lab: Lab, situation: Situation, num_steps: int, seed: int = RECORDED) -> Imagined:
    """Let the agent play on, once in each world.

    Parameters
    ----------
    task : Task
    lab : Lab
        Of the task's study.
    situation : Situation
    num_steps : int
        At most; a world stops at the end of its episode.
    seed : int
        Of the noise that actions are sampled with; `RECORDED`: that of the rollout.

    Returns
    -------
    Imagined
        data: observation (version, played, height, width, rgb), num_steps + 1 frames, the first being the situation's;
        value, reward and action (version, branch_step), policy_logits (version, branch_step, branch_logit): NaN, 0, -1
        and NaN after the end, whose frame is repeated.
        told, a list of one a version each: length (steps played), cause (None while it goes on), completed (likewise),
        total_reward.

    Raises
    ------
    Cancelled
    ValueError
        As `Lab.reach`.
    """
    sides = lab.reach_unedited(situation), lab.reach(situation)
    runs = [_run(task, lab, side, num_steps, seed) for side in zip(_versions(situation), sides, strict=True)]
    names = RUN
    stacked = {
        name: (("version", *runs[0][0][name].dims), np.stack([run[name].values for run, _ in runs])) for name in names
    }
    return Imagined(xr.Dataset(stacked), {name: [told[name] for _, told in runs] for name in runs[0][1]})


def survive(
    task: Task, lab: Lab, situation: Situation, *, num_branches: int, num_steps: int, seed: int = 0
) -> Imagined:
    """Let the agent play on many times in each world, branch k of both with the same noise, and count who survives.

    Parameters
    ----------
    task, lab, situation
        As in `play_on`.
    num_branches, num_steps, seed : int
        As in `branches.branch`.

    Returns
    -------
    Imagined
        data: survival, low and high (version, branch_step), from 0 to num_steps: the share of branches that have not
        failed, and Wilson's 95 % interval. told: num_branches; causes, a dict of how many each ended, of each version;
        mean_return (of each version).
    """
    sides = lab.reach_unedited(situation), lab.reach(situation)
    fork = Fork(situation.trajectory, situation.step, num_branches, num_steps, seed=max(seed, 0))
    found = [_grown(task, lab, fork, side) for side in zip(_versions(situation), sides, strict=True)]
    curves = {
        name: (("version", "branch_step"), np.stack([one[own].values for one in found]).astype(np.float32))
        for name, own in CURVES.items()
    }
    causes = [[cause for cause in one["cause"].values.tolist() if cause] for one in found]
    told = {
        "num_branches": num_branches,
        "causes": [{cause: own.count(cause) for cause in sorted(set(own))} for own in causes],
        "mean_return": [float(one["reward"].sum("branch_step").mean()) for one in found],
    }
    return Imagined(xr.Dataset(curves), told)


def _versions(situation: Situation) -> tuple[Situation, Situation]:
    return situation.unedited, situation


def _run(
    task: Task, lab: Lab, side: tuple[Situation, Moment], num_steps: int, seed: int
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Play on from one moment; nothing is played where the episode has ended."""
    situation, moment = side
    if moment.ended is not None:
        return _over(moment, num_steps, task.study.sizes["logit"])
    place = situation.trajectory, situation.step
    memory = seen_then(task.agent, task.study, lab, situation, moment)
    return run(task, place, num_steps, seed, start=moment.state, presses=moment.presses, memory=memory)


def run(
    task: Task,
    place: tuple[int, int],
    num_steps: int,
    seed: int = RECORDED,
    *,
    start: bytes | None = None,
    presses: int = 0,
    memory: Seen | None = None,
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Let the agent play on from a recorded step, once.

    Parameters
    ----------
    task : Task
        Whose agent plays; it may be an edited one.
    place : (int, int)
        Trajectory and step.
    num_steps, seed
        As in `play_on`.
    start, presses, memory
        As in `growing.grow`.

    Returns
    -------
    Dataset
        observation (played, height, width, rgb), num_steps + 1 frames; value, reward, action (branch_step) and
        policy_logits (branch_step, branch_logit): NaN, 0, -1 and NaN after the end, whose frame is repeated.
    dict
        length (steps played), cause and completed (None while it goes on), total_reward.
    """
    # one step more than is told, for the frame after the last one
    fork = Fork(*place, 1, num_steps + 1, seed=max(seed, 0), keep_noise=seed == RECORDED)
    grown = grow(task.agent, task.study, fork, task.report, task.cancelled, start=start, presses=presses, memory=memory)
    one = grown.isel(branch=0)
    length = min(int(one["num_taken"]), num_steps)
    is_over = bool(one["ended"].values[:num_steps].any())
    numbers = one.isel(branch_step=slice(num_steps))
    value = numbers["value"].values if "value" in one else np.full(num_steps, np.nan, np.float32)
    reward = np.nan_to_num(numbers["reward"].values)
    data = xr.Dataset(
        {
            "observation": (("played", "height", "width", "rgb"), one["observation"].values),
            "value": ("branch_step", value),
            "reward": ("branch_step", reward),
            "action": ("branch_step", numbers["action"].values),
            "policy_logits": (("branch_step", "branch_logit"), numbers["policy_logits"].values),
        }
    )
    told = {
        "length": length,
        "cause": str(one["cause"].values) if is_over else None,
        "completed": bool(numbers["completed"].any()) if is_over else None,
        "total_reward": float(reward.sum()),
    }
    return data, told


def _over(moment: Moment, num_steps: int, num_logits: int) -> tuple[xr.Dataset, dict[str, Any]]:
    assert moment.ended is not None
    nothing = np.zeros(num_steps, np.float32)
    frames = np.broadcast_to(moment.observation, (num_steps + 1, *moment.observation.shape))
    data = xr.Dataset(
        {
            "observation": (("played", "height", "width", "rgb"), frames),
            "value": ("branch_step", nothing + np.float32(np.nan)),
            "reward": ("branch_step", nothing),
            "action": ("branch_step", np.full(num_steps, -1, np.int32)),
            "policy_logits": (("branch_step", "branch_logit"), np.full((num_steps, num_logits), np.nan, np.float32)),
        }
    )
    told = {"length": 0, "cause": moment.ended.cause, "completed": moment.ended.completed, "total_reward": 0.0}
    return data, told


def _grown(task: Task, lab: Lab, fork: Fork, side: tuple[Situation, Moment]) -> xr.Dataset:
    situation, moment = side
    if moment.ended is not None:
        return _nothing_grown(fork, moment.ended.completed, moment.ended.cause)
    there: dict[str, Any] = {"start": moment.state, "presses": moment.presses}
    memory = seen_then(task.agent, task.study, lab, situation, moment)
    return grow(task.agent, task.study, fork, task.report, task.cancelled, **there, memory=memory)


def _nothing_grown(fork: Fork, completed: bool, cause: str) -> xr.Dataset:
    """Return the branches of an episode that has ended already: all or none survive."""
    survived = np.full(fork.num_steps + 1, float(completed), np.float32)
    return xr.Dataset(
        {
            **{name: ("branch_time", survived) for name in CURVES.values()},
            "cause": ("branch", np.array([cause] * fork.num_branches, object)),
            "reward": (("branch", "branch_step"), np.zeros((fork.num_branches, fork.num_steps), np.float32)),
        }
    )
