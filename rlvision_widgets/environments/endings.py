"""Why an episode ended, and its last frame, which Procgen never shows.

Procgen opens the next level inside the step that ends an episode. So that step is taken again, in a spare world:

1. whatever could end the episode is disarmed (hazards and goals no longer touch, the clock never runs out), which moves
   nothing else;
2. the world after such a step, armed again, is the terminal state; what touches the agent there did it;
3. replay proves it: with those things alone armed the step still ends the episode, with all but them armed it does not.

What touches is what the source of Procgen 0.10.7 (Cobbe et al. 2020) tests in CoinRun and Maze, in its own float32. In
the other games replay finds the kinds of things without which the step ends nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.catalogue import class_of_cell, class_of_entity
from rlvision_widgets.environments.environment import Environment, Observed
from rlvision_widgets.environments.games import AGENT, GAMES, SPACE
from rlvision_widgets.environments.states import State, parse_state, serialise_state
from rlvision_widgets.environments.touch import Rearmed, Things, agent_of, disarm, rearm, touched_cells, touching

__all__ = ["Ending", "explain_end"]

SAW, ENEMY = 2, 5  # CoinRun's entity types
COIN, LAVA, CHEESE = 1, (17, 18), 2  # values of cells, of CoinRun and of Maze
CELLS = {"chaser": (1002,), "leaper": (3,), "miner": (3, 4), "ninja": (6, 14)}  # that end other games' episodes
NEAR = 2  # cells around the agent in which these are looked for
EATEN = {"chaser": 1002, "maze": CHEESE}  # cells that are empty before the episode ends
ORDER = ("coin", "cheese", "saw", "enemy", "enemy moving left", "enemy moving right", "lava")


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


class _Found(NamedTuple):
    """What ended an episode: all that was armed, what of it did it, and its names."""

    armed: Things
    guilty: Things
    causes: tuple[str, ...]


class _Trial:
    """The last step of an episode, to be taken again and again in a spare world."""

    def __init__(self, environment: Environment, before: State, action: int) -> None:
        self.environment, self.before, self.action = environment, before, action
        self.nothing = Things.none(before)
        self.clock = replace(self.nothing, clock=True)
        self.runs_out = before.values["cur_time"] + 1 >= before.values["timeout"]

    def play(self, state: State) -> Observed | None:
        """Take the step from `state`; return what came of it if it ended the level."""
        self.environment.set_state(0, serialise_state(state))
        observed = self.environment.step([self.action])
        opened = observed.first[0] or observed.level_seed[0] != state.values["current_level_seed"]
        return observed if opened else None

    def without(self, things: Things) -> Rearmed | None:
        """Take it with `things` disarmed; return the world after it, armed again; None if the level still ends."""
        if self.play(disarm(self.before, things)) is not None:
            return None
        return rearm(self.before, parse_state(self.environment.get_state(0)), things)


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
    trial = _Trial(environment, parse_state(state_before), action)
    ended = trial.play(trial.before)
    if ended is None:
        raise ValueError(
            f"action {action} ends no episode in this state: give the state before an episode's last action, and that "
            "action."
        )
    marks = parse_state(environment.get_state(0)).values
    found = _FINDERS.get(environment.name, _find_in_any_game)(trial)
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


def _find_in_coinrun(trial: _Trial) -> _Found:
    before = trial.before
    hazards = np.isin(before.entities["type"], (SAW, ENEMY))
    armed = Things(hazards, np.isin(before.grid, (COIN, *LAVA)), clock=True)
    after = trial.without(armed)
    if after is None:
        return _Found(armed, trial.nothing, ("unexplained",))
    touches = touching(after.state) & (after.origin >= 0)
    cells = touched_cells(after.state) & armed.cells
    names = {_hazard(entity) for entity in after.state.entities[touches]}
    names |= {"coin" if value == COIN else "lava" for value in before.grid[cells]}
    guilty = Things(after.before(touches, len(before.entities)), cells, trial.runs_out)
    return _Found(armed, guilty, _causes(names, trial))


def _hazard(entity: np.void) -> str:
    if entity["type"] == SAW:
        return "saw"
    return {-1: "enemy moving left", 1: "enemy moving right"}.get(int(np.sign(entity["vx"])), "enemy")


def _find_in_maze(trial: _Trial) -> _Found:
    armed = replace(trial.clock, cells=trial.before.grid == CHEESE)
    after = trial.without(armed)
    if after is None:
        return _Found(armed, trial.nothing, ("unexplained",))
    agent, rows, columns = agent_of(after.state), *np.indices(armed.cells.shape)
    here = (rows == int(agent["y"])) & (columns == int(agent["x"]))
    guilty = Things(trial.nothing.entities, armed.cells & here, trial.runs_out)
    return _Found(armed, guilty, _causes({"cheese"} if guilty.cells.any() else set(), trial))


def _causes(names: set[str], trial: _Trial) -> tuple[str, ...]:
    causes = (*(name for name in ORDER if name in names), *("timeout",) * trial.runs_out)
    return causes or ("unexplained",)


_FINDERS: dict[str, Callable[[_Trial], _Found]] = {"coinrun": _find_in_coinrun, "maze": _find_in_maze}


def _find_in_any_game(trial: _Trial) -> _Found:
    """Find the classes of objects without any of which the step ends nothing; else those that each end it alone."""
    if trial.without(trial.clock) is not None:
        return _Found(trial.clock, trial.clock, ("timeout" if trial.runs_out else "rule",))
    kinds = _kinds(trial.before)
    armed = _all(kinds.values(), trial.clock)
    names = [name for name, kind in kinds.items() if trial.without(trial.clock | kind) is not None]
    if not names and trial.without(armed) is not None:
        names = [name for name, kind in kinds.items() if trial.without(armed - kind) is None]
    if not names:
        return _Found(armed, trial.nothing, ("rule",))
    guilty = _narrowed(trial, armed, [kinds[name] for name in names])
    causes = (*(name.replace("_", " ") for name in names), *("timeout",) * trial.runs_out)
    return _Found(armed, replace(guilty, clock=bool(trial.runs_out)), causes)


def _kinds(state: State) -> dict[str, Things]:
    """Return the things of each class that could end an episode."""
    kinds: dict[str, Things] = {}
    nothing = Things.none(state)
    for kind, image in sorted(
        set(zip(*(state.entities[name].tolist() for name in ("type", "image_type")), strict=True))
    ):
        if kind != AGENT:
            these = (state.entities["type"] == kind) & (state.entities["image_type"] == image)
            name = class_of_entity(state.game, kind, image)
            kinds[name] = kinds.get(name, nothing) | replace(nothing, entities=these)
    near = touched_cells(state, NEAR)
    for value in CELLS.get(state.game, ()):
        these = near & (state.grid == value)
        if these.any():
            name = class_of_cell(state.game, value)
            kinds[name] = kinds.get(name, nothing) | replace(nothing, cells=these)
    return kinds


def _all(things: Iterable[Things], start: Things) -> Things:
    for some in things:
        start |= some
    return start


def _narrowed(trial: _Trial, armed: Things, kinds: list[Things]) -> Things:
    """Return those of the guilty kinds that touch the agent, if replay agrees; else all of these kinds."""
    guilty = _all(kinds, trial.nothing)
    after = trial.without(trial.clock | guilty)
    if after is None:
        return guilty
    touches = after.before(touching(after.state), len(trial.before.entities))
    cells = touched_cells(after.state)
    some = _all((Things(kind.entities & touches, kind.cells & cells) or kind for kind in kinds), trial.nothing)
    agrees = trial.without(trial.clock | some) is not None and trial.without(armed - some) is None
    return some if agrees else guilty
