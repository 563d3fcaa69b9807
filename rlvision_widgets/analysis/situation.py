"""A situation: a recorded step of a study, and what somebody did from there, as data."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rlvision_widgets.environments.edits import Edit, describe, edits_from
from rlvision_widgets.names import unknown

__all__ = ["Item", "Press", "Situation", "action_number", "listed_actions"]

MOST_ITEMS = 2000
PLAY = "play"


class Press(NamedTuple):
    """An action that somebody pressed."""

    action: int


Item = Edit | Press


@dataclass(frozen=True)
class Situation:
    """A recorded step, and what was done from there; see `Situation.of`.

    Parameters
    ----------
    trajectory, step : int
    items : tuple of Edit and Press
        In their order.
    """

    trajectory: int
    step: int
    items: tuple[Item, ...] = ()

    @classmethod
    def of(
        cls,
        trajectory: int,
        step: int,
        edits: Any = (),
        actions: str | Iterable[int] = (),
        *,
        action_names: Sequence[str],
    ) -> "Situation":
        """Read a situation.

        Parameters
        ----------
        trajectory, step : int
            Of the study, from 0.
        edits : str, or iterable of edits and dicts
            As `edits_from` takes them, and among them ``{"kind": "play", "action": 7}``, which presses an action.
        actions : str or iterable of int
            Pressed before all edits: ``"7 7 8"`` or ``[7, 7, 8]``.
        action_names : sequence of str
            The world's actions.

        Raises
        ------
        TypeError, ValueError
            For what is no edit, and for an action that the world lacks.
        """
        items: list[Item] = [_press(action, action_names) for action in _numbers(actions)]
        items += [_item(edit, action_names) for edit in _listed(edits)]
        if len(items) > MOST_ITEMS:
            raise ValueError(f"at most {MOST_ITEMS} edits and presses can follow one another, and {len(items)} came.")
        return cls(trajectory, step, tuple(items))

    @property
    def unedited(self) -> "Situation":
        """The same presses, without the edits."""
        return Situation(self.trajectory, self.step, tuple(item for item in self.items if isinstance(item, Press)))

    def dicts(self) -> list[dict[str, Any]]:
        """Return the items for JSON, as `of` takes them."""
        return [
            {"kind": PLAY, "action": item.action} if isinstance(item, Press) else item.to_dict() for item in self.items
        ]

    def told(self, action_names: Sequence[str]) -> list[str]:
        """Return a short sentence for each item."""
        return [
            f"{action_names[item.action]} pressed" if isinstance(item, Press) else describe(item) for item in self.items
        ]


def _listed(edits: Any) -> list[Any]:
    if isinstance(edits, str):
        try:
            edits = json.loads(edits)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"edits must be JSON, as edits_to_json writes it: {error}.") from None
    if isinstance(edits, Edit | Press | Mapping):
        return [edits]
    if not isinstance(edits, Iterable) or isinstance(edits, str | bytes):
        raise ValueError(f"edits must be a list of edits, such as [rlv.Remove('saw')], and {edits!r} came.")
    return list(edits)


def _item(edit: Any, action_names: Sequence[str]) -> Item:
    if isinstance(edit, Press):
        return _press(edit.action, action_names)
    if isinstance(edit, Mapping) and edit.get("kind") == PLAY:
        if set(edit) != {"kind", "action"}:
            raise ValueError(f'a press is {{"kind": "play", "action": 7}}, and {dict(edit)!r} came.')
        return _press(edit["action"], action_names)
    try:
        (read,) = edits_from([edit])
    except TypeError as error:
        raise ValueError(str(error)) from None
    return read


def action_number(action: Any, action_names: Sequence[str]) -> int:
    """Return the number of an action, given by number or name; raise ValueError for what is none."""
    if isinstance(action, str):
        if action not in action_names:
            raise ValueError(unknown("action", action, action_names))
        return list(action_names).index(action)
    if isinstance(action, bool) or not isinstance(action, int | np.integer) or not 0 <= action < len(action_names):
        raise ValueError(f"an action is a name, or a number from 0 to {len(action_names) - 1}, and {action!r} came.")
    return int(action)


def listed_actions(actions: Any) -> tuple[Any, ...]:
    """Return actions one by one; raise TypeError for what is no list of them."""
    if isinstance(actions, str) or not isinstance(actions, Iterable):
        raise TypeError(f"actions must be a list of actions, such as [7, 7, 8], and {actions!r} came.")
    return tuple(actions)


def _press(action: Any, action_names: Sequence[str]) -> Press:
    return Press(action_number(action, action_names))


def _numbers(actions: str | Iterable[int]) -> Iterable[Any]:
    if not isinstance(actions, str):
        return listed_actions(actions)
    try:
        return [int(action) for action in actions.split()]
    except ValueError:
        raise ValueError(
            f"actions must be numbers with blanks between them, such as '7 7 8', got {actions!r}"
        ) from None
