"""A race: the original agent and the edited one play on from the same state with the same luck.

Action number k after the frame is chosen with the same noise by either, so that what parts them is the edit. By default
that noise is the rollout's own, and the original repeats what was recorded.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.counterfactual import Imagined
from rlvision_widgets.analysis.playing_on import run
from rlvision_widgets.analysis.task import Task
from rlvision_widgets.schema import RACE

__all__ = ["Course", "Runs", "race"]

REMEMBERED = 8  # runs; one of 100 steps has 1.2 MB
RENAMED = {"branch_step": "race_step", "branch_logit": "logit"}

Run = tuple[xr.Dataset, dict[str, Any]]


class Course(NamedTuple):
    """Where a race starts, how many steps it has at most, and the seed of its luck; `RECORDED`: the rollout's."""

    trajectory: int
    step: int
    num_steps: int
    seed: int


class Runs:
    """How agents played on from steps; the last ones are remembered, so that a race needs the original once."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[Any, ...], Run] = OrderedDict()

    def of(self, tasks: Sequence[Task], course: Course) -> list[Run]:
        """Return how the agent of each task plays on, see `playing_on.run`; side by side where torch has threads."""
        keys = [(task.agent.checkpoint, *course) for task in tasks]
        missing = {key: task for key, task in zip(keys, tasks, strict=True) if key not in self._known}
        runs = tasks[0].agent.over_batches(lambda task: _run(task, course), missing.values())
        found = dict(zip(missing, runs, strict=True))
        found = {key: found.get(key) or self._known[key] for key in keys}
        for key, one in found.items():
            self._known[key] = one
            self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return [found[key] for key in keys]


def race(task: Task, runs: Runs, edited: Agent, course: Course) -> Imagined:
    """Let the original agent and an edited one play on from a recorded step, each in a world of its own.

    Parameters
    ----------
    task : Task
        Of the original agent.
    runs : Runs
    edited : Agent
    course : Course
        A world stops at the end of its episode.

    Returns
    -------
    Imagined
        data: as `schema.RACE`. told: of each version length, cause, completed and total_reward, as `playing_on.run`;
        diverged, the first race_step whose actions differ, and apart, the first frame that does (-1: none does).

    Raises
    ------
    Cancelled
    ImportError, ValueError
        Where the study's world cannot be entered.
    """
    quiet = dataclasses.replace(task, report=_silent)
    told = dataclasses.replace(task, agent=edited, report=lambda _, done, total: task.report("race", done, total))
    sides = runs.of((quiet, told), course)
    both = [data[list(RACE.variables)].rename(RENAMED) for data, _ in sides]
    data = xr.concat(both, "version")
    action, frames = data["action"].values, data["observation"].values
    rows = {
        **{name: [one[name] for _, one in sides] for name in sides[0][1]},
        "diverged": _first(action[0] != action[1]),
        "apart": _first((frames[0] != frames[1]).any(axis=(1, 2, 3))),
        "num_steps": course.num_steps,
        "seed": course.seed,
    }
    return Imagined(data, rows)


def _run(task: Task, course: Course) -> Run:
    return run(task, (course.trajectory, course.step), course.num_steps, course.seed)


def _first(differs: npt.NDArray[np.bool_]) -> int:
    """Return the first place that differs, -1 without one."""
    return int(differs.argmax()) if differs.any() else -1


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Report nothing: both run at once, and one of them tells."""
