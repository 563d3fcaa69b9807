"""What of a study's masks, forks and endings a page without a kernel carries: all, unless it would weigh too much."""

from collections.abc import Iterator
from typing import Any

from rlvision_widgets.widgets.page import Asked
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.wire import BranchesDescription, StudyDescription

__all__ = ["PAGE_BRANCHES", "PAGE_ENDINGS", "PAGE_MASK_STEPS", "as_carried", "opened"]

PAGE_MASK_STEPS = 65_536  # of all trajectories; masks and objects of 64 took 10 kB compressed (bundled agent, CoinRun)
PAGE_BRANCHES = 128  # of all forks, the first ones; one of 42 steps took 31 kB
PAGE_ENDINGS = 512  # of all trajectories; one took 2.1 kB (bundled agent, CoinRun)


def opened(source: StudySource) -> Iterator[Asked]:
    """Yield the requests for stored masks, forks and endings, and for the parts of the explorer that show them."""
    described = as_carried(source.describe())
    yield "bundle", {"name": "world"}  # without masks it says why there are none
    if described.get("world", {}).get("classes"):
        chunks = range(source.num_chunks)
        for trajectory in range(source.num_trajectories):
            yield from (("masks", {"trajectory": trajectory, "chunk": chunk}) for chunk in chunks)
    if described.get("endings") == "":
        for trajectory, episode in _ended(described):
            yield "ending", {"trajectory": trajectory, "episode": episode}
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
    if "endings" in described and len(_ended(described)) > PAGE_ENDINGS:
        carried["endings"] = "This page leaves the last frames out. The notebook shows them."
    if "branches" in described:
        carried["branches"] = _within(described["branches"])
    return carried  # type: ignore[return-value]


def _ended(described: StudyDescription) -> list[tuple[int, int]]:
    """Return trajectory and episode of every end whose cause is known."""
    return [
        (index, episode)
        for index, trajectory in enumerate(described["trajectories"])
        for episode, cause in enumerate(trajectory["episodes"].get("cause", ()))
        if cause
    ]


def _within(forks: list[BranchesDescription]) -> list[BranchesDescription]:
    found: list[BranchesDescription] = []
    count = 0
    for fork in forks:
        count += len(fork["taken"])
        left_out = count > PAGE_BRANCHES
        note = "This page leaves the frames of this fork out. The notebook shows them." if left_out else ""
        found.append({**fork, "note": note})
    return found
