"""How often an agent completes levels, and how sure that number is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.playing import Act, Player, describe, ended, make_world, streams
from rlvision_widgets.analysis.progress import track
from rlvision_widgets.environments.environment import Environment
from rlvision_widgets.names import strict_keywords

__all__ = ["evaluate", "wilson_interval"]

NUM_LEVELS = 2**31 - 1  # Procgen's level seeds are below this
LEVEL_OPTIONS = ("num_levels", "start_level", "use_sequential_levels")  # here it is `levels` that says which


class LevelEnvironment(Environment, Protocol):
    """A batch of worlds in which a level can be opened by its seed."""

    def load_level(self, index: int, level_seed: int) -> None:
        """Start an episode of a level in trajectory `index`."""


@strict_keywords
def evaluate(
    agent: Act,
    levels: int | Sequence[int] | npt.NDArray[np.integer] = 2048,
    seed: int = 0,
    *,
    num_trajectories: int = 64,
    environment: LevelEnvironment | Mapping[str, Any] | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Let an agent play each of many levels once, with sampled actions.

    Parameters
    ----------
    agent : Agent or callable
        See `collect_rollout`.
    levels : int or sequence of int
        How many, drawn from all that there are; or the level seeds themselves, each once.
    seed : int
        Draws the levels and the action noise. The noise of a level depends on the seed and on the level alone, so that
        two agents, or the same one elsewhere in a batch, play a level with the same luck.
    num_trajectories : int
        Levels that are played side by side; changes the speed and not the outcome (but for rounding in the network,
        where its library computes batches of different sizes differently).
    environment : mapping or Environment, optional
        The game's name as ``name`` and its options, without which they are the agent's own; or a batch of worlds with
        `load_level`, which is left open.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Dataset, (condition, level)
        success (the level was completed), length (steps of the episode), return (sum of raw rewards), over condition
        ``"original"``; coordinate level_seed (level). attrs: success_rate and its 95 % wilson_interval [low, high];
        agent, checkpoint, environment, environment_options and seed.

    Notes
    -----
    An interrupt (Ctrl-C) ends it without a result.
    """
    seeds = _level_seeds(levels, seed)
    if environment is None or isinstance(environment, Mapping):
        number = min(num_trajectories, len(seeds))
        with make_world(agent, environment, num_trajectories=number, without=LEVEL_OPTIONS) as worlds:
            return _evaluate(agent, worlds, seeds, seed, progress)
    return _evaluate(agent, environment, seeds, seed, progress)


def wilson_interval(successes: int, number: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return an interval for a rate, given how often something succeeded.

    Wilson's score interval: all rates p for which the observed one is within z standard deviations of p. It stays
    within 0 and 1, and says something even when nothing failed (Wilson 1927).

    Parameters
    ----------
    successes, number : int
        Successes among this many independent trials.
    confidence : float
        Share of such intervals that contain the true rate.
    """
    if not 0 <= successes <= number or number == 0:
        raise ValueError(f"expected 0 <= successes <= number, number at least 1; got {successes} of {number}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, and {confidence} came.")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, spread = successes / number, z**2 / number
    middle = (rate + spread / 2) / (1 + spread)
    half = (z / (1 + spread)) * (rate * (1 - rate) / number + spread / (4 * number)) ** 0.5
    # at the ends the bounds are 0 and 1 exactly, which rounding would miss
    return 0.0 if successes == 0 else middle - half, 1.0 if successes == number else middle + half


def _evaluate(agent: Act, worlds: Any, seeds: npt.NDArray[np.int64], seed: int, progress: bool) -> xr.Dataset:
    if not hasattr(worlds, "load_level"):
        raise ValueError(
            f"{worlds.name} has no levels that can be opened by their seed: evaluate needs a Procgen game. "
            "Elsewhere, count the outcomes of episodes(collect_rollout(...))."
        )
    played = sorted(track(_play(agent, worlds, seeds, seed), "levels", "level", progress, len(seeds)))
    dims = "condition", "level"
    success = np.array([[outcome.success for outcome in played]])
    successes, number = int(success.sum()), success.size
    return xr.Dataset(
        {
            "success": (dims, success),
            "length": (dims, np.array([[outcome.length for outcome in played]], np.int32)),
            "return": (dims, np.array([[outcome.earned for outcome in played]], np.float32)),
        },
        coords={"condition": ["original"], "level_seed": ("level", seeds.astype(np.int32))},
        attrs={
            **describe(agent, worlds),
            "seed": seed,
            "success_rate": successes / number,
            "wilson_interval": list(wilson_interval(successes, number)),
        },
    )


@dataclass
class _Attempt:
    """One level that is being played."""

    place: int
    stream: np.random.Generator
    length: int = 0
    earned: float = 0.0


class _Outcome(NamedTuple):
    place: int
    success: bool
    length: int
    earned: float


def _play(agent: Act, worlds: Any, seeds: npt.NDArray[np.int64], seed: int) -> Iterator[_Outcome]:
    """Play all levels, as many at a time as there are worlds; yield the outcome of each when it ends."""
    player = Player(agent, worlds.action_names)
    waiting = iter(enumerate(seeds))
    attempts: list[_Attempt] = []
    for index in range(worlds.num_trajectories):
        attempt = _begin(worlds, index, waiting, seed)
        # more worlds than levels: the others run along unseen
        attempts.append(attempt or _Attempt(-1, np.random.default_rng(0)))
    observed = worlds.observe()
    remaining = len(seeds)
    while remaining:
        action = player.play(observed, [attempt.stream for attempt in attempts]).action
        after = worlds.step(action)
        over = ended(observed, after)
        for index, attempt in enumerate(attempts):
            attempt.length += 1
            attempt.earned += float(after.reward[index])
            if over[index] and attempt.place >= 0:
                success = bool(after.previous_level_complete[index])
                yield _Outcome(attempt.place, success, attempt.length, attempt.earned)
                remaining -= 1
                attempts[index] = _begin(worlds, index, waiting, seed) or _Attempt(-1, attempt.stream)
        observed = worlds.observe() if over.any() else after


def _begin(worlds: Any, index: int, waiting: Iterator[tuple[int, np.int64]], seed: int) -> _Attempt | None:
    """Open the next level in one of the worlds; None when none is left."""
    following = next(waiting, None)
    if following is None:
        return None
    place, level_seed = following
    worlds.load_level(index, int(level_seed))
    return _Attempt(place, streams(seed, [int(level_seed)])[0])


def _level_seeds(levels: int | Sequence[int] | npt.NDArray[np.integer], seed: int) -> npt.NDArray[np.int64]:
    if isinstance(levels, int | np.integer):
        if levels < 1:
            raise ValueError(f"levels must be at least 1, and {levels} came")
        return np.random.default_rng(seed).choice(NUM_LEVELS, int(levels), replace=False)
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
