"""The command line of `rlvision train`: one argument for each option."""

import argparse
import ast
import dataclasses
import inspect
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any, cast, get_type_hints

from rlvision_widgets.training.options import TrainingOptions

__all__ = ["add_arguments", "field_docstrings", "options_from_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` one argument for each field of `TrainingOptions`, with its docstring as help."""
    help_texts = field_docstrings(TrainingOptions)
    parsers: dict[Any, Callable[[str], Any]] = {
        Mapping[str, Any]: json.loads,
        float | None: lambda text: None if text == "none" else float(text),
        int | None: lambda text: None if text == "none" else int(text),
        str | None: lambda text: None if text == "none" else text,
        Any: str,
    }
    kinds = get_type_hints(TrainingOptions)
    for name, default in vars(TrainingOptions()).items():
        flag, text = "--" + name.replace("_", "-"), f"{help_texts[name]} (default {default})".replace("%", "%%")
        if kinds[name] is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=text)
        else:
            kind = parsers.get(kinds[name], kinds[name])
            parser.add_argument(flag, type=kind, default=default, metavar=name.upper(), help=text)


def options_from_arguments(arguments: argparse.Namespace) -> TrainingOptions:
    """Return the options that `add_arguments` put into `arguments`."""
    return TrainingOptions(**{each.name: getattr(arguments, each.name) for each in dataclasses.fields(TrainingOptions)})


def field_docstrings(kind: type) -> dict[str, str]:
    """Return the text under each field of a dataclass, which Python itself throws away."""
    body = cast(ast.ClassDef, ast.parse(inspect.getsource(kind)).body[0]).body
    return {
        ast.unparse(field.target): " ".join(str(text.value.value).split())
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }
