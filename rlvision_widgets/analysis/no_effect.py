"""Actions that do nothing in a world, found by trying all of them from the same states."""

from collections.abc import Sequence

import numpy as np

from rlvision_widgets.environments.environment import Environment

__all__ = ["actions_without_effect"]

NOOP = "NOOP"


def actions_without_effect(worlds: Environment, states: Sequence[bytes]) -> tuple[int, ...] | None:
    """Return the actions that leave a world as doing nothing leaves it, in each of these states.

    Parameters
    ----------
    worlds : Environment
        Is left in one of the states.
    states : sequence of bytes
        Of these worlds. The more differ, the surer the answer: a button may work in few places.

    Returns
    -------
    tuple of int or None
        Ids, with that of NOOP; None where this cannot be tried: without states, or without an action named NOOP.
    """
    if not worlds.has_states or NOOP not in worlds.action_names or not states:
        return None
    nothing = worlds.action_names.index(NOOP)
    same = set(range(len(worlds.action_names)))
    for state in states:
        others = sorted(same - {nothing})
        outcomes = _outcomes(worlds, state, [nothing, *others])
        same = {nothing} | {
            action for action, outcome in zip(others, outcomes[1:], strict=True) if outcome == outcomes[0]
        }
        if same == {nothing}:
            break
    return tuple(sorted(same))


def _outcomes(worlds: Environment, state: bytes, actions: Sequence[int]) -> list[bytes]:
    """Return the state after each action and one step of doing nothing, which wipes out the note of the last action."""
    outcomes: list[bytes] = []
    nothing = np.full(worlds.num_trajectories, worlds.action_names.index(NOOP))
    for start in range(0, len(actions), worlds.num_trajectories):
        some = actions[start : start + worlds.num_trajectories]
        for index in range(len(some)):
            worlds.set_state(index, state)
        first = nothing.copy()
        first[: len(some)] = some
        worlds.step(first)
        worlds.step(nothing)
        outcomes += [worlds.get_state(index) for index in range(len(some))]
    return outcomes
