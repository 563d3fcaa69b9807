"""What a connected agent can be asked about a study's world: other pasts and other futures of its frames."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis import world
from rlvision_widgets.analysis.branches import keep
from rlvision_widgets.analysis.counterfactual import Imagined, Question, imagine
from rlvision_widgets.analysis.endings import explain
from rlvision_widgets.analysis.eye import Eye
from rlvision_widgets.analysis.growing import Fork, grow
from rlvision_widgets.analysis.lab import Lab
from rlvision_widgets.analysis.playing_on import RECORDED, play_on, survive
from rlvision_widgets.analysis.progress import Report
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.analysis.removal import effects
from rlvision_widgets.analysis.situation import Situation
from rlvision_widgets.analysis.task import Task
from rlvision_widgets.changes import announce

__all__ = ["ConnectedWorld"]

T = TypeVar("T")
Cancelled = Callable[[], bool]


class ConnectedWorld(ABC):
    """The part of a `Connection` that needs the world (abstract).

    In all its methods ``edits`` and ``actions`` are what `Situation.of` takes; ``progress``, ``cancelled`` and what is
    returned once cancelled are as in `Connection`. ImportError and ValueError say why a world cannot be entered.

    Parameters
    ----------
    study : DataTree
    """

    def __init__(self, study: xr.DataTree) -> None:
        self._study = study
        self._eye = Eye()
        self._own_lab: Lab | None = None

    @abstractmethod
    def _do(
        self,
        work: Callable[[Task], T],
        progress: Report | None,
        cancelled: Cancelled | None,
        seed: int | None = None,
    ) -> T | None:
        """Do a task with torch to itself."""

    @property
    def _lab(self) -> Lab:
        found = world_of(self._study)
        if self._own_lab is None or self._own_lab.world is not found:
            self._own_lab = Lab(found)
        return self._own_lab

    def situation(self, trajectory: int, step: int, edits: Any = (), actions: str | Iterable[int] = ()) -> Situation:
        """Read a situation; raise ValueError for what is none, such as an action that the study's agent lacks."""
        names = [str(name) for name in self._study.attrs["action_names"]]
        return Situation.of(trajectory, step, edits, actions, action_names=names)

    def reach(self, trajectory: int, step: int, edits: Any = (), actions: str | Iterable[int] = ()) -> None:
        """Raise the ValueError that says why a situation cannot be, if it cannot."""
        self._lab.reach(self.situation(trajectory, step, edits, actions))

    def imagine(  # noqa: PLR0917 - a place, a question and two callbacks
        self,
        trajectory: int,
        step: int,
        layer: str,
        output: str = "value",
        edits: Any = (),
        actions: str | Iterable[int] = (),
        progress: Report | None = None,
        cancelled: Cancelled | None = None,
    ) -> Imagined | None:
        """Compare a situation with what it would have been without its edits; see `counterfactual.imagine`."""
        question = Question(self.situation(trajectory, step, edits, actions), layer, output)
        return self._do(lambda task: imagine(task, self._lab, self._eye, question), progress, cancelled)

    def effects(  # noqa: PLR0917
        self,
        trajectory: int,
        step: int,
        layer: str,
        output: str = "value",
        edits: Any = (),
        actions: str | Iterable[int] = (),
        progress: Report | None = None,
        cancelled: Cancelled | None = None,
    ) -> Imagined | None:
        """Imagine, and measure what goes when each object goes; see `removal.effects`."""
        question = Question(self.situation(trajectory, step, edits, actions), layer, output)
        return self._do(lambda task: effects(task, self._lab, self._eye, question), progress, cancelled)

    def play_on(  # noqa: PLR0917
        self,
        trajectory: int,
        step: int,
        edits: Any = (),
        actions: str | Iterable[int] = (),
        num_steps: int = 50,
        seed: int = RECORDED,
        progress: Report | None = None,
        cancelled: Cancelled | None = None,
    ) -> Imagined | None:
        """Play on in both worlds, with the same luck; see `playing_on.play_on`."""
        situation = self.situation(trajectory, step, edits, actions)
        return self._do(lambda task: play_on(task, self._lab, situation, num_steps, seed), progress, cancelled)

    def survive(  # noqa: PLR0917
        self,
        trajectory: int,
        step: int,
        edits: Any = (),
        actions: str | Iterable[int] = (),
        num_branches: int = 32,
        num_steps: int = 50,
        seed: int = 0,
        progress: Report | None = None,
        cancelled: Cancelled | None = None,
    ) -> Imagined | None:
        """Play on many times in both worlds; see `playing_on.survive`."""
        situation = self.situation(trajectory, step, edits, actions)
        return self._do(
            lambda task: survive(task, self._lab, situation, num_branches=num_branches, num_steps=num_steps, seed=seed),
            progress,
            cancelled,
        )

    def large(
        self, trajectory: int, step: int, edits: Any = (), actions: str | Iterable[int] = ()
    ) -> npt.NDArray[np.uint8]:
        """Return large frames, (version, 512, 512, rgb), without and with the edits."""
        lab, situation = self._lab, self.situation(trajectory, step, edits, actions)
        return np.stack([lab.large(lab.reach_unedited(situation)), lab.large(lab.reach(situation))])

    def branch(
        self,
        trajectory: int,
        step: int,
        *,
        edits: Any = (),
        actions: str | Sequence[int | str] | None = None,
        num_branches: int = 32,
        num_steps: int = 50,
        seed: int = 0,
        name: str | None = None,
        progress: Report | None = None,
        cancelled: Cancelled | None = None,
    ) -> xr.Dataset | None:
        """Grow branches from a step, as `branches.branch`; with a name, keep them in the study.

        ``actions`` may be text, too: ``"7 7 8"``, ``"recorded"``, or empty for none.
        """
        fork = Fork(trajectory, step, num_branches, num_steps, _forced(actions), seed, edits)
        found = self._do(
            lambda task: grow(task.agent, task.study, fork, task.report, task.cancelled), progress, cancelled
        )
        if found is not None and name is not None:
            keep(self._study, name, found)
        return found

    def look_at_world(self, progress: Report | None = None, cancelled: Cancelled | None = None) -> None:
        """Add the objects of every frame and the ends of the episodes to the study; both, or once cancelled neither."""

        def look(task: Task) -> None:
            seen = world.look(task.study, task.report, task.cancelled)
            ends = explain(task.study, task.report, task.cancelled)
            task.study["world"], task.study["endings"] = xr.DataTree(seen), xr.DataTree(ends)
            announce(task.study)

        self._do(look, progress, cancelled)


def _forced(actions: str | Sequence[int | str] | None) -> Any:
    """Return actions as `Fork` takes them."""
    if actions is None or actions == "recorded":
        return actions
    listed = actions.split() if isinstance(actions, str) else actions
    return [int(one) if isinstance(one, str) and one.isdecimal() else one for one in listed] or None
