"""A batch of Procgen games that cannot end the process."""

import functools
import threading
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.binding import Emulator, find_installation
from rlvision_widgets.environments.environment import Observed, check_actions
from rlvision_widgets.environments.games import ACTION_NAMES
from rlvision_widgets.environments.options import check_count, check_game, check_options, library_options
from rlvision_widgets.environments.states import State, parse_state, serialise_state, with_level
from rlvision_widgets.environments.validation import check_state, missing

__all__ = ["ProcgenEnvironment"]

MOST_TRAJECTORIES = 16384  # some 12 GiB
MOST_THREADS = 256
MOST_SOUND = 2**17  # of a game, some 10 MB
FORCED_RESET = -1  # the action that ends an episode


class Sound:
    """States that need no checking: the last ones that were checked or that a game has come to by itself.

    Most states that are set were taken a moment before, and checking one takes as long as drawing it. What a game comes
    to after it was edited is checked: such a game can lose what it needs, its agent for instance.
    """

    def __init__(self) -> None:
        self._hashes: dict[int, bool] = {}  # whether the game was never edited; in the order in which they came
        self._lock = threading.Lock()

    def find(self, state: bytes) -> bool | None:
        """Return whether a state is of a game that was never edited; None if it needs checking."""
        return self._hashes.get(hash(state))

    def add(self, state: bytes, unedited: bool) -> None:
        """Remember a state; the oldest one may go."""
        with self._lock:
            self._hashes[hash(state)] = unedited
            if len(self._hashes) > MOST_SOUND:
                del self._hashes[next(iter(self._hashes))]


@functools.cache
def _sound(_game: str, _mode: str, _restrict_themes: bool) -> Sound:
    """Return what is remembered for environments that take each other's states."""
    return Sound()


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
        self.action_names: tuple[str, ...] = ACTION_NAMES
        self.directory = directory
        self._installation = find_installation(directory)
        self.package = self._installation.package
        self._lock = threading.RLock()
        self._open: dict[str, Emulator] = {}
        self._unstepped: State | None = None
        self._edited: set[int] = set()  # or set to a state of unknown origin
        self._sound = _sound(self.name, self.options["distribution_mode"], self.options["restrict_themes"])
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
        """Return the state of trajectory `index`: all that decides its future. `parse_state` reads it.

        Raises
        ------
        RuntimeError
            With ``use_generated_assets``, whose pictures Procgen does not save.
        """
        with self._lock:
            state = self._stateful().get_state(self._index(index))
            if index not in self._edited:
                self._sound.add(state, unedited=True)
            return state

    def set_state(self, index: int, state: bytes) -> None:
        """Put trajectory `index` into `state`; `observe` then shows it, with the reward and `first` of that moment.

        The trajectory also goes on with the levels of the environment that the state comes from: their range and
        their random generator are part of it.

        Parameters
        ----------
        index : int
        state : bytes or an array of bytes
            From `get_state` of an environment of the same game, distribution mode and restrict_themes; or changed and
            put together again by `serialise_state`.

        Raises
        ------
        ValueError
            When it is none, or one that Procgen would not survive; lists everything that is wrong.
        """
        data = memoryview(state).tobytes()
        with self._lock:
            emulator = self._stateful()
            index, unedited = self._index(index), self._sound.find(data)
            if unedited is None:
                check_state(parse_state(data), self.name, self.options)
                self._sound.add(data, unedited=False)
            emulator.set_state(index, data)
            (self._edited.discard if unedited else self._edited.add)(index)

    def load_level(self, index: int, level_seed: int) -> None:
        """Start an episode of the level `level_seed` in trajectory `index`; `observe` then shows its first frame.

        The episode is the one that an environment made with ``start_level=level_seed, num_levels=1`` opens. What was
        on show is given up, without a reward. Levels after this one are drawn as if it had not been there.

        Parameters
        ----------
        index : int
        level_seed : int
            From 0 to 2**31 - 2.
        """
        with self._lock:
            emulator, index = self._stateful(), self._index(index)
            before = parse_state(emulator.get_state(index))
            opened = self._open_level(level_seed)
            ours = ("level_seed_low", "level_seed_high", "game_n")
            state = opened.replace(
                prev_level_seed=before.values["current_level_seed"],
                level_seed_rand_gen=before.generators["level_seed_rand_gen"],
                done=1,
                episode_done=1,
                **{name: before.values[name] for name in ours},
            )
            emulator.set_state(index, serialise_state(state))

    def _open_level(self, level_seed: int) -> State:
        """Let an environment that has never stepped reset into a level; elsewhere, a game's past can show in it."""
        emulator = self._emulator("level")
        if self._unstepped is None:
            self._unstepped = parse_state(emulator.get_state(0))
        emulator.set_state(0, serialise_state(with_level(self._unstepped, level_seed)))
        emulator.action[:] = FORCED_RESET
        emulator.act()
        return parse_state(emulator.get_state(0))

    def render(self, index: int) -> npt.NDArray[np.uint8]:
        """Return a smooth, large frame of trajectory `index`, (512, 512, rgb), uint8.

        It is drawn by a second environment, so that stepping stays fast: some 2 ms.

        Raises
        ------
        ValueError
            When the agent or the goal has gone, as it may in an edited world: what is outside can be erased.
        """
        with self._lock:
            state = self._stateful().get_state(self._index(index))
            if gone := missing(parse_state(state)):  # setting such a state ends the process
                raise ValueError(f"this world of {self.name} has lost its entities of type {gone}: no large frame.")
            emulator = self._emulator("picture")
            emulator.set_state(0, state)
            emulator.observe()
            frame: npt.NDArray[np.uint8] = emulator.large_frame[0].copy()
            return frame

    def _stateful(self) -> Emulator:
        if not self.has_states:
            raise RuntimeError(
                f"this {self.name} environment draws its own pictures (use_generated_assets=True), which Procgen does "
                "not save: it has no states. Make it without that option."
            )
        return self._main()

    def _index(self, index: int) -> int:
        return check_count("the index of a trajectory", index, 0, self.num_trajectories - 1)

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
