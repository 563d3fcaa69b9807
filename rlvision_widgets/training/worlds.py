"""The worlds of a run: one batch, or groups that step while the network decides for another."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments import Environment, make_environment
from rlvision_widgets.environments.edited import edited_environment
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.training.options import TrainingOptions

__all__ = ["Make", "Worlds", "evaluation_world", "make_worlds"]

Make = Callable[..., Environment]


class Worlds:
    """Groups of worlds of one kind and equal size, in their order; a context manager that closes them.

    Attributes
    ----------
    groups : tuple of Environment
    rows : tuple of slice
        Which trajectories each group has, of all.
    """

    def __init__(self, groups: Iterable[Environment]) -> None:
        self.groups = tuple(groups)
        size = self.groups[0].num_trajectories
        self.rows = tuple(slice(i * size, (i + 1) * size) for i in range(len(self.groups)))

    @property
    def any(self) -> Environment:
        """One group, for what all have in common: options, action names, package."""
        return self.groups[0]

    def observation(self) -> npt.NDArray[np.uint8]:
        """Return what is on show in all worlds, (trajectory, height, width, rgb)."""
        return np.concatenate([group.observe().observation for group in self.groups])

    def states(self) -> list[bytes]:
        """Return the state of every trajectory; none where worlds have no states."""
        return [
            group.get_state(index)
            for group in self.groups
            if group.has_states
            for index in range(group.num_trajectories)
        ]

    def set_states(self, states: Iterable[bytes]) -> None:
        """Put every trajectory into its state."""
        trajectories = ((group, index) for group in self.groups for index in range(group.num_trajectories))
        for (group, index), state in zip(trajectories, states, strict=True):
            group.set_state(index, state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for group in self.groups:
            group.close()


def make_worlds(options: TrainingOptions, make: Make | None = None) -> Worlds:
    """Make the worlds of a run; groups after the first draw levels of their own.

    Parameters
    ----------
    options : TrainingOptions
        What to make, and the edits of every level that opens.
    make : callable, optional
        As `make_environment`, which is the default.
    """
    size = options.num_trajectories // options.groups
    with ExitStack() as opened:
        groups = []
        for seed in group_seeds(options.seed, options.groups):
            group = (make or make_environment)(
                options.environment, num_trajectories=size, seed=seed, **_threads(options), **options.world
            )
            opened.enter_context(group)
            groups.append(edited_environment(group, options.edits) if options.edits else group)
        opened.pop_all()
    return Worlds(groups)


def evaluation_world(options: TrainingOptions, make: Make | None = None) -> Environment | None:
    """Return worlds to evaluate in that the agent's own name and options do not make; None where they do."""
    if make is None and not options.edits:
        return None
    world = (make or make_environment)(options.environment, num_trajectories=16, seed=0, **options.world)
    return edited_environment(world, options.edits) if options.edits else world


def group_seeds(seed: int, count: int) -> list[int]:
    """Return a seed for each group; the first has the run's own."""
    others = np.random.SeedSequence(seed).generate_state(count)[1:] % 2**31
    return [seed, *map(int, others)]


def _threads(options: TrainingOptions) -> dict[str, Any]:
    """Return the argument for threads, which only Procgen takes; without threads `act` would wait for its step."""
    threads = options.environment_threads or int(options.groups > 1)
    return {"num_threads": threads} if threads and options.environment in GAMES else {}
