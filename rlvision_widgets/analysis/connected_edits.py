"""What a connected agent can be asked about itself, edited: what it makes of a frame, how it plays on, how it fails."""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import NetworkEdit
from rlvision_widgets.analysis.bench import Bench, Place, look
from rlvision_widgets.analysis.connected_world import ConnectedWorld
from rlvision_widgets.analysis.counterfactual import Imagined
from rlvision_widgets.analysis.edit_entries import Entry, read
from rlvision_widgets.analysis.playing_on import RECORDED
from rlvision_widgets.analysis.progress import Cancelled, Report
from rlvision_widgets.analysis.racing import Course, Runs, race
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.analysis.small_measure import Meter

__all__ = ["ConnectedEdits"]

T = TypeVar("T")
Entries = Iterable[Mapping[str, Any]]


class ConnectedEdits(ConnectedWorld):
    """The part of a `Connection` that edits the agent (abstract).

    In all its methods ``edits`` are entries as `widgets.edit_list.effective` returns them; ``progress``, ``cancelled``
    and what is returned once cancelled are as in `Connection`. ValueError says why an edit cannot be made.

    Parameters
    ----------
    agent : Agent
    study : DataTree
    """

    def __init__(self, agent: Agent, study: xr.DataTree) -> None:
        super().__init__(study)
        self._agent = agent
        self._bench = Bench(agent, study)
        self._runs = Runs()
        self._is_opened = False

    @cached_property
    def _meter(self) -> Meter:
        # a copy: it plays beside what else is computed, and a wrapped network cannot be run by two at once
        return Meter(dataclasses.replace(self._agent), self._study)

    def edited_agent(self, edits: Entries = ()) -> Agent:
        """Return the agent with edits made in it; the agent itself without any."""
        found = _edits(read(self._study, edits))
        if not found:
            return self._agent
        return self._alone(lambda: self._bench.made(found).agent)

    def edit_places(self, layer: str) -> tuple[str, ...]:
        """Return where a direction of a layer can be edited, the usual place first; see `editing.edit_places`."""
        return self._alone(lambda: self._bench.places(layer))

    def look_edited(  # noqa: PLR0917 - a place, a question and two callbacks
        self,
        trajectory: int,
        step: int,
        layer: str,
        output: str = "value",
        edits: Entries = (),
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Imagined | None:
        """Look at a frame with the original agent and the edited one; see `bench.look`."""
        place, entries = Place(trajectory, step, layer, output), read(self._study, edits)
        found = self._do(lambda task: look(task, self._bench, self._eye, place, entries), progress, cancelled)
        self._open_world(trajectory, step)
        return found

    def race(  # noqa: PLR0917
        self,
        trajectory: int,
        step: int,
        edits: Entries = (),
        num_steps: int = 100,
        seed: int = RECORDED,
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Imagined | None:
        """Let both play on from a recorded step, with the same luck; see `racing.race`."""
        entries = read(self._study, edits)
        edited = self.edited_agent(edits)
        course = Course(trajectory, step, num_steps, seed)
        found = self._do(lambda task: race(task, self._runs, edited, course), progress, cancelled)
        return None if found is None else _with_texts(found, entries)

    def _alone(self, work: Callable[[], T]) -> T:
        """Do what must not meet a computation of a wrapped network, which two cannot run or copy at once."""
        if self._agent.network.concurrent:
            return work()
        found = self._do(lambda _: work(), None, None)
        assert found is not None  # only what is cancelled returns nothing
        return found

    def _open_world(self, trajectory: int, step: int) -> None:
        """Open the world while the first frame is looked at: Procgen takes seconds, and a race is to start at once."""
        if self._is_opened:
            return
        self._is_opened = True

        def work() -> None:
            with contextlib.suppress(ImportError, ValueError):  # a race says so when it is asked for
                world = world_of(self._study)
                self._lab.show(world.state(trajectory, step))

        threading.Thread(target=work, name="rlvision-world", daemon=True).start()

    def measure(
        self,
        edits: Entries = (),
        levels: int = 256,
        seed: int = 0,
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Imagined | None:
        """Let both play the same levels; see `small_measure.Meter`. Other methods can be called meanwhile."""
        entries = read(self._study, edits)
        try:
            meter = self._do(lambda _: self._meter, progress, cancelled)
            if meter is None:
                return None
            found = meter.measure(_edits(entries), levels, seed, progress or _silent, cancelled or _never)
        except Cancelled:
            return None
        return _with_texts(found, entries)


def _edits(entries: Iterable[Entry]) -> list[NetworkEdit]:
    return [edit for entry in entries for edit in entry.edits]


def _with_texts(found: Imagined, entries: Iterable[Entry]) -> Imagined:
    return found._replace(told={**found.told, "texts": [entry.text for entry in entries]})


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Report nothing."""


def _never() -> bool:
    """Never cancel."""
    return False
