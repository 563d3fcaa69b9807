"""The world: Procgen through its own library, and Gymnasium's vector environments. The only room that knows either."""

from typing import Any

from rlvision_widgets.environments.environment import Environment, Observed
from rlvision_widgets.environments.procgen import ProcgenEnvironment

__all__ = ["Environment", "Observed", "ProcgenEnvironment", "make_environment"]


def make_environment(
    name: str,
    *,
    num_trajectories: int = 8,
    seed: int = 0,
    num_threads: int = 0,
    directory: str | None = None,
    **options: Any,
) -> ProcgenEnvironment:
    """Make a batch of worlds that step together.

    Parameters
    ----------
    name : str
        One of Procgen's sixteen games, e.g. ``"coinrun"``.
    num_trajectories : int
        How many worlds; each takes about 0.7 MiB.
    seed : int
        Which levels each world draws, from 0 to 2**31 - 1.
    num_threads : int
        Threads that step the worlds. 0 steps them in the calling thread, which is the least work; with more, `act`
        returns at once and the step goes on beside whatever Python does until `observe`.
    directory : str or None
        A folder with an unpacked Procgen wheel, instead of the installed package; so does the environment variable
        ``RLVISION_PROCGEN``.
    **options
        Procgen's own, with its own defaults:

        - ``distribution_mode="hard"``: also "easy", and for some games "extreme", "memory" or "exploration"
        - ``num_levels=0, start_level=0``: the levels to draw from; 0 is all of them
        - ``use_sequential_levels=False``: a completed level is followed by the next, in the same episode
        - ``center_agent=True``: False shows the whole level
        - ``use_backgrounds=True, use_monochrome_assets=False, restrict_themes=False``: how it looks
        - ``use_generated_assets=False``: pictures drawn at random; such worlds have no states
        - ``paint_vel_info=False``: the agent's velocity as two grey squares
        - ``debug_mode=0``: bits that leave parts of a game out

    Returns
    -------
    ProcgenEnvironment
        A context manager; closing it frees the worlds.

    Raises
    ------
    ImportError
        When Procgen is not there, or does not load; says what to install.
    TypeError, ValueError
        When an argument or option is none, of the wrong type, out of range, or not for this game.
    """
    return ProcgenEnvironment(
        name, num_trajectories=num_trajectories, seed=seed, num_threads=num_threads, directory=directory, **options
    )
