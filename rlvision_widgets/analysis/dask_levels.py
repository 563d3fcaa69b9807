"""Levels that are played by the workers of a `dask.distributed` client, some at a time."""

import math
import pickle
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rlvision_widgets.analysis.conditions import Condition
from rlvision_widgets.analysis.levels import Part, play_crews
from rlvision_widgets.analysis.stage import Stage

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["play_on"]

FEWEST, MOST = 8, 128  # levels a task: what a dying worker loses, and what its worlds idle for at the end
SHARE = 4  # tasks a thread, so that all are done at about the same time


def play_on(
    client: "Client", stage: Stage, condition: Condition, levels: Sequence[int], options: Mapping[str, Any]
) -> Iterator[Part]:
    """Play a condition's levels on a cluster; yield each task's when it is done.

    A task whose worker dies is given to another one, by dask, which gives up when three have died over the same one.
    What has not begun when this is closed is cancelled.
    """
    import cloudpickle
    from distributed import as_completed

    given, num_trajectories = stage.recipe
    # a task, and not scattered: it is repeated when the worker that has its result dies
    condition_there = client.submit(pickle.loads, cloudpickle.dumps(condition), pure=False)
    size = min(MOST, max(FEWEST, math.ceil(len(levels) / SHARE / max(1, sum(client.nthreads().values())))))
    tasks = [
        client.submit(
            _part, condition_there, given, num_trajectories, levels[start : start + size], options, pure=False
        )
        for start in range(0, len(levels), size)
    ]
    try:
        for task in as_completed(tasks):
            yield task.result()
            task.release()
    finally:
        client.cancel([*tasks, condition_there])


def _part(
    condition: Condition,
    given: Mapping[str, Any] | None,
    num_trajectories: int,
    levels: Sequence[int],
    options: Mapping[str, Any],
) -> Part:
    """Play some levels; this runs on a worker."""
    stage = Stage(condition.act, given, num_trajectories)
    with stage.crews(condition, levels, **options) as crews:
        parts = list(play_crews(crews))
    return Part([outcome for part in parts for outcome in part.outcomes], parts[-1].seconds)
