"""Levels that an agent plays side by side, each once: its outcome depends on the seed and on the level alone.

Three crews take turns on two cores (one more crew than there are threads of torch), each a batch of worlds with the
network in one thread: while one crew's worlds step, another's network computes, and no operation is split between
threads. A world whose level is over opens the next one; when none is left the batch shrinks, so that the last levels,
which are the longest, do not drag idle worlds through the network.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from rlvision_widgets.analysis.playing import Act, Player, ended, streams
from rlvision_widgets.environments.environment import Environment, Observed

__all__ = ["Crew", "LevelEnvironment", "Outcome", "Part", "draw_levels", "play_crews"]

NUM_LEVELS = 2**31 - 1  # Procgen's level seeds are below this
DRAWN = 4096  # level seeds drawn at once; a constant, so that fewer levels are the first ones of more
SPENT = ("network", "worlds", "causes")
TURN = 8  # steps that a crew plays before it hands in what is over: an interrupt waits for the turns under way


class LevelEnvironment(Environment, Protocol):
    """A batch of worlds in which a level can be opened by its seed."""

    def load_level(self, index: int, level_seed: int) -> None:
        """Start an episode of a level in trajectory `index`."""


class Outcome(NamedTuple):
    """How one level went; `cause` is None where it was not looked for, "" where it cannot be told."""

    level_seed: int
    success: bool
    length: int
    earned: float
    cause: str | None


class Part(NamedTuple):
    """Levels that are over, and the time so far by what it went into."""

    outcomes: list[Outcome]
    seconds: Mapping[str, float]


# Tells why a level ended, from its seed, the actions played in it and whether it was completed.
Explain = Callable[[int, bytes, bool], str]


def draw_levels(levels: int | Sequence[int] | npt.NDArray[np.integer], seed: int) -> npt.NDArray[np.int64]:
    """Return level seeds, each once: those given, or a number of them drawn by `seed`.

    Fewer levels of a seed are the first ones of more, so that a measurement can be extended.
    """
    if isinstance(levels, bool | np.bool_) or (np.ndim(levels) == 0 and not isinstance(levels, int | np.integer)):
        raise TypeError(f"levels must be a number, or a list of level seeds (integers), and {levels!r} came")
    if isinstance(levels, int | np.integer):
        return _drawn(int(levels), seed)
    seeds = np.asarray(levels)
    if seeds.ndim != 1 or len(seeds) == 0 or seeds.dtype.kind not in "iu":
        raise ValueError(f"levels must be a number, or a list of level seeds (integers), and {levels!r} came")
    if seeds.min() < 0 or seeds.max() >= NUM_LEVELS:
        raise ValueError(
            f"level seeds must be from 0 to {NUM_LEVELS - 1}; these go from {seeds.min()} to {seeds.max()}"
        )
    if len(np.unique(seeds)) < len(seeds):
        raise ValueError("some level seeds come twice; their outcomes are the same, so that the rate would mislead")
    return seeds.astype(np.int64)


def _drawn(number: int, seed: int) -> npt.NDArray[np.int64]:
    if not 1 <= number <= NUM_LEVELS // 100:
        raise ValueError(f"levels must be at least 1 and at most {NUM_LEVELS // 100}, and {number} came")
    generator, seeds = np.random.default_rng(seed), dict[int, None]()
    while len(seeds) < number:
        seeds |= dict.fromkeys(generator.integers(0, NUM_LEVELS, DRAWN).tolist())
    return np.array(list(seeds)[:number])


@dataclass
class _Attempt:
    """One level that is being played."""

    level_seed: int
    stream: np.random.Generator
    actions: bytearray = field(default_factory=bytearray)
    earned: float = 0.0


class Crew:
    """A batch of worlds and who plays in them: opens levels as long as there are any.

    Parameters
    ----------
    act : callable
        See `collect_rollout`.
    worlds : LevelEnvironment
    seed : int
        Of the action noise.
    waiting : deque of int
        The levels that nobody has opened yet; crews share it.
    explain : callable, optional
        Tells causes; without it they are None.

    Attributes
    ----------
    seconds : dict
        Time of this crew's thread, by what of `SPENT` it went into.
    """

    def __init__(
        self, act: Act, worlds: LevelEnvironment, seed: int, waiting: deque[int], explain: Explain | None
    ) -> None:
        self._player = Player(act, worlds.action_names)
        self._shrinks = not getattr(act, "recurrent", False)  # a recurrent state is opaque: no row can leave it
        self._worlds, self._seed, self._waiting, self._explain = worlds, seed, waiting, explain
        self._attempts: list[_Attempt | None] = [None] * worlds.num_trajectories
        self._idle = np.random.default_rng(0)  # the luck of a world that runs along unseen
        self._observed: Observed | None = None
        self._lock = threading.Lock()
        self.seconds: dict[str, float] = dict.fromkeys(SPENT, 0.0)

    @property
    def busy(self) -> bool:
        """Whether a level is open here or waits for a crew."""
        return bool(self._waiting) or any(attempt is not None for attempt in self._attempts)

    def turn(self) -> list[Outcome]:
        """Play some steps; return what became of the levels that ended."""
        with self._lock:
            if self._observed is None:
                with self._clock("worlds"):
                    for index in range(len(self._attempts)):
                        self._open(index)
                    self._observed = self._worlds.observe()
            return [outcome for _ in range(TURN) if self.busy for outcome in self._step()]

    def _step(self) -> Iterator[Outcome]:
        assert self._observed is not None
        rows = [row for row, attempt in enumerate(self._attempts) if attempt is not None or not self._shrinks]
        action = np.zeros(len(self._attempts), np.int32)
        with self._clock("network"):
            shown = _only(self._observed, rows)
            luck = [
                self._idle if attempt is None else attempt.stream for attempt in map(self._attempts.__getitem__, rows)
            ]
            action[rows] = self._player.play(shown, luck).action
        with self._clock("worlds"):
            after = self._worlds.step(action)
            over, opened = ended(self._observed, after), False
        for index, attempt in enumerate(self._attempts):
            if attempt is None:
                continue
            attempt.actions.append(action[index])
            attempt.earned += float(after.reward[index])
            if over[index]:
                yield self._outcome(attempt, bool(after.previous_level_complete[index]))
                with self._clock("worlds"):
                    opened = self._open(index) or opened
        self._observed = self._worlds.observe() if opened else after

    def _open(self, index: int) -> bool:
        """Open the next level in one of the worlds; tell whether there was one."""
        try:
            level_seed = self._waiting.popleft()
        except IndexError:
            self._attempts[index] = None
            return False
        self._worlds.load_level(index, level_seed)
        self._attempts[index] = _Attempt(level_seed, streams(self._seed, [level_seed])[0])
        return True

    def _outcome(self, attempt: _Attempt, success: bool) -> Outcome:
        cause = None
        if self._explain is not None:
            with self._clock("causes"):
                cause = self._explain(attempt.level_seed, bytes(attempt.actions), success)
        return Outcome(attempt.level_seed, success, len(attempt.actions), attempt.earned, cause)

    def _clock(self, what: str) -> "_Clock":
        return _Clock(self.seconds, what)


def _only(observed: Observed, rows: Sequence[int]) -> Observed:
    """Return what some of the worlds show."""
    chosen: Any = (array[rows] for array in observed)
    return Observed(*chosen)


class _Clock:
    """Adds the processor time of this thread within a block to a counter."""

    def __init__(self, seconds: dict[str, float], what: str) -> None:
        self._seconds, self._what = seconds, what

    def __enter__(self) -> None:
        self._start = time.thread_time()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._what] += time.thread_time() - self._start


def play_crews(crews: Sequence[Crew]) -> Generator[Part, None, None]:
    """Let crews play until no level is left; yield what each turn brought. Several play side by side."""
    from rlvision_widgets.agents.workers import side_by_side

    def turns() -> Iterator[Crew]:
        for place, crew in cycle(enumerate(crews)):  # all in turn: none is then asked again before it has answered
            if place == 0 and not any(each.busy for each in crews):
                return
            yield crew

    played = side_by_side(Crew.turn, turns()) if len(crews) > 1 else (crew.turn() for crew in turns())
    with closing(played):  # which waits for the turns under way
        for outcomes in played:
            yield Part(outcomes, {what: sum(crew.seconds[what] for crew in crews) for what in SPENT})
