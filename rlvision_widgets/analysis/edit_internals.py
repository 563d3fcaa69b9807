"""What an edit of the network does to what the agent makes of a frame: where an object is in sight, and where not.

An edit that blinds an agent to one thing changes its policy and its value where that thing is, and little elsewhere.
How much more is its specificity. Frames of one episode are alike, so intervals are of whole episodes drawn again
(cluster bootstrap).

References
----------
Efron and Tibshirani, "An Introduction to the Bootstrap", 1993: percentile intervals.
"""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import log_softmax

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.editing import edited_agent
from rlvision_widgets.analysis.cells import ObjectCells, at_frames
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.names import strict_keywords

__all__ = ["PRESENCE", "edit_internals", "episodes_of", "evenly", "made_agent"]

PRESENCE = ("with", "without")
CONFIDENCE = 0.95

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


@strict_keywords
def edit_internals(
    agent: Agent,
    edits: Any,
    study: xr.DataTree,
    target: str = "saw",
    *,
    num_frames: int = 1024,
    least_pixels: int = 4,
    num_resamples: int = 2000,
    seed: int = 0,
) -> xr.Dataset:
    """Compare an agent's policy and value before and after an edit, on frames with and without an object.

    Parameters
    ----------
    agent : Agent
        The original.
    edits : Agent, or network edits
        The edited agent; or the edits, as `edited_agent` takes them.
    study : DataTree
        Whose frames are shown, and whose world says what is in them; of this agent or another in the same game.
    target : str
        A class of objects, or ``"enemy moving left"``.
    num_frames : int
        Most frames of each kind, spread evenly over the rollout.
    least_pixels : int
        Visible pixels from which on a frame counts as one with the object; those with fewer, but some, are left out.
    num_resamples : int
        Of the bootstrap.
    seed : int
        Draws them.

    Returns
    -------
    Dataset
        Over presence (``"with"``, ``"without"``); each with _low and _high, a 95 % interval:

        kl : mean over frames of KL(original policy, edited policy), in nats.
        value_change : mean of the edited value less the original's, in raw task reward; NaN for an agent without one.
        abs_value_change : mean of its absolute.
        action_change : share of frames in which the most likely action is another.
        num_frames, num_episodes : int64.
        kl_specificity, value_specificity : the first over the second, kl or abs_value_change (NaN: nothing changes in
        either; infinite: only where the object is), with _low and _high.
        attrs: target, num_frames, least_pixels, num_resamples, confidence, seed, agent, edited.

    Raises
    ------
    ImportError, ValueError
        As `masks`; for an unknown class; when no frame, or every frame, shows it; for a recurrent agent, whose outputs
        do not depend on the frame alone.
    """
    settings = {"num_frames": num_frames, "least_pixels": least_pixels, "num_resamples": num_resamples}
    for name, number in settings.items():
        check_count(name, number, 1)
    edited = made_agent(agent, edits)
    frames, present = _frames(study, target, num_frames, least_pixels)
    observations = at_frames(study.dataset["observation"], frames)
    changes = _changes(agent, edited, observations)
    result = _with_intervals(changes, present, episodes_of(study, frames), num_resamples, seed)
    return result.assign_attrs(
        settings
        | {"target": target, "confidence": CONFIDENCE, "seed": seed, "agent": agent.name, "edited": edited.name}
    )


def made_agent(agent: Agent, edits: Any) -> Agent:
    """Return the edited agent, made if it is not there yet; refuse recurrent ones.

    Raises
    ------
    ValueError
        For a recurrent agent.
    """
    if agent.recurrent:
        raise ValueError(
            f"agent {agent.name!r} is recurrent: what it makes of a frame depends on those before, so that frames "
            "cannot be compared one by one."
        )
    return edits if isinstance(edits, Agent) else edited_agent(agent, edits)


def evenly(numbers: Numbers, count: int) -> Numbers:
    """Return at most `count` of these, spread evenly."""
    if len(numbers) <= count:
        return numbers
    return numbers[np.arange(count) * len(numbers) // count]


def episodes_of(study: xr.DataTree, frames: Numbers) -> Numbers:
    """Return a number for the episode of each frame, the same for frames of one episode of one trajectory."""
    trajectory = frames // study.sizes["step"]
    episode = at_frames(study.dataset["episode"], frames)
    return np.unique(np.stack([trajectory, episode]), axis=1, return_inverse=True)[1].ravel().astype(np.int64)


def _frames(study: xr.DataTree, target: str, count: int, least: int) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """Return frames with the object and without it, in order, and which are with it."""
    size = study.sizes["height"], study.sizes["width"]
    pixels = ObjectCells(study, size).of(target).sum((1, 2))
    kinds = {"with": np.flatnonzero(pixels >= least), "without": np.flatnonzero(pixels == 0)}
    for presence, found in kinds.items():
        if not len(found):
            raise ValueError(
                f"of {len(pixels)} frames there is none {presence} {target!r} "
                f"({least} visible pixels or more): take another study, or another target."
            )
    both = [evenly(found, count) for found in kinds.values()]
    frames = np.concatenate(both)
    order = np.argsort(frames)
    return frames[order], (np.arange(len(frames)) < len(both[0]))[order]


def _changes(agent: Agent, edited: Agent, observations: npt.NDArray[np.uint8]) -> dict[str, Floats]:
    """Return what the edit changes frame by frame, by name, each (frame,)."""
    (before, value), (after, new_value) = agent(observations)[:2], edited(observations)[:2]
    log_before, log_after = (log_softmax(logits.astype(np.float64), axis=1) for logits in (before, after))
    none = np.full(len(observations), np.nan)
    moved = none if value is None or new_value is None else new_value.astype(np.float64) - value
    return {
        "kl": (np.exp(log_before) * (log_before - log_after)).sum(1),
        "value_change": moved,
        "abs_value_change": np.abs(moved),
        "action_change": (before.argmax(1) != after.argmax(1)).astype(np.float64),
    }


def _with_intervals(
    changes: dict[str, Floats], present: npt.NDArray[np.bool_], episode: Numbers, num_resamples: int, seed: int
) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    count = int(episode.max()) + 1
    times = rng.multinomial(count, np.full(count, 1 / count), num_resamples)  # how often each episode is drawn
    times = np.concatenate([np.ones((1, count)), times])  # the first: as it is
    kinds = (present, ~present)
    frames = np.stack([np.bincount(episode[kind], minlength=count) for kind in kinds], 1)
    variables: dict[str, Any] = {
        "num_frames": ("presence", frames.sum(0)),
        "num_episodes": ("presence", (frames > 0).sum(0)),
    }
    means = {}
    for name, each in changes.items():
        sums = np.stack([np.bincount(episode[kind], each[kind], count) for kind in kinds], 1)
        means[name] = _ratio(times @ sums, times @ frames)
        variables |= _interval(name, ("presence",), means[name])
    for name, mean in (("kl_specificity", means["kl"]), ("value_specificity", means["abs_value_change"])):
        variables |= _interval(name, (), _ratio(mean[:, 0], mean[:, 1]))
    return xr.Dataset(variables, coords={"presence": list(PRESENCE)})


def _ratio(above: npt.NDArray[Any], below: npt.NDArray[Any]) -> npt.NDArray[Any]:
    with np.errstate(divide="ignore", invalid="ignore"):
        found: npt.NDArray[Any] = above / below
    return found


def _interval(name: str, dims: Iterable[str], resamples: Floats) -> dict[str, Any]:
    """Return a number and its percentile interval from resamples, the first of which is the sample itself."""
    tail = (1 - CONFIDENCE) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of what is NaN in all: it stays NaN
        low, high = np.nanquantile(resamples[1:], [tail, 1 - tail], axis=0, method="nearest")  # some may be infinite
    return {name: (tuple(dims), resamples[0]), f"{name}_low": (tuple(dims), low), f"{name}_high": (tuple(dims), high)}
