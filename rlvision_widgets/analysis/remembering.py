"""What a recurrent agent carried when it saw a frame: its episode is shown to it once more, from the first frame on.

The memory is that of the agent that is asked, whoever played: an edited one remembers what it would have made of the
same frames. In all that is attributed or looked up afterwards a frame's memory is held constant.
"""

import threading
import weakref
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.memory import Remembered
from rlvision_widgets.analysis.frames import MEMORY, Frames, Seen, as_dataset, coordinates, joined, leading, read
from rlvision_widgets.names import strict_keywords

__all__ = ["frames_of_trajectory", "memory_before", "remember", "sampled_frames", "seen_at"]

KEPT = 8  # trajectories of an agent whose memory is kept


@strict_keywords
def remember(agent: Agent, observations: xr.DataTree | Frames, *, alone: bool = False) -> xr.Dataset:
    """Return frames with what a recurrent agent carries when it sees each of them.

    Parameters
    ----------
    agent : Agent
        One without a memory gets the frames alone.
    observations : DataTree, Dataset, DataArray or array
        A study or a rollout: observation (trajectory, step, height, width, rgb) and first (trajectory, step). With
        `alone` any frames, (..., height, width, rgb).
    alone : bool
        Take each frame for an episode's first.

    Returns
    -------
    Dataset
        observation, as it was; memory_first (...) : bool, the frame opens an episode; memory_0, memory_1, … (...) : the
        tensors of the state before the frame. Whatever takes observations takes it, or a selection of it, in order that
        each frame is looked at with its memory: ``frames.isel(trajectory=0, step=slice(100, 110))``.

    Raises
    ------
    ValueError
        When nothing tells where episodes begin.
    """
    if isinstance(observations, xr.DataTree):
        observations = observations.to_dataset(inherit=False)
    if isinstance(observations, xr.Dataset) and f"{MEMORY}first" in observations and not alone:
        return observations
    if agent.recurrent and not alone:
        return _in_order(agent, observations)
    dims, shape = leading(observations)
    coords, frames = coordinates(observations, dims), np.asarray(read(observations))
    if not agent.recurrent:
        return xr.Dataset({"observation": ((*dims, "height", "width", "rgb"), frames)}, coords)
    flat = frames.reshape(-1, *frames.shape[-3:])
    return as_dataset(_shaped(memory_before(agent, flat), shape), dims, coords)


def frames_of_trajectory(agent: Agent, study: xr.DataTree, trajectory: int) -> xr.DataArray | xr.Dataset:
    """Return a trajectory's frames along step, as `agent` sees them; what it remembers of the last few is kept."""
    if not agent.recurrent:
        return study.dataset["observation"][trajectory]
    with _lock:
        films = _films.setdefault(agent, OrderedDict())
        key = id(study), int(trajectory)
        if key not in films or films[key][0]() is not study:
            rollout = study.dataset[["observation", "first"]].isel(trajectory=[trajectory])
            films[key] = weakref.ref(study), remember(agent, rollout).isel(trajectory=0)
            if len(films) > KEPT:
                films.popitem(last=False)
        films.move_to_end(key)
        return films[key][1]


def seen_at(agent: Agent, study: xr.DataTree, frames: npt.NDArray[np.integer[Any]]) -> Seen:
    """Return frames of a rollout by their numbers, trajectory * num_steps + step, ascending; as `agent` sees them."""
    trajectory, step = np.divmod(frames, study.sizes["step"])
    parts = [
        read(frames_of_trajectory(agent, study, one).isel(step=step[trajectory == one]))
        for one in np.unique(trajectory).tolist()
    ]
    return joined(parts)


def sampled_frames(agent: Agent, study: xr.DataTree) -> xr.DataArray | xr.Dataset:
    """Return the diverse frames of a study, along sample, as the agent that collected them saw them.

    A study that was built without their memory has each taken for an episode's first.
    """
    node = study.children["observations"].to_dataset(inherit=False)
    if not agent.recurrent:
        return node["observation"]
    return node if f"{MEMORY}first" in node else remember(agent, node["observation"], alone=True)


def memory_before(
    agent: Agent, frames: npt.NDArray[np.uint8], state: Any = None, first: npt.NDArray[np.bool_] | None = None
) -> Remembered:
    """Return frames, (frame, height, width, rgb), with the state before them; without it each opens an episode."""
    opens = np.ones(len(frames), bool) if state is None or first is None else first.copy()
    state = agent.initial_state(len(frames)) if state is None else state
    rows = tuple(row.cpu().numpy().copy() for row in agent.state_layout.rows(state))
    return Remembered(frames, opens, rows)


_films: weakref.WeakKeyDictionary[Agent, OrderedDict[tuple[int, int], tuple[Any, xr.Dataset]]] = (
    weakref.WeakKeyDictionary()
)
_lock = threading.Lock()


def _in_order(agent: Agent, rollout: Frames) -> xr.Dataset:
    """Show a rollout's frames to the agent in their order."""
    if not isinstance(rollout, xr.Dataset) or "first" not in rollout or "step" not in leading(rollout)[0]:
        raise ValueError(
            f"agent {agent.name!r} is recurrent, and nothing tells where the episodes of these frames begin: pass a "
            "study or a rollout, with observation and first along step, or alone=True."
        )
    rollout = rollout.transpose(..., "step", "height", "width", "rgb")
    first = rollout["first"].transpose(..., "step")
    dims = tuple(map(str, first.dims))
    frames = rollout["observation"].values
    seen = _replayed(agent, frames.reshape(-1, *frames.shape[-4:]), first.values.reshape(-1, first.shape[-1]))
    return as_dataset(_shaped(seen, first.shape), dims, coordinates(rollout, dims))


def _replayed(agent: Agent, frames: npt.NDArray[np.uint8], first: npt.NDArray[np.bool_]) -> Remembered:
    """Show episodes to the agent once more, (trajectory, step, height, width, rgb)."""
    state, parts = None, []
    for step in range(frames.shape[1]):
        parts.append(memory_before(agent, frames[:, step], state, first[:, step]))
        _, _, state = agent(parts[-1])
    rows = zip(*(part.rows for part in parts), strict=True)
    opens = np.stack([part.first for part in parts], 1)
    return Remembered(frames, opens, tuple(np.stack(row, 1) for row in rows))


def _shaped(seen: Remembered, shape: tuple[int, ...]) -> Remembered:
    """Return frames whose leading dims are one or two with the leading shape that they came in."""
    lead = seen.first.ndim

    def back(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return array.reshape(*shape, *array.shape[lead:])

    return Remembered(back(seen.frames), back(seen.first), tuple(map(back, seen.rows)))
