"""What edits of worlds and of networks have in common: frozen dataclasses that compare, compose and go through JSON."""

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from rlvision_widgets.names import unknown

__all__ = ["EditData", "EditLanguage", "read_edits"]


@dataclass(frozen=True)
class EditData:
    """One change, as data (abstract); its name in JSON is `kind`, by default the class name in snake case."""

    kind: ClassVar[str]

    def __init_subclass__(cls) -> None:
        if "kind" not in vars(cls):
            cls.kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()

    def to_dict(self) -> dict[str, Any]:
        """Return the edit for JSON: its kind, and the fields that differ from their defaults."""
        fields = {
            field.name: _listed(getattr(self, field.name))
            for field in dataclasses.fields(self)
            if not _is_default(self, field)
        }
        return {"kind": self.kind} | fields


E = TypeVar("E", bound=EditData)


@dataclass(frozen=True)
class EditLanguage:
    """How messages speak of one family of edits.

    Parameters
    ----------
    noun : str
        What one is called, with its article in `article`.
    example : str
        A call that makes one.
    writer : str
        The function that writes its JSON.
    hint : str
        A last sentence where the kind is unknown.
    """

    noun: str
    article: str
    example: str
    writer: str
    hint: str = ""

    def read(self, edits: Any, base: type[E], kinds: Mapping[str, type[E]]) -> tuple[E, ...]:
        """Return edits from JSON, dicts, or edits; one, or an iterable of them.

        Raises
        ------
        TypeError, ValueError
            When a text is no JSON, or a kind, field or value is none; names the nearest right one.
        """
        if isinstance(edits, str):
            try:
                edits = json.loads(edits)
            except (json.JSONDecodeError, RecursionError) as error:
                raise ValueError(f"{self.noun}s must be JSON, as {self.writer} writes it: {error}.") from error
        if isinstance(edits, EditData | Mapping):
            edits = (edits,)
        if not isinstance(edits, Iterable) or isinstance(edits, str | bytes):
            raise TypeError(
                f"{self.noun}s must be a list of {self.noun}s, such as [{self.example}], and {edits!r} came."
            )
        return tuple(self._read_one(edit, base, kinds) for edit in edits)

    def _read_one(self, edit: Any, base: type[E], kinds: Mapping[str, type[E]]) -> E:
        if isinstance(edit, base):
            return edit
        if isinstance(edit, EditData):  # of the other family
            raise TypeError(f"{edit.kind!r} is no {self.noun}. {self.hint}".rstrip())
        if not isinstance(edit, Mapping):
            raise TypeError(
                f"{self.article} {self.noun} must be one such as {self.example}, or a dict of it, and {edit!r} came."
            )
        given = dict(edit)
        kind = kinds.get(str(given.pop("kind", None)))
        if kind is None:
            raise ValueError(unknown(f"kind of {self.noun}", edit.get("kind"), kinds, self.hint))
        fields = {field.name: field for field in dataclasses.fields(kind)}
        for name in given:
            if name not in fields:
                raise ValueError(unknown(f"field of a {kind.kind} edit", name, fields))
        missing = [name for name, f in fields.items() if name not in given and f.default is dataclasses.MISSING]
        if missing:
            raise ValueError(f"a {kind.kind} edit needs {' and '.join(missing)}, and {dict(edit)!r} came.")
        return kind(**given)


def _is_default(edit: EditData, field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING and bool(getattr(edit, field.name) == field.default)


def _listed(value: Any) -> Any:
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


def read_edits(text: str) -> Any:
    """Return what JSON, or a file of it, stands for.

    Raises
    ------
    OSError, ValueError
        When there is no such file, or no JSON in it.
    """
    inline = text.lstrip().startswith(("[", "{"))
    try:
        return json.loads(text if inline else Path(text).read_text())
    except ValueError as error:  # no JSON, or no text
        raise ValueError(f"{'this' if inline else text} is no JSON of edits: {error}.") from error
