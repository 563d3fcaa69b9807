"""Where aligned trajectories part: the first step at which what was seen, or what was done, differs."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from rlvision_widgets.schema import CHUNK
from rlvision_widgets.widgets.alignment import Alignment, Member, Track

__all__ = ["divergences", "overlap", "policies", "policy_distance"]


def divergences(members: Sequence[Member], alignment: Alignment) -> list[dict[str, Any]]:
    """Find the first shared step at which each pair of members differs.

    Returns
    -------
    list of dict
        One a pair: ``members`` (two indices), ``overlap`` (how many steps both have), ``observation`` and ``action``
        (shared steps, or None while they never differ) and ``comparable`` (whether frames have the same size).
        Actions are the same if their names are.
    """
    found = []
    for first, second in combinations(range(len(members)), 2):
        tracks = alignment.tracks[first], alignment.tracks[second]
        pair = members[first], members[second]
        steps = overlap(*tracks)
        comparable = frame_size(pair[0]) == frame_size(pair[1])
        found.append(
            {
                "members": [first, second],
                "overlap": len(steps),
                "comparable": comparable,
                "observation": _first_frame(pair, tracks, steps) if comparable else None,
                "action": _first_action(pair, tracks, steps),
            }
        )
    return found


def overlap(first: Track | None, second: Track | None) -> range:
    """Return the shared steps that both have."""
    if first is None or second is None:
        return range(0)
    low = max(first.shared_step(first.start), second.shared_step(second.start))
    return range(low, max(low, min(first.shared_step(first.stop), second.shared_step(second.stop))))


def frame_size(member: Member) -> tuple[int, int]:
    """Return height and width of a member's observations, in pixels."""
    sizes = member.source.study.sizes
    return sizes["height"], sizes["width"]


def policies(member: Member, steps: slice) -> npt.NDArray[np.float64]:
    """Return a member's policy, (step, action): softmax of the logits that are actions."""
    logits = member.source.study["policy_logits"].variable.isel(trajectory=member.trajectory, step=steps)
    numbers = logits.transpose("step", "logit").values[:, : len(member.source.action_names)].astype(np.float64)
    weights = np.exp(numbers - numbers.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def policy_distance(pair: Sequence[Member], tracks: Sequence[Track | None]) -> npt.NDArray[np.float64]:
    """Measure how unlike two policies are at the steps that both members have.

    Returns
    -------
    ndarray, (step,)
        Total variation distance, 0 (equal) to 1: half the sum over actions, matched by name, of the absolute
        differences of their probabilities.
    """
    steps = overlap(*tracks)
    names = list(dict.fromkeys(name for member in pair for name in member.source.action_names))
    both = np.zeros((2, len(steps), len(names)))
    for index, (member, track) in enumerate(zip(pair, tracks, strict=True)):
        if len(steps) and track is not None:
            columns = [names.index(name) for name in member.source.action_names]
            both[index][:, columns] = policies(member, _own(track, steps))
    return np.asarray(np.abs(both[0] - both[1]).sum(axis=-1) / 2)


def _own(track: Track, steps: range) -> slice:
    return slice(steps.start + track.offset, steps.stop + track.offset)


def _first_frame(pair: Sequence[Member], tracks: Sequence[Track | None], steps: range) -> int | None:
    """Read frames piece by piece, and no further than the first that differ."""
    if tracks[0] == tracks[1] and len({(m.study, m.trajectory) for m in pair}) == 1:
        return None
    for start in range(steps.start, steps.stop, CHUNK):
        part = range(start, min(start + CHUNK, steps.stop))
        frames = [
            member.source.study["observation"]
            .variable.isel(trajectory=member.trajectory, step=_own(track, part))
            .transpose("step", "height", "width", "rgb")
            .values
            for member, track in zip(pair, tracks, strict=True)
            if track is not None
        ]
        differs = (frames[0] != frames[1]).any(axis=(1, 2, 3))
        if differs.any():
            return start + int(differs.argmax())
    return None


def _first_action(pair: Sequence[Member], tracks: Sequence[Track | None], steps: range) -> int | None:
    taken = []
    for member, track in zip(pair, tracks, strict=True):
        if track is None or not len(steps):
            return None
        actions = member.source.study["action"].variable.isel(trajectory=member.trajectory, step=_own(track, steps))
        taken.append(np.asarray(member.source.action_names)[actions.values])
    differs = taken[0] != taken[1]
    return steps.start + int(differs.argmax()) if differs.any() else None
