"""How the episodes of a study ended: causes, proven by replay, and the last frames, which the rollout never shows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from rlvision_widgets.analysis.progress import Report, bars, passed_on
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.changes import announce
from rlvision_widgets.environments.endings import Ending, explain_end
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.names import strict_keywords
from rlvision_widgets.schema import ENDING, check

__all__ = ["add_endings", "endings", "explain"]

COLUMNS = {"in_trajectory": "trajectory", "at_step": "step", "in_episode": "episode"}


@strict_keywords
def endings(study: xr.DataTree, *, progress: bool = True) -> pd.DataFrame:
    """List how the episodes of a study ended.

    Parameters
    ----------
    study : DataTree
        Of a Procgen game. What `add_endings` stored is read; without that it is found now, and not kept.
    progress : bool
        Show a progress bar.

    Returns
    -------
    DataFrame
        A row per episode that ended: trajectory, step (whose action ended it), episode, level_seed, reward (raw, of
        that action), completed, cause, num_causes, objects ("entity 5; cell 12,3" in the state of that step), and
        sufficient and necessary, which say that replay has proven the causes (not of a "rule" that cannot be put off).

    Raises
    ------
    ImportError, ValueError
        As `add_endings`, where nothing is stored.
    """
    if "endings" in study.children:
        node = study.children["endings"].to_dataset(inherit=False)
    else:
        with bars(progress) as report:
            node = explain(study, report)
    names = ["in_trajectory", "at_step", "in_episode", "cause", "num_causes", "objects", "sufficient", "necessary"]
    table = pd.DataFrame({COLUMNS.get(name, name): node[name].values for name in names})
    rollout, where = study.to_dataset(), (table["trajectory"].to_numpy(), table["step"].to_numpy())
    for place, name in enumerate(("level_seed", "reward", "completed")):
        table.insert(3 + place, name, rollout[name].values[where])
    return table


@strict_keywords
def add_endings(study: xr.DataTree, *, progress: bool = True) -> xr.DataTree:
    """Find out how the episodes of a study ended, and keep it there: causes and last frames.

    Views then name the causes. What is there already is replaced.

    Parameters
    ----------
    study : DataTree
        Of a Procgen game with states. The node ``/endings`` is added to it, in memory.
    progress : bool
        Show a progress bar.

    Returns
    -------
    DataTree
        The node, which follows `rlvision_widgets.schema.ENDING`.

    Raises
    ------
    ImportError
        When Procgen is not installed.
    ValueError
        When the study's world is not Procgen's or has no states, or its frames cannot be entered again.

    Notes
    -----
    An interrupt (Ctrl-C) leaves the study as it was.
    """
    with bars(progress) as report:
        found = explain(study, report)
    study["endings"] = xr.DataTree(found)
    announce(study)
    return study.children["endings"]


def explain(
    study: xr.DataTree, report: Report | None = None, cancelled: Callable[[], bool] | None = None
) -> xr.Dataset:
    """Return what `add_endings` adds; one who passes `cancelled` may get Cancelled."""
    if study.attrs["environment"] not in GAMES:
        raise ValueError(
            f"this study was played in {study.attrs['environment']!r}, and how episodes end is known of Procgen's "
            "games alone."
        )
    world, rollout = world_of(study), study.to_dataset()
    places, actions = _places(rollout), rollout["action"].values
    found = []
    with world.environment() as spare:
        for trajectory, step in passed_on(places, "endings", len(places), report, cancelled):
            state = world.state(int(trajectory), int(step))
            found.append(explain_end(spare, state, int(actions[trajectory, step])))
    data = _dataset(rollout, places, found)
    check(data, ENDING)
    return data


def _places(rollout: xr.Dataset) -> npt.NDArray[np.int64]:
    """Return trajectory and step of every action that ended an episode, or with sequential levels a level."""
    first, completed = rollout["first"].values, rollout["completed"].values
    ends = completed.copy()
    ends[:, :-1] |= first[:, 1:]
    if "final_first" in rollout:
        ends[:, -1] |= rollout["final_first"].values
    return np.argwhere(ends)


def _dataset(rollout: xr.Dataset, places: npt.NDArray[np.int64], found: list[Ending]) -> xr.Dataset:
    sizes = [rollout.sizes[name] for name in ("height", "width", "rgb")]
    frames = np.zeros((len(found), *sizes), np.uint8)
    for frame, ending in zip(frames, found, strict=True):
        if ending.observation is not None:
            frame[:] = ending.observation
    trajectory, step = places.T
    # what zarr stores without a warning: an empty array of objects does not say that it is text
    text: Any = "object" if found else np.dtypes.StringDType() if hasattr(np.dtypes, "StringDType") else "U1"
    columns = {
        "in_trajectory": trajectory.astype(np.int32),
        "at_step": step.astype(np.int32),
        "in_episode": rollout["episode"].values[trajectory, step].astype(np.int32),
        "cause": np.array([ending.cause for ending in found], dtype=text),
        "num_causes": np.array([len(ending.causes) for ending in found], np.int32),
        "objects": np.array(["; ".join(ending.objects) for ending in found], dtype=text),
        "sufficient": np.array([bool(ending.sufficient) for ending in found], bool),
        "necessary": np.array([bool(ending.necessary) for ending in found], bool),
        "has_frame": np.array([ending.observation is not None for ending in found], bool),
    }
    variables: dict[str, Any] = {name: ("ending", column) for name, column in columns.items()}
    return xr.Dataset({**variables, "frame": (("ending", "height", "width", "rgb"), frames)})
