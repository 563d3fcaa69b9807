"""Where levels are played: batches of worlds, one a crew, and spare worlds for causes."""

import math
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, cast

import torch

from rlvision_widgets.agents import Agent
from rlvision_widgets.analysis.conditions import Condition
from rlvision_widgets.analysis.level_causes import LevelExplainer
from rlvision_widgets.analysis.levels import Crew, Explain, LevelEnvironment
from rlvision_widgets.analysis.playing import Act, describe, make_world
from rlvision_widgets.analysis.precision import steady
from rlvision_widgets.environments import make_environment
from rlvision_widgets.environments.edited import EditedEnvironment, edited_environment
from rlvision_widgets.environments.edits import Edit
from rlvision_widgets.environments.environment import Environment
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.names import environment_options

__all__ = ["Stage"]

LEVEL_OPTIONS = ("num_levels", "start_level", "use_sequential_levels")  # here it is `levels` that says which
MOST = 32  # worlds of a crew: as many observations pass through the network at once
MULTIPLE = 4
MANY = 100  # levels without what an edit is about are no accident


class Stage:
    """Makes the worlds of an evaluation.

    Parameters
    ----------
    agent : Agent or callable
        The original.
    environment : mapping, str, Environment or None
        As for `evaluate`.
    num_trajectories : int
        Levels side by side.
    """

    def __init__(
        self, agent: Act, environment: LevelEnvironment | Mapping[str, Any] | str | None, num_trajectories: int
    ) -> None:
        self._agent = agent
        if isinstance(environment, str):
            environment = environment_options(environment)
        self._given = environment if environment is None or isinstance(environment, Mapping) else None
        self._open = cast("LevelEnvironment | None", environment if self._given is not environment else None)
        self._most = num_trajectories
        with ExitStack() as stack:
            shown = self._open or stack.enter_context(self._worlds(1))
            if not hasattr(shown, "load_level"):
                raise ValueError(
                    f"{shown.name} has no levels: evaluate opens each by its seed, with the worlds' `load_level`. "
                    "Elsewhere, count the outcomes of episodes(collect_rollout(...))."
                )
            self.described = {**describe(agent, shown), **_succeeds(shown)}
            self.name = shown.name

    @property
    def recipe(self) -> tuple[Mapping[str, Any] | None, int]:
        """What another process makes the same of, beside the agent: `environment` and `num_trajectories`.

        Raises
        ------
        ValueError
            When an open batch of worlds was given, which cannot be sent anywhere.
        """
        if self._open is not None:
            raise ValueError(
                "with client=, environment is a mapping such as {'name': 'coinrun'}: each worker makes its own worlds."
            )
        return self._given, self._most

    def check(self, condition: Condition) -> None:
        """Refuse edits that can be made in no world at all, before hours are spent on other conditions."""
        if condition.world_edits and self._open is None:
            with self._worlds(1) as worlds:
                _edited(worlds, condition.world_edits)

    @contextmanager
    def crews(
        self, condition: Condition, levels: Sequence[int], seed: int, precision: str, causes: bool
    ) -> Iterator[list[Crew]]:
        """Give crews that play a condition's levels; their worlds are closed afterwards, but for those given."""
        number, size = self._sizes(condition.act, len(levels))
        waiting = deque(levels)
        act = steady(condition.act, precision)
        with ExitStack() as stack:
            played = []
            for _ in range(number):
                worlds = self._open or stack.enter_context(self._worlds(size))
                played.append(_edited(worlds, condition.world_edits))
            explain = [self._explainer(stack, condition.world_edits) if causes else None for _ in played]
            yield [Crew(act, worlds, seed, waiting, why) for worlds, why in zip(played, explain, strict=True)]
            if condition.world_edits:
                _warn_of_nothing(condition.name, cast("list[EditedEnvironment]", played))

    def _sizes(self, act: Act, num_levels: int) -> tuple[int, int]:
        """Return how many crews play, and the worlds of each."""
        network = act.network if isinstance(act, Agent) else None
        if self._open is not None or network is None or not network.concurrent or network.like.device.type != "cpu":
            return 1, min(self._most, num_levels)
        threads = torch.get_num_threads()
        number = min(threads + (threads > 1), num_levels)
        size = min(MOST, MULTIPLE * math.ceil(self._most / number / MULTIPLE))
        return number, min(size, math.ceil(num_levels / number))

    def _worlds(self, number: int) -> LevelEnvironment:
        return make_world(self._agent, self._given, num_trajectories=number, without=LEVEL_OPTIONS)

    def _explainer(self, stack: ExitStack, edits: Sequence[Edit] | None) -> Explain:
        """Return what tells causes; nothing is known of the ends of other games than Procgen's."""
        if self.name not in GAMES:
            return lambda *_: ""
        # worlds that were edited "once" open their next levels unedited
        base = getattr(self._open, "world_edits", ()) if self._resets() else ()
        explainer = LevelExplainer(lambda: _edited(_edited(self._spare(), base), edits), self._spare)
        stack.callback(explainer.close)
        return explainer

    def _resets(self) -> bool:
        return getattr(self._open, "world_edits_when", "") == "reset"

    def _spare(self) -> Environment:
        if self._open is None:
            return self._worlds(1)
        directory = getattr(self._open, "directory", None)
        return make_environment(self.name, num_trajectories=1, directory=directory, **self._open.options)


def _edited(worlds: Environment, edits: Sequence[Edit] | None) -> LevelEnvironment:
    return edited_environment(worlds, edits, when="reset") if edits else worlds


def _succeeds(worlds: Environment) -> dict[str, bool]:
    """Return what there is to say where no episode can succeed; nothing of worlds in which levels are completed."""
    return {} if getattr(worlds, "has_success", True) else {"has_success": False}


def _warn_of_nothing(condition: str, played: Sequence[EditedEnvironment]) -> None:
    """Say which edits were made in no level: an edit that is not there is not shown to be harmless."""
    opened = sum(worlds.num_opened for worlds in played)
    for place, described in enumerate(played[0].described()):
        if opened >= MANY and not any(worlds.counts[place] for worlds in played):
            warnings.warn(
                f"world {condition!r}: {described}: none of {opened} levels had what that takes.", stacklevel=2
            )
