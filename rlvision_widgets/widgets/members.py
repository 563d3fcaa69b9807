"""The trajectories that are compared: which they are, what they are called, and how they fared."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from rlvision_widgets.analysis.moments import causes
from rlvision_widgets.widgets.alignment import Alignment, Member, Track
from rlvision_widgets.widgets.divergence import divergences, policy_distance

__all__ = ["labels_of", "places_of", "summarise"]

MOST = 8  # members; beyond, nothing could be seen
COUNTS = ("start", "length", "level_seed", "overlap", "observation_differs", "action_differs")  # columns that lack some


def places_of(sizes: Sequence[int], trajectories: Sequence[int] | None) -> list[tuple[int, int]]:
    """Return study and trajectory of each member, from how many trajectories each study has."""
    several = len(sizes) > 1
    if trajectories is None:
        chosen = [0] * len(sizes) if several else list(range(min(2, sizes[0])))
    else:
        chosen = [int(trajectory) for trajectory in trajectories]
    if several and len(chosen) != len(sizes):
        raise ValueError(f"expected {len(sizes)} trajectories, one of each study, got {chosen}")
    if len(chosen) < 2:
        raise ValueError(f"expected at least two trajectories to compare, got {chosen}")
    if len(chosen) > MOST:
        raise ValueError(f"expected at most {MOST} trajectories to compare, got {len(chosen)}")
    places = [(index if several else 0, trajectory) for index, trajectory in enumerate(chosen)]
    for study, trajectory in places:
        if not 0 <= trajectory < sizes[study]:
            raise ValueError(f"trajectory {trajectory} is out of range; study {study} has {sizes[study]}, from 0")
    return places


def labels_of(members: Sequence[Member]) -> list[str]:
    """Name members by what tells them apart: agent, environment, trajectory; failing that, their order."""
    names = [
        (str(m.source.study.attrs["agent"]), str(m.source.study.attrs["environment"]), f"trajectory {m.trajectory}")
        for m in members
    ]
    telling = [part for part in range(3) if len({name[part] for name in names}) > 1]
    labels = [", ".join(name[part] for part in telling) for name in names]
    if len(set(labels)) == len(labels):
        return labels
    return [f"{label or names[0][0]} ({index})" for index, label in enumerate(labels)]


def summarise(members: Sequence[Member], aligned: Alignment, names: Sequence[str], selected: int) -> pd.DataFrame:
    """Tell how members fared, and where each parted from the selected one; see `Compare.summary`."""
    pairs = {tuple(pair["members"]): pair for pair in divergences(members, aligned)}
    rows = []
    for index, (member, track) in enumerate(zip(members, aligned.tracks, strict=True)):
        row = _fortune(member, track)
        if index != selected:
            low, high = sorted((index, selected))
            row |= _difference(pairs[low, high])
            distance = policy_distance([members[selected], member], [aligned.tracks[selected], track])
            row["policy_distance"] = float(distance.mean()) if len(distance) else float("nan")
        rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index(names, name="member"))
    return table.astype({name: "Int64" for name in COUNTS if name in table})


def _fortune(member: Member, track: Track | None) -> dict[str, Any]:
    """Describe how a member's steps went."""
    attrs = member.source.study.attrs
    row = {"agent": attrs["agent"], "environment": attrs["environment"], "trajectory": member.trajectory}
    if track is None:
        return {**row, "length": 0}
    episodes = [e for e in member.episodes if e["start"] < track.stop and track.start < e["stop"]]
    rewards = member.source.study["reward"].variable.isel(
        trajectory=member.trajectory, step=slice(track.start, track.stop)
    )
    known = causes(member.source.study)
    ended = [known.get((member.trajectory, episode["stop"] - 1), "") for episode in episodes]
    return {
        **row,
        "start": track.start,
        "length": track.stop - track.start,
        "level_seed": episodes[0]["level_seed"],
        "return": float(rewards.values.sum()),
        "outcome": _counted([str(episode["outcome"]) for episode in episodes]),
        **({"cause": _counted(list(filter(None, ended)))} if known else {}),
    }


def _counted(words: Sequence[str]) -> str:
    """Return the one word, or how often each is among several."""
    counts = [f"{words.count(word)} {word}" for word in dict.fromkeys(words)]
    return words[0] if len(words) == 1 else ", ".join(counts)


def _difference(pair: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "overlap": pair["overlap"],
        "observation_differs": pair["observation"],
        "action_differs": pair["action"],
    }
