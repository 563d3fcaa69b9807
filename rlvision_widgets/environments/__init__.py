"""The world: Procgen through its own library, and Gymnasium's vector environments. The only room that knows either."""

from typing import Any

from rlvision_widgets.environments.environment import Environment, Observed
from rlvision_widgets.environments.procgen import ProcgenEnvironment

__all__ = ["Environment", "Observed", "ProcgenEnvironment", "make_environment"]


def make_environment(
    name: str, *, num_trajectories: int = 8, seed: int = 0, num_threads: int = 0, **options: Any
) -> ProcgenEnvironment:
    """Make a batch of Procgen games that step together."""
    return ProcgenEnvironment(name, num_trajectories=num_trajectories, seed=seed, num_threads=num_threads, **options)
