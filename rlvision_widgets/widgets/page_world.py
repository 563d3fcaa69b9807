"""What of a study's masks and forks a page without a kernel carries: all of it, unless it would weigh too much."""

from collections.abc import Iterator
from typing import Any

from rlvision_widgets.widgets.page import Asked
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.wire import BranchesDescription, StudyDescription

__all__ = ["PAGE_BRANCHES", "PAGE_MASK_STEPS", "as_carried", "opened"]

PAGE_MASK_STEPS = 65_536  # of all trajectories; masks and objects of 64 took 10 kB compressed (bundled agent, CoinRun)
PAGE_BRANCHES = 128  # of all forks, the first ones; one of 42 steps took 31 kB


def opened(source: StudySource) -> Iterator[Asked]:
    """Yield the requests for stored masks and forks, and for the parts of the explorer that show them."""
    described = as_carried(source.describe())
    yield "bundle", {"name": "world"}  # without masks it says why there are none
    if described.get("world", {}).get("classes"):
        chunks = range(source.num_chunks)
        for trajectory in range(source.num_trajectories):
            yield from (("masks", {"trajectory": trajectory, "chunk": chunk}) for chunk in chunks)
    if described.get("branches"):
        yield "bundle", {"name": "forks"}
    for fork in described.get("branches", []):
        if fork["note"]:
            continue
        yield "survival", {"name": fork["name"]}
        for branch in range(len(fork["taken"])):
            yield "branch_frames", {"name": fork["name"], "branch": branch}


def as_carried(described: StudyDescription) -> StudyDescription:
    """Describe the study as the page shows it: what it leaves out has a note that says so."""
    carried: dict[str, Any] = dict(described)
    steps = sum(trajectory["num_steps"] for trajectory in described["trajectories"])
    if "world" in described and steps > PAGE_MASK_STEPS:
        note = f"This page leaves the objects out: the study has {steps:,} steps. The notebook shows them."
        carried["world"] = {"classes": [], "colours": [], "note": note}
    if "branches" in described:
        carried["branches"] = _within(described["branches"])
    return carried  # type: ignore[return-value]


def _within(forks: list[BranchesDescription]) -> list[BranchesDescription]:
    found: list[BranchesDescription] = []
    count = 0
    for fork in forks:
        count += len(fork["taken"])
        left_out = count > PAGE_BRANCHES
        note = "This page leaves the frames of this fork out. The notebook shows them." if left_out else ""
        found.append({**fork, "note": note})
    return found
