"""Write the TypeScript types of what Python and the views share: `python js/generated/generate.py`.

The traits of a view, the description of a study and the parameters of requests are defined in Python
(`rlvision_widgets.widgets`); a test keeps `traits.d.ts` equal to what this script prints.
"""

import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import traitlets as t

from rlvision_widgets.widgets import wire
from rlvision_widgets.widgets.compare import Compare
from rlvision_widgets.widgets.counterfactual import Counterfactual
from rlvision_widgets.widgets.editor import Editor
from rlvision_widgets.widgets.explorer import Explorer
from rlvision_widgets.widgets.grid import FeatureGrid
from rlvision_widgets.widgets.requests import REQUESTS
from rlvision_widgets.widgets.view import View

TARGET = Path(__file__).with_name("traits.d.ts")
HEADER = "// Made by `python js/generated/generate.py` from rlvision_widgets/widgets; edit those instead.\n"
PRIMITIVES = {int: "number", float: "number", str: "string", bool: "boolean", type(None): "null", object: "unknown"}
LINE = 110  # as in biome.json
DESCRIBED = {  # traits that hold descriptions
    "_study": "StudyDescription",
    "_studies": "StudyDescription[]",
    "_members": "MemberDescription[]",
    "_choices": "AlignmentChoice[]",
    "_stored": "StoredCounterfactual[]",
    "_edited": "StoredEdit[]",
    "_presets": "KeptEdits[]",
}
TRAITS = (
    *((t.Bool, "boolean"), (t.Int, "number"), (t.Float, "number"), (t.Unicode, "string")),
    (t.Dict, "Record<string, unknown>"),
)


def generate() -> str:
    """Return the text of `traits.d.ts`."""
    described = [getattr(wire, name) for name in wire.__all__ if typing.is_typeddict(getattr(wire, name))]
    shown = {
        "ExplorerTraits": Explorer,
        "CompareTraits": Compare,
        "CounterfactualTraits": Counterfactual,
        "EditorTraits": Editor,
        "FeatureGridTraits": FeatureGrid,
    }
    views = [_traits(name, view) for name, view in shown.items()]
    return "\n".join([HEADER, *map(_typed_dict, described), _requests(), *views])


def _typed_dict(shape: Any) -> str:
    fields = (
        (name + ("" if name in shape.__required_keys__ else "?"), _type(annotation))
        for name, annotation in typing.get_type_hints(shape).items()
    )
    return _interface(shape.__name__, shape.__doc__, fields)


def _requests() -> str:
    fields = (
        (name, _params({param: _type(kind) for param, kind in request.params.items()}, len(name)))
        for name, request in sorted(REQUESTS.items())
    )
    return _interface("Requests", "The parameters of requests, besides `study`, which picks one of several.", fields)


def _params(params: dict[str, str], indent: int) -> str:
    """Write an object's type in one line if the formatter of TypeScript would."""
    if not params:
        return "Record<string, never>"
    fields = [f"{param}: {kind};" for param, kind in params.items()]
    line = "{ " + " ".join(fields).removesuffix(";") + " }"
    fits = len(line) + indent + len("  : ;") <= LINE
    return line if fits else "\n    ".join(["{", *fields]) + "\n  }"


def _traits(name: str, view: type[t.HasTraits]) -> str:
    own = {key: trait for key, trait in view.class_traits(sync=True).items() if issubclass(trait.this_class, View)}
    fields = ((key, _trait(key, trait)) for key, trait in sorted(own.items()))
    return _interface(name, f"The synced state of {view.__name__}.", fields)


def _trait(name: str, trait: Any) -> str:
    if name in DESCRIBED:
        return DESCRIBED[name]
    if isinstance(trait, t.Enum):
        return " | ".join(f'"{value}"' for value in trait.values or ())
    if isinstance(trait, t.List):
        return _list(_trait(name, trait._trait))
    written = next((text for kind, text in TRAITS if isinstance(trait, kind)), None)
    if written is None:
        raise TypeError(f"no TypeScript type is known for the trait {name!r}, a {type(trait).__name__}")
    return f"{written} | null" if trait.allow_none else written


def _type(annotation: Any) -> str:
    if annotation in PRIMITIVES:
        return PRIMITIVES[annotation]
    if typing.is_typeddict(annotation):
        return str(annotation.__name__)
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is list:
        return _list(_type(inside[0]))
    if origin is dict:
        return f"Record<string, {_type(inside[1])}>"
    if origin in {typing.Union, types.UnionType}:
        return " | ".join(map(_type, inside))
    if origin is typing.Literal:
        return " | ".join(f'"{value}"' for value in inside)
    raise TypeError(f"no TypeScript type is known for {annotation}")


def _list(item: str) -> str:
    return f"({item})[]" if " | " in item else f"{item}[]"


def _interface(name: str, comment: str | None, fields: Iterator[tuple[str, str]]) -> str:
    lines = [f"/** {comment} */", f"export interface {name} {{", *(f"  {key}: {kind};" for key, kind in fields), "}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(generate(), encoding="utf-8")
