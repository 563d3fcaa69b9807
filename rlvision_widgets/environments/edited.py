"""A batch of worlds that are edited whenever a level opens."""

import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.applying import apply_edits, apply_where_possible
from rlvision_widgets.environments.edits import Edit, describe, edits_from
from rlvision_widgets.environments.environment import Environment, Observed
from rlvision_widgets.environments.states import parse_state, serialise_state
from rlvision_widgets.environments.trails import hidden_enemies, without_trails
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["EditedEnvironment", "edited_environment"]


@strict_keywords
def edited_environment(
    environment: Environment,
    edits: "str | Edit | Mapping[str, Any] | Iterable[Edit | Mapping[str, Any]]",
    when: str = "reset",
    missing: str = "skip",
) -> "EditedEnvironment":
    """Make the worlds of an environment other than its game makes them.

    Parameters
    ----------
    environment : ProcgenEnvironment
        From `make_environment`. Use it through what is returned from now on; closing that closes it.
    edits : edits
        As for `edits_from`, e.g. ``[rlv.Hide("saw"), rlv.Place("coin")]``. They are made in their order, at once in all
        worlds that are on show.
    when : str
        ``"reset"``: again in every level that opens, by itself or by `load_level`. ``"once"``: only now, in the worlds
        on show. (Procgen keeps `VelocityBox` and `Background(None)` through its resets.)
    missing : str
        What becomes of an edit for which a world lacks the object or the room. ``"skip"``: that world goes without it;
        `counts` tells how often. ``"raise"``: a ValueError. What can be done in no world at all is one in any case.

    Returns
    -------
    EditedEnvironment
        An environment: `collect_rollout` and `evaluate` take it, and write the edits into their attrs as "world_edits".

    Raises
    ------
    TypeError, ValueError
        When it is no environment; when an edit is none or cannot be made, or the worlds have no states.
    """
    if not hasattr(environment, "has_states"):
        raise TypeError(f"an environment, from make_environment, is edited; a {type(environment).__name__} came.")
    return EditedEnvironment(environment, edits_from(edits), when, missing)


class EditedEnvironment:
    """A batch of worlds whose levels are edited when they open; see `edited_environment`.

    Rewards, firsts and level seeds are the game's own: an edit is made after the game has opened a level and before
    anyone sees it. A hidden enemy's trail is taken out after each step, since it would tell where the enemy is.

    Attributes
    ----------
    world_edits : tuple of Edit
    world_edits_when : str
        "reset" or "once".
    counts : list of int
        In how many levels each edit has been made so far.
    num_opened : int
        How many levels have been opened so far.
    """

    def __init__(self, environment: Environment, edits: tuple[Edit, ...], when: str, missing: str) -> None:
        for what, value, known in (("when", when, ("reset", "once")), ("missing", missing, ("skip", "raise"))):
            if value not in known:
                raise ValueError(unknown(what, value, known))
        if not environment.has_states:
            raise ValueError(f"worlds of {environment.name} without states cannot be edited: these are pixels only.")
        self._base = environment
        self.world_edits, self.world_edits_when = edits, when
        self._strict = missing == "raise"
        self.counts, self.num_opened = [0] * len(edits), 0
        self._lock = threading.RLock()
        self._stepped = False
        self._level_seed = np.full(environment.num_trajectories, -1)
        self._has_hidden = np.zeros(environment.num_trajectories, bool)
        self.name, self.num_trajectories = environment.name, environment.num_trajectories
        self.options, self.seed = environment.options, environment.seed
        self.action_names, self.package = environment.action_names, environment.package
        self.directory = getattr(environment, "directory", None)  # of the wheel, for who draws what this one shows
        for index in range(self.num_trajectories):
            self._edit(index)
        self._level_seed = environment.observe().level_seed

    @property
    def has_states(self) -> bool:
        """Whether `get_state` and `set_state` work; they do."""
        return self._base.has_states

    def described(self) -> list[str]:
        """Return each edit in words."""
        return [describe(edit) for edit in self.world_edits]

    def observe(self, *, copy: bool = True) -> Observed:
        """Return what is on show now, edited, waiting for a step that `act` started."""
        with self._lock:
            if self._stepped:
                self._stepped = False
                self._after_step()
            return self._base.observe(copy=copy)  # type: ignore[call-arg, unused-ignore]

    def act(self, actions: npt.ArrayLike) -> None:
        """Start one step; `observe` then returns what came of it."""
        with self._lock:
            if self._stepped:  # its levels have to be edited before they go on
                self.observe(copy=False)
            self._base.act(actions)
            self._stepped = True

    def step(self, actions: npt.ArrayLike) -> Observed:
        """Take one step and return copies of what came of it: `act`, then `observe`."""
        with self._lock:
            self.act(actions)
            return self.observe()

    def _after_step(self) -> None:
        seen = self._base.observe()
        opened = seen.first | (seen.level_seed != self._level_seed)  # sequential levels open without a first
        self._level_seed = seen.level_seed
        for index in np.flatnonzero(opened):
            self._has_hidden[index] = False
            if self.world_edits_when == "reset":
                self._edit(int(index))
        for index in np.flatnonzero(self._has_hidden & ~opened):
            self._drop_trails(int(index))
        now = self._base.observe(copy=False)
        if not np.array_equal(now.reward, seen.reward) or not np.array_equal(now.first, seen.first):
            raise RuntimeError(f"editing {self.name} changed its rewards or firsts; please report this.")

    def _edit(self, index: int) -> None:
        """Edit the level that has just opened in one world."""
        state = parse_state(self._base.get_state(index))
        if self._strict:
            edited, made = apply_edits(state, self.world_edits), [True] * len(self.world_edits)
        else:
            edited, made = apply_where_possible(state, self.world_edits)
        if any(made):
            self._base.set_state(index, serialise_state(edited))
        self._has_hidden[index] = len(hidden_enemies(self.name, edited.entities)) > 0
        self.counts = [count + new for count, new in zip(self.counts, made, strict=True)]
        self.num_opened += 1

    def _drop_trails(self, index: int) -> None:
        state = parse_state(self._base.get_state(index))
        hidden = hidden_enemies(self.name, state.entities)
        kept = without_trails(self.name, state.entities, hidden, fresh=True)
        if not kept.all():
            self._base.set_state(index, serialise_state(state.replace(entities=state.entities[kept])))
        self._has_hidden[index] = len(hidden) > 0

    def get_state(self, index: int) -> bytes:
        """Return the state of trajectory `index`, with the edits in it."""
        with self._lock:
            self.observe(copy=False)
            return self._base.get_state(index)

    def set_state(self, index: int, state: bytes) -> None:
        """Put trajectory `index` into `state` as it is: the next level that opens is edited again."""
        with self._lock:
            self.observe(copy=False)
            self._base.set_state(index, state)
            given = parse_state(memoryview(state).tobytes())
            self._level_seed[index] = given.values["current_level_seed"]
            self._has_hidden[index] = len(hidden_enemies(self.name, given.entities)) > 0

    def load_level(self, index: int, level_seed: int) -> None:
        """Start an episode of the level `level_seed` in trajectory `index`, edited unless `when` is "once"."""
        with self._lock:
            self.observe(copy=False)
            self._base.load_level(index, level_seed)
            self._level_seed[index] = level_seed
            self._has_hidden[index] = False
            if self.world_edits_when == "reset":
                self._edit(index)

    def render(self, index: int) -> npt.NDArray[np.uint8]:
        """Return a large frame of trajectory `index`, edited, (height, width, rgb)."""
        with self._lock:
            self.observe(copy=False)
            return self._base.render(index)

    def close(self) -> None:
        """Close the environment. May be called twice."""
        self._base.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
