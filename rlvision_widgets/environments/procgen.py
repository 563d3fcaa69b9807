"""A batch of Procgen games that cannot end the process."""

import threading
from types import TracebackType
from typing import Any, Self

import numpy.typing as npt

from rlvision_widgets.environments.binding import Emulator, find_installation
from rlvision_widgets.environments.environment import Observed, check_actions
from rlvision_widgets.environments.games import ACTION_NAMES
from rlvision_widgets.environments.options import check_count, check_game, check_options, library_options

__all__ = ["ProcgenEnvironment"]

MOST_TRAJECTORIES = 16384  # some 12 GiB
MOST_THREADS = 256


class ProcgenEnvironment:
    """A batch of Procgen games that step together; see `make_environment`.

    Every method may be called from any thread: they wait for one another.
    """

    def __init__(
        self,
        name: str,
        *,
        num_trajectories: int = 8,
        seed: int = 0,
        num_threads: int = 0,
        directory: str | None = None,
        **options: Any,
    ) -> None:
        self.name = check_game(name)
        self.num_trajectories = check_count("num_trajectories", num_trajectories, 1, MOST_TRAJECTORIES)
        self.seed = check_count("seed", seed, 0)
        self.num_threads = check_count("num_threads", num_threads, 0, MOST_THREADS)
        self.options = check_options(self.name, options)
        self.action_names = ACTION_NAMES
        self._installation = find_installation(directory)
        self.package = self._installation.package
        self._lock = threading.RLock()
        self._open: dict[str, Emulator] = {}
        self._emulator("main")

    @property
    def has_states(self) -> bool:
        """Whether `get_state` and `set_state` work: not with ``use_generated_assets``."""
        return not self.options["use_generated_assets"]

    def _emulator(self, use: str) -> Emulator:
        """Return the emulator for `use`, made when first needed: "main", "picture" (large frames) or "level"."""
        if use not in self._open:
            main = use == "main"
            self._open[use] = Emulator(
                self._installation,
                self.num_trajectories if main else 1,
                library_options(self.name, self.options, seed=self.seed, num_threads=self.num_threads if main else 0),
                large_frames=use == "picture",
            )
        return self._open[use]

    def _main(self) -> Emulator:
        if not self._open:
            raise RuntimeError(f"this {self.name} environment is closed; make another with make_environment.")
        return self._open["main"]

    def observe(self, *, copy: bool = True) -> Observed:
        """Return what is on show now, waiting for a step that `act` started.

        Parameters
        ----------
        copy : bool
            False returns views of the emulator's own memory, which the next `act`, `step` or `set_state` overwrites:
            for loops that copy them elsewhere at once.
        """
        with self._lock:
            emulator = self._main()
            emulator.observe()
            arrays = (
                emulator.observation,
                emulator.reward,
                emulator.first,
                emulator.level_seed,
                emulator.previous_level_seed,
                emulator.previous_level_complete,
            )
            return Observed(*(array.copy() for array in arrays) if copy else arrays)

    def act(self, actions: npt.ArrayLike) -> None:
        """Start one step; with `num_threads` above 0 this returns at once, and `observe` waits for the end.

        Parameters
        ----------
        actions : array of int, (trajectory,)
            Indices into `action_names`.

        Raises
        ------
        TypeError, ValueError
            When they are not integers, one for each trajectory, in range.
        """
        checked = check_actions(actions, self.num_trajectories, len(self.action_names))
        with self._lock:
            emulator = self._main()
            if emulator.stepping:
                emulator.observe()
            emulator.action[:] = checked
            emulator.act()

    def step(self, actions: npt.ArrayLike) -> Observed:
        """Take one step and return copies of what came of it: `act`, then `observe`."""
        with self._lock:
            self.act(actions)
            return self.observe()

    def get_state(self, index: int) -> bytes:
        """Return the state of trajectory `index`: all that decides its future but the options of its pictures."""
        with self._lock:
            return self._main().get_state(index)

    def set_state(self, index: int, state: bytes) -> None:
        """Put trajectory `index` into `state`; `observe` then shows it."""
        with self._lock:
            self._main().set_state(index, state)

    def close(self) -> None:
        """Free the emulators' memory. May be called twice."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
