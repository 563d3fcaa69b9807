"""The world: Procgen through its own library, and Gymnasium's vector environments. The only room that knows either."""

from typing import TYPE_CHECKING, Any

from rlvision_widgets.environments.environment import Environment, Observed
from rlvision_widgets.environments.procgen import ProcgenEnvironment

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv

__all__ = ["Environment", "Observed", "ProcgenEnvironment", "make_environment"]


def make_environment(
    name: "str | VectorEnv[Any, Any, Any]",
    *,
    num_trajectories: int | None = None,
    seed: int = 0,
    num_threads: int = 0,
    directory: str | None = None,
    **options: Any,
) -> Environment:
    """Make a batch of worlds that step together.

    Parameters
    ----------
    name : str or gymnasium.vector.VectorEnv
        One of Procgen's sixteen games, e.g. ``"coinrun"``; or a Gymnasium id after ``"gymnasium:"``, e.g.
        ``"gymnasium:ALE/Breakout-v5"``; or a vector environment. Gymnasium's must have images (uint8; grey, coloured,
        or a stack of the last ones, of which the newest is shown) and discrete actions. They have no states, and a
        level is the seed that a world is reset with.
    num_trajectories : int or None
        How many worlds; None is 8, or as many as a vector environment has. Each of Procgen's takes about 0.7 MiB.
    seed : int
        Which levels each world draws, from 0 to 2**31 - 1.
    num_threads : int
        Threads that step the worlds. 0 steps them in the calling thread, which is the least work; with more, `act`
        returns at once and the step goes on beside whatever Python does until `observe`.
    directory : str or None
        A folder with an unpacked Procgen wheel, instead of the installed package; so does the environment variable
        ``RLVISION_PROCGEN``.
    **options
        For a Gymnasium id, what its constructor takes; and ``preprocessing="atari"``, which shows an Atari game small
        (84 x 84) and grey, with each action repeated four times. A mapping changes that: ``{"screen_size": 96}``, or
        another option of `gymnasium.wrappers.AtariPreprocessing`. For Procgen, its own, with its own defaults:

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
    Environment
        A `ProcgenEnvironment` or `GymnasiumEnvironment`. A context manager; closing it frees the worlds.

    Raises
    ------
    ImportError
        When Procgen or Gymnasium is not there, or does not load; says what to install.
    TypeError, ValueError
        When an argument or option is none, of the wrong type, out of range, or not for this game.
    """
    if not isinstance(name, str) or name.startswith("gymnasium:"):
        if num_threads or directory is not None:
            raise TypeError("num_threads and directory are for Procgen; a Gymnasium environment takes neither.")
        return _gymnasium(name, num_trajectories, seed, options)
    number = 8 if num_trajectories is None else num_trajectories
    return ProcgenEnvironment(
        name, num_trajectories=number, seed=seed, num_threads=num_threads, directory=directory, **options
    )


def _gymnasium(source: Any, num_trajectories: int | None, seed: int, options: dict[str, Any]) -> Environment:
    try:
        from rlvision_widgets.environments.gymnasium import GymnasiumEnvironment
    except ModuleNotFoundError as error:
        if error.name != "gymnasium":
            raise
        if not isinstance(source, str):
            raise TypeError(f"an environment is a name, e.g. 'coinrun', and a {type(source).__name__} came.") from error
        raise ImportError(
            f"{source!r} needs Gymnasium, which is not installed: pip install 'rlvision-widgets[gymnasium]'."
        ) from error
    return GymnasiumEnvironment(source, num_trajectories=num_trajectories, seed=seed, **options)
