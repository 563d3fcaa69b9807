"""Why an episode ended, and its last frame, which Procgen never shows.

Procgen opens the next level inside the step that ends an episode. So that step is taken again, in a spare world:

1. whatever could end the episode is disarmed (hazards and goals no longer touch, the clock never runs out), which moves
   nothing else;
2. the world after such a step, armed again, is the terminal state; what touches the agent there did it;
3. replay proves it: with those things alone armed the step still ends the episode, with all but them armed it does not.

What touches is what the source of Procgen 0.10.7 (Cobbe et al. 2020) tests in CoinRun and Maze, in its own float32. In
the other games replay finds the kinds of things without which the step ends nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.culprits import Trial, find
from rlvision_widgets.environments.environment import Environment
from rlvision_widgets.environments.games import GAMES, SPACE
from rlvision_widgets.environments.states import State, parse_state, serialise_state
from rlvision_widgets.environments.touch import Things

__all__ = ["Ending", "explain_end"]

EATEN = {"chaser": 1002, "maze": 2}  # cells that are emptied before the episode ends: orb, cheese


@dataclass(frozen=True, eq=False)
class Ending:
    """Why one episode ended.

    Attributes
    ----------
    causes : tuple of str
        Everything that ended it, each enough by itself: "coin", "cheese", "saw", "enemy moving left", "enemy moving
        right" ("enemy" where it stands), "lava", "timeout"; in other games an object class in words ("boss bullet"), or
        "rule" where no thing did it. CoinRun and Maze have no rules: "unexplained" is for worlds that are not theirs.
    objects : tuple of str
        The things among the causes: "entity 5" is that one of the entities of the state *before* the last action,
        "cell 12,3" column 12 of the grid's row 3 from the bottom.
    reward : float
        What the last action earned.
    completed : bool
        Whether it completed the level.
    state : bytes or None
        The terminal state: the world after the last action, with its reward, before the next level. A world that is
        put into it shows it as no opening of an episode. None where a rule ended the episode and cannot be put off.
    observation : uint8 array, (height, width, rgb), or None
        The terminal frame, which no agent sees.
    sufficient, necessary : bool or None
        Whether a replay in which only the causes are armed ends the episode, and one in which all but them are does
        not. None: not checked, or no thing did it.
    """

    causes: tuple[str, ...]
    objects: tuple[str, ...]
    reward: float
    completed: bool
    state: bytes | None
    observation: npt.NDArray[np.uint8] | None
    sufficient: bool | None
    necessary: bool | None

    @property
    def cause(self) -> str:
        """All causes in words, e.g. "saw and enemy moving left"."""
        return " and ".join(self.causes)


def explain_end(environment: Environment, state_before: bytes, action: int, check: bool = True) -> Ending:
    """Tell why a step ended an episode of Procgen, and what its last frame was.

    Parameters
    ----------
    environment : Environment
        One spare world with the game and options of the one in which the episode ended. It is left in the terminal
        state: its `render` draws the terminal frame in large.
    state_before : bytes
        The state before the step, from `get_state`.
    action : int
        The action that ended the episode.
    check : bool
        Prove the causes by replay.

    Returns
    -------
    Ending

    Raises
    ------
    ValueError
        When the step ends no episode; when the environment is not one world of the state's game.
    """
    if environment.name not in GAMES or environment.num_trajectories != 1:
        raise ValueError(
            f"explain_end needs one spare world of Procgen, and {environment.num_trajectories} of "
            f"{environment.name!r} came: make_environment(name, num_trajectories=1, ...) with the study's options."
        )
    trial = Trial(environment, parse_state(state_before), action)
    ended = trial.play(trial.before)
    if ended is None:
        raise ValueError(
            f"action {action} ends no episode in this state: give the state before an episode's last action, and that "
            "action."
        )
    marks = parse_state(environment.get_state(0)).values
    found = find(trial)
    after = trial.without(found.guilty)
    provable = check and bool(found.guilty)
    sufficient = trial.without(found.armed - found.guilty) is None if provable else None
    necessary = after is not None if provable else None
    if after is None:
        after = trial.without(found.armed)
    terminal = None if after is None else _terminal(after.state, found.guilty, marks)
    return Ending(
        causes=found.causes,
        objects=found.guilty.keys,
        reward=float(ended.reward[0]),
        completed=bool(ended.previous_level_complete[0]),
        state=terminal,
        observation=None if terminal is None else _shown(environment, terminal),
        sufficient=sufficient,
        necessary=necessary,
    )


def _terminal(state: State, guilty: Things, marks: Mapping[str, int | float]) -> bytes:
    """Give the world after the last action what the end of the episode left in it."""
    eaten = guilty.cells & (state.grid == EATEN.get(state.game, SPACE))
    earned = ("reward", "level_complete", "last_reward", "last_reward_timer")
    grid = np.where(eaten, SPACE, state.grid)
    return serialise_state(state.replace(grid=grid, **{name: marks[name] for name in earned}))


def _shown(environment: Environment, state: bytes) -> npt.NDArray[np.uint8]:
    environment.set_state(0, state)
    frame: npt.NDArray[np.uint8] = environment.observe().observation[0]
    return frame
