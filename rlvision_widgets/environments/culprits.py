"""What ended an episode: the last step, taken again with things disarmed.

In CoinRun and Maze, what touches the agent after the step with everything disarmed is guilty, as Procgen's source tests
it. In the other games, kinds of things are disarmed one after the other until the step ends nothing.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rlvision_widgets.environments.catalogue import class_of_cell, class_of_entity
from rlvision_widgets.environments.environment import Environment, Observed
from rlvision_widgets.environments.games import AGENT
from rlvision_widgets.environments.states import State, parse_state, serialise_state
from rlvision_widgets.environments.touch import Rearmed, Things, agent_of, disarm, rearm, touched_cells, touching

__all__ = ["Found", "Trial", "find"]

SAW, ENEMY = 2, 5  # CoinRun's entity types
COIN, LAVA, CHEESE = 1, (17, 18), 2  # values of cells, of CoinRun and of Maze
CELLS = {"chaser": (1002,), "leaper": (3,), "miner": (3, 4), "ninja": (6, 14)}  # that end other games' episodes
NEAR = 2  # cells around the agent in which these are looked for
ORDER = ("coin", "cheese", "saw", "enemy", "enemy moving left", "enemy moving right", "lava")


class Found(NamedTuple):
    """What ended an episode: all that was armed, what of it did it, and its names."""

    armed: Things
    guilty: Things
    causes: tuple[str, ...]


class Trial:
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


def find(trial: Trial) -> Found:
    """Find what ended the episode."""
    finders = {"coinrun": _find_in_coinrun, "maze": _find_in_maze}
    return finders.get(trial.before.game, _find_in_any_game)(trial)


def _find_in_coinrun(trial: Trial) -> Found:
    before = trial.before
    hazards = np.isin(before.entities["type"], (SAW, ENEMY))
    armed = Things(hazards, np.isin(before.grid, (COIN, *LAVA)), clock=True)
    after = trial.without(armed)
    if after is None:
        return Found(armed, trial.nothing, ("unexplained",))
    touches = touching(after.state) & (after.origin >= 0)
    cells = touched_cells(after.state) & armed.cells
    names = {_hazard(entity) for entity in after.state.entities[touches]}
    names |= {"coin" if value == COIN else "lava" for value in before.grid[cells]}
    guilty = Things(after.before(touches, len(before.entities)), cells, trial.runs_out)
    return Found(armed, guilty, _causes(names, trial))


def _hazard(entity: np.void) -> str:
    if entity["type"] == SAW:
        return "saw"
    return {-1: "enemy moving left", 1: "enemy moving right"}.get(int(np.sign(entity["vx"])), "enemy")


def _find_in_maze(trial: Trial) -> Found:
    armed = replace(trial.clock, cells=trial.before.grid == CHEESE)
    after = trial.without(armed)
    if after is None:
        return Found(armed, trial.nothing, ("unexplained",))
    agent, rows, columns = agent_of(after.state), *np.indices(armed.cells.shape)
    here = (rows == int(agent["y"])) & (columns == int(agent["x"]))
    guilty = Things(trial.nothing.entities, armed.cells & here, trial.runs_out)
    return Found(armed, guilty, _causes({"cheese"} if guilty.cells.any() else set(), trial))


def _causes(names: set[str], trial: Trial) -> tuple[str, ...]:
    causes = (*(name for name in ORDER if name in names), *("timeout",) * trial.runs_out)
    return causes or ("unexplained",)


def _find_in_any_game(trial: Trial) -> Found:
    """Find the classes of objects without any of which the step ends nothing; else those that each end it alone."""
    if trial.without(trial.clock) is not None:
        return Found(trial.clock, trial.clock, ("timeout" if trial.runs_out else "rule",))
    kinds = _kinds(trial.before)
    armed = _all(kinds.values(), trial.clock)
    names = [name for name, kind in kinds.items() if trial.without(trial.clock | kind) is not None]
    if not names and trial.without(armed) is not None:
        names = [name for name, kind in kinds.items() if trial.without(armed - kind) is None]
    if not names:
        return Found(armed, trial.nothing, ("rule",))
    guilty = _narrowed(trial, armed, [kinds[name] for name in names])
    causes = (*(name.replace("_", " ") for name in names), *("timeout",) * trial.runs_out)
    return Found(armed, replace(guilty, clock=bool(trial.runs_out)), causes)


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


def _narrowed(trial: Trial, armed: Things, kinds: list[Things]) -> Things:
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
