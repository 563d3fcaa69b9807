"""What might have happened: an agent plays on from one frame of a study, many times side by side."""

from collections.abc import Sequence

import xarray as xr

from rlvision_widgets.analysis.growing import Actions, Fork, grow, survival
from rlvision_widgets.analysis.playing import Act
from rlvision_widgets.analysis.progress import bars
from rlvision_widgets.analysis.reentry import MakeEnvironment, world_of
from rlvision_widgets.changes import announce
from rlvision_widgets.environments.edits import Edit
from rlvision_widgets.names import node_name, strict_keywords, unknown
from rlvision_widgets.schema import BRANCH, check

__all__ = ["Fork", "branch", "branch_names", "grow", "keep", "remove_branch", "survival"]


@strict_keywords
def branch(
    agent: Act,
    study: xr.DataTree,
    trajectory: int,
    step: int,
    *,
    num_branches: int = 8,
    num_steps: int = 50,
    actions: Actions = None,
    seed: int = 0,
    edits: Sequence[Edit] = (),
    keep_noise: bool = False,
    name: str | None = None,
    environment: MakeEnvironment | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Let an agent play on from a frame of a study, several times.

    Parameters
    ----------
    agent : Agent or callable
        See `collect_rollout`. Another one than the study's shows what that would have done.
    study : DataTree
        Of a Procgen game with states, or of any world with states and `environment`.
    trajectory, step : int
        The frame.
    num_branches, num_steps : int
        How many times, and for how many steps. A branch ends with its episode.
    actions : iterable of int or str, "recorded", optional
        The first actions of every branch, by number or name; the agent chooses those after them. ``"recorded"``: those
        of the rollout, as far as it goes.
    seed : int
        Of the sampled actions; the noise of a branch depends on the seed and on its own number alone.
    edits : sequence of edits
        Applied to the world before the first step, e.g. ``[rlv.Remove("saw")]``.
    keep_noise : bool
        Give the first branch the noise that the rollout had, so that with nothing changed it repeats the rollout.
    name : str, optional
        Keep the branches in the study, under this name; those that have it are replaced.
    environment : callable, optional
        As for `resume`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Dataset
        As `rlvision_widgets.schema.BRANCH`. After the end of its episode a branch shows its last frame (the terminal
        one, which the rollout itself never shows, where the world is Procgen's), action -1, and NaN elsewhere.
        ``cause`` says what ended it; ``survival`` is that of `survival`.

    Raises
    ------
    ImportError, ValueError, TypeError
        As `resume`; for an unknown action or edit, and an edit that cannot be made in this world.

    Notes
    -----
    With nothing changed and the recorded actions, frames and rewards are the rollout's, bit for bit, and so are values
    and logits up to the network's rounding in batches of another size. A recurrent agent first sees the recorded
    frames of its episode. An interrupt (Ctrl-C) leaves the study as it was.
    """
    fork = Fork(trajectory, step, num_branches, num_steps, actions, seed, edits, keep_noise)
    if name is not None:
        node_name(name, "a branch")
    world_of(study, environment)
    with bars(progress) as report:
        branches = grow(agent, study, fork, report)
    if name is not None:
        keep(study, name, branches)
        branches.attrs["name"] = name
    return branches


def branch_names(study: xr.DataTree) -> list[str]:
    """Return the names of the branches that a study keeps."""
    return list(_kept(study))


def remove_branch(study: xr.DataTree, name: str) -> None:
    """Remove branches from a study, in memory."""
    found = _kept(study)
    if name not in found:
        raise ValueError(unknown("branch", name, found))
    del study["branches"][found[name]]
    announce(study)


def keep(study: xr.DataTree, name: str, branches: xr.Dataset) -> None:
    """Keep branches in a study, in memory, in place of those that have the same name."""
    key = node_name(name, "a branch")
    data = branches.assign_attrs(name=name)
    check(data, BRANCH)
    if "branches" not in study.children:
        study["branches"] = xr.DataTree()
    study["branches"][key] = xr.DataTree(data)
    announce(study)


def _kept(study: xr.DataTree) -> dict[str, str]:
    """Return the node of each name."""
    nodes = study["branches"].children if "branches" in study.children else {}
    return {str(node.attrs.get("name", key)): key for key, node in nodes.items()}
