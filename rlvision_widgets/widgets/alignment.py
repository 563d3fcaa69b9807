"""Which step of one trajectory stands beside which step of another.

Aligned trajectories share one time. A trajectory has a `Track` on it: an unbroken run of its steps, moved so that
what is compared (the same step, the start of the same level, an event) falls on the same shared step.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rlvision_widgets.names import unknown
from rlvision_widgets.widgets.source import StudySource

__all__ = ["EVENTS", "Alignment", "Member", "Track", "align", "choices", "common_levels"]

EVENTS = {
    "reward": "first reward",
    "end": "end of the first episode",
    "failure": "most unexpected failure",
    "success": "most unexpected success",
}
WHICH_LEVELS = {"start_level", "num_levels", "use_sequential_levels"}  # options that do not change a level
MOST_NAMED = 12  # levels of a member that an error lists


@dataclass(frozen=True)
class Member:
    """One trajectory among those compared: `study` counts the view's sources."""

    study: int
    trajectory: int
    source: StudySource

    @cached_property
    def episodes(self) -> list[dict[str, Any]]:
        """Its episodes, as in `wire.EpisodeDescription`."""
        return [dict(episode) for episode in self.source.episodes(self.trajectory)]

    @cached_property
    def levels(self) -> dict[int, list[dict[str, Any]]]:
        """The episodes of each level that are recorded from its start."""
        first = self.source.study["first"].variable.isel(trajectory=self.trajectory).values
        found: dict[int, list[dict[str, Any]]] = {}
        for episode in self.episodes:
            if episode["level_seed"] >= 0 and first[episode["start"]]:
                found.setdefault(episode["level_seed"], []).append(episode)
        return found

    @cached_property
    def world(self) -> str:
        """What a level seed is to be read in: equal seeds in equal worlds are the same level."""
        attrs = self.source.study.attrs
        options = json.loads(attrs["environment_options"])
        return json.dumps([attrs["environment"], {k: v for k, v in options.items() if k not in WHICH_LEVELS}])


@dataclass(frozen=True)
class Track:
    """The steps from `start` to `stop` (exclusive) of a member; its step is the shared step plus `offset`."""

    start: int
    stop: int
    offset: int

    def member_step(self, shared: int) -> int | None:
        """Return the member's step at a shared step, None where it has none."""
        step = shared + self.offset
        return step if self.start <= step < self.stop else None

    def shared_step(self, step: int) -> int:
        """Return the shared step of a member's step."""
        return step - self.offset


@dataclass(frozen=True)
class Alignment:
    """Members on one shared time.

    Parameters
    ----------
    name : str
        What they are aligned at, in the form that `align` reads.
    label : str
        The same in words.
    tracks : tuple of Track or None
        One a member; None for one that lacks what the others are aligned at.
    num_steps : int
        Length of the shared time.
    zero : int
        The shared step that holds what is aligned at.
    """

    name: str
    label: str
    tracks: tuple[Track | None, ...]
    num_steps: int
    zero: int


def align(members: Sequence[Member], at: str | Sequence[int]) -> Alignment:
    """Put members on one shared time.

    Parameters
    ----------
    members : sequence of Member
        In the order of the view.
    at : str or sequence of int
        ``"step"``: equal steps beside each other, whole trajectories. ``"level"``: the first level that most members
        share, from its start to its end; ``"level:7"``: level 7. A key of `EVENTS`: the episode that holds the event,
        the event beside the event. Steps, one a member (or ``"steps:12,40"``): their episodes, those steps beside
        each other.

    Raises
    ------
    ValueError
        Naming what no two members share and what each has, or what is wrong with the steps.
    """
    name = at if isinstance(at, str) else "steps:" + ",".join(map(str, at))
    kind, _, detail = name.partition(":")
    if name == "step":
        spans = [(0, 0, member.source.num_steps) for member in members]
        return _aligned("step", "same step", spans)
    if kind == "level":
        seed = _level(members, detail)
        return _aligned(f"level:{seed}", f"level {seed}", _level_spans(members, seed))
    if kind == "steps" and detail:
        steps = _given_steps(members, detail)
        return _aligned(name, "given steps", [_around(m, step) for m, step in zip(members, steps, strict=True)])
    if name in EVENTS:
        found = [_event(member, name) for member in members]
        if all(step is None for step in found):
            raise ValueError(f"no member has a {EVENTS[name]} to align at")
        return _aligned(name, EVENTS[name], [_around(m, step) for m, step in zip(members, found, strict=True)])
    hint = "Or give one step for each member, as in align=[12, 40], or a level, as in align='level:7'."
    raise ValueError(unknown("align", name, ["step", "level", *EVENTS], hint))


def choices(members: Sequence[Member]) -> list[dict[str, Any]]:
    """List what the members can be aligned at: name, label, and how many of them have it."""
    offered = [{"name": "step", "label": "same step", "members": len(members)}]
    for seed, count in common_levels(members):
        offered.append({"name": f"level:{seed}", "label": f"level {seed}", "members": count})
    for name, label in EVENTS.items():
        count = sum(_event(member, name) is not None for member in members)
        if count:
            offered.append({"name": name, "label": label, "members": count})
    return offered


def common_levels(members: Sequence[Member]) -> list[tuple[int, int]]:
    """Return the levels that at least two members can show, and how many can; most members first, then in time."""
    seeds = dict.fromkeys(seed for member in members for seed in member.levels)
    counts = [(seed, sum(span is not None for span in _level_spans(members, seed))) for seed in seeds]
    return sorted((one for one in counts if one[1] > 1), key=lambda one: -one[1])


_Span = tuple[int, int, int]  # the step that is aligned, and the steps (start, stop) around it that are shown


def _aligned(name: str, label: str, spans: Sequence[_Span | None]) -> Alignment:
    zero = max(anchor - start for anchor, start, _ in filter(None, spans))
    tracks = tuple(span and Track(span[1], span[2], span[0] - zero) for span in spans)
    num_steps = max(track.shared_step(track.stop) for track in tracks if track)
    return Alignment(name, label, tracks, num_steps, zero)


def _level(members: Sequence[Member], detail: str) -> int:
    """Return the level to align at, checked to be one that two members share."""
    common = [seed for seed, _ in common_levels(members)]
    if not detail and common:
        return common[0]
    if detail.lstrip("-").isdecimal() and int(detail) in common:
        return int(detail)
    asked = f"level {detail} is not in two of the members" if detail else "no level is in two of the members"
    raise ValueError(f"align: {asked}. {_levels_of_each(members)}")


def _levels_of_each(members: Sequence[Member]) -> str:
    parts = []
    for index, member in enumerate(members):
        seeds = list(member.levels)
        more = f" and {len(seeds) - MOST_NAMED} more" if len(seeds) > MOST_NAMED else ""
        listed = ", ".join(map(str, seeds[:MOST_NAMED])) + more if seeds else "none"
        parts.append(f"member {index} has {listed} ({_readable(member)})")
    return "; ".join(parts) + ". Levels count as the same only in the same environment with the same options."


def _readable(member: Member) -> str:
    attrs = member.source.study.attrs
    mode = json.loads(attrs["environment_options"]).get("distribution_mode")
    return f"{attrs['environment']}, {mode}" if mode else str(attrs["environment"])


def _level_spans(members: Sequence[Member], seed: int) -> list[_Span | None]:
    """Find each member's episode of a level; a trajectory that is compared with itself shows one after another."""
    world = next(member.world for member in members if seed in member.levels)
    shown: Counter[tuple[int, int]] = Counter()
    spans: list[_Span | None] = []
    for member in members:
        found = member.levels.get(seed, []) if member.world == world else []
        place = (member.study, member.trajectory)
        episode = found[shown[place]] if shown[place] < len(found) else None
        shown[place] += 1
        spans.append((episode["start"], episode["start"], episode["stop"]) if episode else None)
    return spans


def _given_steps(members: Sequence[Member], detail: str) -> list[int]:
    words = detail.split(",")
    if len(words) != len(members) or not all(word.strip().isdecimal() for word in words):
        raise ValueError(f"align: expected one step for each of the {len(members)} members, got [{detail}]")
    steps = [int(word) for word in words]
    for index, (member, step) in enumerate(zip(members, steps, strict=True)):
        if step >= member.source.num_steps:
            raise ValueError(f"align: member {index} has the steps 0 to {member.source.num_steps - 1}, got {step}")
    return steps


def _around(member: Member, step: int | None) -> _Span | None:
    """Return a step with the episode that holds it."""
    if step is None:
        return None
    episode = next(e for e in member.episodes if e["start"] <= step < e["stop"])
    return step, episode["start"], episode["stop"]


def _event(member: Member, name: str) -> int | None:
    if name == "reward":
        rewards = member.source.study["reward"].variable.isel(trajectory=member.trajectory).values
        steps = np.flatnonzero(rewards)
        return int(steps[0]) if len(steps) else None
    if name == "end":
        ended = [e for e in member.episodes if e["outcome"] != "unfinished"]
        return int(ended[0]["stop"]) - 1 if ended else None
    kind, sign = ("low", 1) if name == "failure" else ("high", -1)
    marks = [m for m in member.source.describe()["bookmarks"] if m["trajectory"] == member.trajectory]
    marks = [m for m in marks if m["kind"] == kind]
    return int(min(marks, key=lambda m: sign * m["advantage"])["step"]) if marks else None
