"""Moments that never were: a frame of a study, with edits of its world and actions that somebody pressed.

A situation starts at a recorded step, and its items follow in their order: an edit changes the world, a press plays one
action in it. The same presses without the edits lead to what would have been shown without them.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.analysis.reentry import World
from rlvision_widgets.analysis.situation import Item, Press, Situation
from rlvision_widgets.environments.applying import apply_edits
from rlvision_widgets.environments.edited import edited_environment
from rlvision_widgets.environments.edits import Edit, describe
from rlvision_widgets.environments.endings import explain_end
from rlvision_widgets.environments.environment import Environment
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.states import parse_state, serialise_state

__all__ = ["Ended", "Lab", "Moment"]

REMEMBERED = 128  # moments, some 50 kB each


class Ended(NamedTuple):
    """How a press ended the episode: why, what it earned, and after how many presses."""

    cause: str
    reward: float
    completed: bool
    presses: int


class Moment(NamedTuple):
    """What the world is at a moment: its state, its frame (height, width, rgb), and how many presses led there.

    After an episode's end it is the terminal state, whose frame Procgen never shows.
    """

    state: bytes
    observation: npt.NDArray[np.uint8]
    presses: int
    ended: Ended | None = None


class Lab:
    """A spare world of a study, in which situations are made real; those reached lately are remembered.

    Its methods may be called from any thread.

    Parameters
    ----------
    world : World
        The study's.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._spare: Environment | None = None
        self._reached: OrderedDict[Situation, Moment] = OrderedDict()

    @property
    def environment(self) -> Environment:
        """The spare world; hold `world.lock` while using it."""
        with self.world.lock:
            if self._spare is None:
                world = self.world.environment()
                # hidden enemies leave trails, which an edited environment takes out at every step
                self._spare = edited_environment(world, (), when="once") if world.name in GAMES else world
            return self._spare

    def reach(self, situation: Situation) -> Moment:
        """Make a situation real.

        Raises
        ------
        ValueError
            For a step that is not there; for an edit that cannot be made, as `apply_edits` says; for an item that
            follows the end of the episode.
        """
        return self._follow(situation, stop_at_end=False)

    def reach_unedited(self, situation: Situation) -> Moment:
        """Play a situation's presses without its edits, until the episode ends."""
        return self._follow(situation.unedited, stop_at_end=True)

    def large(self, moment: Moment) -> npt.NDArray[np.uint8]:
        """Return the large frame of a moment, (512, 512, rgb)."""
        with self.world.lock:
            self.environment.set_state(0, moment.state)
            return self.environment.render(0)

    def show(self, state: bytes) -> npt.NDArray[np.uint8]:
        """Return the frame of a state, (height, width, rgb)."""
        with self.world.lock:
            self.environment.set_state(0, state)
            frame: npt.NDArray[np.uint8] = self.environment.observe().observation[0]
            return frame

    def edited(self, state: bytes, edits: Iterable[Edit]) -> tuple[bytes, npt.NDArray[np.uint8]]:
        """Return a state as edits make it, and its frame."""
        changed = serialise_state(apply_edits(parse_state(state), list(edits)))
        return changed, self.show(changed)

    def _follow(self, situation: Situation, stop_at_end: bool) -> Moment:
        with self.world.lock:
            known = len(situation.items)
            while known and _upto(situation, known) not in self._reached:
                known -= 1
            moment = self._start(_upto(situation, known))
            for count in range(known, len(situation.items)):
                if moment.ended is not None and stop_at_end:
                    break
                moment = self._next(moment, situation.items[count], count)
                self._remember(_upto(situation, count + 1), moment)
            return moment

    def _start(self, situation: Situation) -> Moment:
        if situation in self._reached:
            self._reached.move_to_end(situation)
            return self._reached[situation]
        state = self.world.state(situation.trajectory, situation.step)
        moment = Moment(state, self.show(state), 0)
        self._remember(situation, moment)
        return moment

    def _next(self, moment: Moment, item: Item, count: int) -> Moment:
        if moment.ended is not None:
            why = f" ({moment.ended.cause})" if moment.ended.cause else ""
            raise ValueError(
                f"the episode has ended{why} with press {moment.ended.presses}, and nothing can follow that: undo it "
                "first."
            )
        if isinstance(item, Press):
            return self._pressed(moment, item)
        try:
            state, frame = self.edited(moment.state, [item])
        except ValueError as error:
            raise ValueError(f"edit {count + 1} ({describe(item)}): {error}") from None
        return moment._replace(state=state, observation=frame)

    def _pressed(self, moment: Moment, press: Press) -> Moment:
        self.environment.set_state(0, moment.state)
        before = self.environment.observe()
        after = self.environment.step([press.action])
        if not after.first[0] and before.level_seed[0] == after.level_seed[0]:
            return Moment(self.environment.get_state(0), after.observation[0], moment.presses + 1)
        completed = bool(after.previous_level_complete[0])
        cause, state, frame = _terminal(self.environment, moment.state, press.action)
        ended = Ended(cause, float(after.reward[0]), completed, moment.presses + 1)
        return Moment(state, frame, moment.presses + 1, ended)

    def _remember(self, situation: Situation, moment: Moment) -> None:
        self._reached[situation] = moment
        self._reached.move_to_end(situation)
        if len(self._reached) > REMEMBERED:
            self._reached.popitem(last=False)


def _terminal(environment: Environment, state: bytes, action: int) -> tuple[str, bytes, npt.NDArray[np.uint8]]:
    """Return cause, state and frame of an episode's end: those of the moment before it, where it cannot be told."""
    cause = ""
    if environment.name in GAMES:
        ending = explain_end(environment, state, action, check=False)
        cause = ending.cause
        if ending.state is not None and ending.observation is not None:
            return cause, ending.state, ending.observation
    environment.set_state(0, state)
    return cause, state, environment.observe().observation[0]


def _upto(situation: Situation, count: int) -> Situation:
    return Situation(situation.trajectory, situation.step, situation.items[:count])
