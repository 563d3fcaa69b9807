"""What branches were like: the record of each, and how many have survived after each step."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.paired import wilson_interval
from rlvision_widgets.analysis.playing import Played
from rlvision_widgets.environments.environment import Observed

__all__ = ["BranchTape", "survival"]

BRANCH_STEP = ("branch", "branch_step")


class BranchTape:
    """The record of branches that are being played.

    Parameters
    ----------
    num_branches, num_steps : int

    Attributes
    ----------
    going : bool array, (branch,)
        Whether the episode goes on.
    before : list of bytes
        The emulator state before the last step of each branch.
    last : dict of int to array
        The frame to show after the end of a branch, where it is known.
    cause : list of str
        What ended each branch.
    """

    def __init__(self, num_branches: int, num_steps: int) -> None:
        self._shape = num_branches, num_steps
        self.going = np.ones(num_branches, bool)
        self.before = [b""] * num_branches
        self.last: dict[int, npt.NDArray[np.uint8]] = {}
        self.cause = [""] * num_branches
        self.num_taken = np.zeros(num_branches, np.int32)
        self.action = np.full(self._shape, -1, np.int32)
        self.completed = np.zeros(self._shape, bool)
        self._ended = np.zeros(self._shape, bool)
        self._reward = np.full(self._shape, np.nan, np.float32)
        self._alive = np.zeros((num_branches, num_steps + 1), bool)
        self._alive[:, 0] = True
        self._seen: dict[str, npt.NDArray[Any]] = {}

    def write(  # noqa: PLR0917 - a step, what was seen, done and seen after it
        self,
        step: int,
        observed: Observed,
        index: npt.NDArray[np.int_],
        played: Played,
        action: npt.NDArray[np.int32],
        after: Observed,
        over: npt.NDArray[np.bool_],
    ) -> None:
        """Record a step; `played` is about the branches `index`, of which some may have ended."""
        going = self.going
        self._put("observation", step, going, observed.observation[going])
        among = going[index]
        self._put("policy_logits", step, going, played.policy_logits[among])
        if played.value is not None:
            self._put("value", step, going, played.value[among])
        self.action[going, step] = action[going]
        self._reward[going, step] = after.reward[going]
        self._ended[going, step] = over[going]
        self.completed[going, step] = (over & after.previous_level_complete)[going]
        self.num_taken[going] += 1
        self.going = going & ~over
        self._alive[:, step + 1] = self.going

    def _put(self, name: str, step: int, where: npt.NDArray[np.bool_], numbers: npt.NDArray[Any]) -> None:
        if name not in self._seen:
            nothing = np.nan if numbers.dtype.kind == "f" else 0
            self._seen[name] = np.full((*self._shape, *numbers.shape[1:]), nothing, numbers.dtype)
        self._seen[name][where, step] = numbers

    def dataset(self, attrs: dict[str, Any]) -> xr.Dataset:
        """Return the branches as `rlvision_widgets.schema.BRANCH`."""
        frames = self._seen["observation"]
        for branch, taken in enumerate(self.num_taken):
            frames[branch, taken:] = self.last.get(branch, frames[branch, taken - 1])
        data = xr.Dataset(
            {
                "observation": ((*BRANCH_STEP, "height", "width", "rgb"), frames),
                "action": (BRANCH_STEP, self.action),
                "reward": (BRANCH_STEP, self._reward),
                "policy_logits": ((*BRANCH_STEP, "branch_logit"), self._seen["policy_logits"]),
                "ended": (BRANCH_STEP, self._ended),
                "completed": (BRANCH_STEP, self.completed),
                "alive": (("branch", "branch_time"), self._alive),
                "num_taken": ("branch", self.num_taken),
                "cause": ("branch", np.array(self.cause, object)),
            },
            attrs=attrs,
        )
        if "value" in self._seen:
            data["value"] = BRANCH_STEP, self._seen["value"]
        curve = survival(data)
        for name in ("survival", "survival_low", "survival_high"):
            data[name] = curve[name].astype(np.float32)
        return data


def survival(branches: xr.Dataset | xr.DataTree, confidence: float = 0.95) -> xr.Dataset:
    """Say how many branches have not failed after each step.

    Parameters
    ----------
    branches : Dataset or DataTree
        From `branch`, or a study's node ``/branches/<name>``.
    confidence : float
        Of the band.

    Returns
    -------
    Dataset, (branch_time,)
        survival, the share of branches that have not failed after 0, 1, … steps, which never rises; survival_low and
        survival_high, Wilson's score interval of each by itself; and how many have failed (num_failed: the episode
        ended and the level was not completed; in a world without levels, any end), completed the level (num_completed:
        they survive) and go on (num_alive).
    """
    data = branches.to_dataset() if isinstance(branches, xr.DataTree) else branches
    for name in ("ended", "completed"):
        if name not in data:
            raise ValueError(f"survival is of branches, as rlv.branch returns: this has no variable {name!r}.")
    ended, completed = (data[name].transpose(*BRANCH_STEP).values for name in ("ended", "completed"))
    number, steps = ended.shape
    failures, successes = (np.zeros(steps + 1, np.int64) for _ in range(2))
    failures[1:] = (ended & ~completed).sum(axis=0).cumsum()
    successes[1:] = completed.sum(axis=0).cumsum()
    band = [wilson_interval(int(number - failed), number, confidence) for failed in failures]
    columns = {
        "survival": 1 - failures / number,
        "survival_low": np.array([low for low, _ in band]),
        "survival_high": np.array([high for _, high in band]),
        "num_failed": failures,
        "num_completed": successes,
        "num_alive": number - failures - successes,
    }
    return xr.Dataset(
        {name: ("branch_time", column) for name, column in columns.items()}, attrs={"num_branches": number}
    )
