"""Forks: what was tried from one step on, as stored; making one with the connected agent; removing one."""

from typing import Any

import xarray as xr

from rlvision_widgets.changes import announce
from rlvision_widgets.widgets.jobs import Cancelled
from rlvision_widgets.widgets.requests import Answer, Work, request
from rlvision_widgets.widgets.source import StudySource, read
from rlvision_widgets.widgets.world_description import branch_names, find_branches, texts

MOST_BRANCHES = 256
MOST_STEPS = 1000


@request(slow=True)
def branch_frames(source: StudySource, name: str, branch: int) -> Answer:
    """Return what one branch of a fork saw, thought and did at the steps that it took, and the frame that ended it.

    Arrays: `observation` (step, height, width, rgb), `action`, `reward`, `value` (if the agent has one) and
    `policy_logits` (step, logit), step counting from the fork. After the end there are -1 and NaN. The result names the
    actions: a fork's agent may have others than the rollout's.
    """
    node = find_branches(source.study, name)
    count = node.sizes["branch"]
    if not 0 <= branch < count:
        raise ValueError(f"branch_frames: branch {branch} is out of range; fork {name!r} has {count}, from 0")
    taken = int(node.dataset.variables["num_taken"].isel(branch=branch).values)
    where: dict[str, Any] = {"branch": branch, "branch_step": slice(0, taken + 1)}
    names = ("observation", "action", "reward", "value", "policy_logits")
    # Under the dims of a rollout, so that a view reads both alike.
    arrays = {name: _like_a_rollout(array) for name, array in read(node, names, where).items()}
    # Column by column, as in a rollout's frames.
    arrays["observation"] = arrays["observation"].transpose("step", "width", "height", "rgb")
    return {"taken": taken, "action_names": texts(node.attrs["action_names"])}, arrays


@request()
def survival(source: StudySource, name: str) -> Answer:
    """Return the share of a fork's branches that go on after so many steps, with its Wilson band (95 %)."""
    names = ("survival", "survival_low", "survival_high")
    return {}, read(find_branches(source.study, name), names, {})


@request(writes=True)
def remove_branches(source: StudySource, name: str) -> Answer:
    """Remove a fork from the study, in memory; views that show it leave it."""
    node = find_branches(source.study, name)
    del source.study["branches"][str(node.name)]
    announce(source.study)
    return {}, {}


@request(writes=True, needs_agent=True)
def fork(  # noqa: PLR0917 - a place and how it is tried
    source: StudySource,
    work: Work,
    trajectory: int,
    step: int,
    actions: str,
    num_branches: int,
    num_steps: int,
    seed: int,
    name: str,
) -> Answer:
    """Try so many times what happens from a step on, and store it under `name`.

    `actions` are numbers of actions, separated by blanks, that every branch begins with. The result has the name.
    """
    if not hasattr(work.connection, "branch"):
        raise ValueError("what this view is connected to cannot fork a trajectory: pass agent= to it")
    for what, value, most in (("num_branches", num_branches, MOST_BRANCHES), ("num_steps", num_steps, MOST_STEPS)):
        if not 1 <= value <= most:
            raise ValueError(f"fork: {what} must be from 1 to {most}, got {value}")
    name = name.strip() or _free_name(source, step)
    if name in branch_names(source.study):
        raise ValueError(f"there is a fork named {name!r} already: give this one another name")
    work.connection.branch(
        trajectory,
        step,
        num_branches=num_branches,
        num_steps=num_steps,
        actions=_numbers(actions, len(source.action_names)),
        seed=seed,
        name=name,
        progress=work.progress,
        cancelled=work.cancelled,
    )
    if work.cancelled():
        raise Cancelled("cancelled")
    return {"name": name}, {}


def _numbers(actions: str, count: int) -> tuple[int, ...]:
    parts = actions.split()
    if not all(part.isdecimal() and int(part) < count for part in parts):
        raise ValueError(f"fork: actions are numbers from 0 to {count - 1} separated by blanks, got {actions!r}")
    return tuple(map(int, parts))


def _free_name(source: StudySource, step: int) -> str:
    names, base = branch_names(source.study), f"step {step}"
    further = (f"{base} ({number})" for number in range(2, len(names) + 3))
    return next(name for name in (base, *further) if name not in names)


def _like_a_rollout(array: xr.Variable) -> xr.Variable:
    names = {"branch_step": "step", "branch_logit": "logit"}
    return xr.Variable([names.get(str(dim), dim) for dim in array.dims], array.values)
