"""What a view shows as a short dict: taken, checked, and put back as a whole or not at all."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import anywidget
import traitlets as t

from rlvision_widgets.names import unknown

__all__ = ["Choice", "Restorable"]


class Choice(t.Enum):  # type: ignore[type-arg]
    """One of a few words; a wrong one is refused with the nearest right one."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return the word if it is one of them."""
        if value not in (self.values or ()):
            raise t.TraitError(unknown(str(self.name), value, self.values or ()))
        return value


class Restorable(anywidget.AnyWidget):
    """A widget whose settable traits can be taken and put back.

    A synced trait of a subclass that is neither read-only nor starts with an underscore can be set by keyword, and
    belongs to `state` unless it is tagged ``passing=True`` (where the pointer is, for instance).
    """

    _arguments: ClassVar[tuple[str, ...]] = ("study", "agent", "connection")  # keywords besides the traits

    @classmethod
    def settable(cls, *, passing: bool = True) -> list[str]:
        """Return the traits that a user can set; without `passing` those that describe what is shown."""
        own = cls.class_traits(sync=True)
        return [
            name
            for name, trait in own.items()
            if issubclass(trait.this_class, Restorable)
            and not trait.read_only
            and not name.startswith("_")
            and (passing or not trait.metadata.get("passing"))
        ]

    def state(self) -> dict[str, Any]:
        """Describe what is shown: the traits that differ from those of a fresh view of the same study.

        Returns
        -------
        dict
            Short, and JSON can hold it. Pass it, or its JSON text, to `restore` or as ``state=`` to a new view.
        """
        fresh = self._fresh()
        shown = {name: getattr(self, name) for name in fresh}
        return {name: _plain(value) for name, value in shown.items() if value != fresh[name]}

    def restore(self, state: Mapping[str, Any] | str) -> None:
        """Show what `state` described; all of it, or (on an error) nothing.

        Parameters
        ----------
        state : dict or str
            What `state` returned, or its JSON text. What it does not name goes back to how a fresh view has it.

        Raises
        ------
        ValueError
            If it is no such dict or text, or names a trait that the view lacks.
        TraitError
            For a value that does not fit the study, naming the range or the nearest right name.
        """
        values = {**self._fresh(), **self._parse_state(state)}
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in values.items():
                setattr(self, name, value)

    def _fresh(self) -> dict[str, Any]:
        return {name: self.trait_defaults(name) for name in self.settable(passing=False)}

    @classmethod
    def _parse_state(cls, state: Mapping[str, Any] | str | None) -> dict[str, Any]:
        if state is None:
            return {}
        parsed: Any = state
        if isinstance(state, str):
            try:
                parsed = json.loads(state)
            except json.JSONDecodeError as error:
                raise ValueError(f"expected the JSON text of a view's state, got {state[:80]!r} ({error})") from None
        if not isinstance(parsed, Mapping):
            raise ValueError(f"expected the state of a view, a dict or its JSON text, got {parsed!r}")
        names = cls.settable()
        for name in parsed:
            if name not in names:
                raise ValueError(f"{cls.__name__} state: " + unknown("trait", name, names))
        return dict(parsed)

    @classmethod
    def _check_keywords(cls, traits: Mapping[str, Any]) -> None:
        known = [*cls.settable(), "layout"]
        for name in traits:
            if name not in known:
                raise TypeError(f"{cls.__name__}: " + unknown("keyword", name, [*cls._arguments, "state", *known]))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value
