"""The command line of `rlvision train`: one argument for each option."""

import argparse
import ast
import dataclasses
import inspect
import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast, get_type_hints

from rlvision_widgets.training.options import TrainingOptions

__all__ = ["add_arguments", "field_docstrings", "options_from_arguments"]

SECTIONS = {
    "folder": "the run",
    "environment": "the world",
    "num_actions": "the agent",
    "seed": "how much is played",
    "batch_size": "gradient steps",
    "gamma": "PPO",
    "teacher": "a teacher",
    "precision": "the machine",
    "checkpoint_minutes": "what is kept, and measured",
}
"""Headings of the help, each above the option that it begins with."""


def _by_name(text: str) -> dict[str, Any]:
    """Return options by name, from JSON."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f'expected options by name, such as {{"name": 1}}, got {text!r}')
    return found


def _or_none(kind: type[Any]) -> Callable[[str], Any]:
    """Return a parser of `kind` that knows the word none as well."""

    def parse(text: str) -> Any:
        return None if text == "none" else kind(text)

    parse.__name__ = f"{kind.__name__} (or none)"  # for argparse's message
    return parse


KINDS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    Path: ("FOLDER", Path),
    str: ("NAME", str),
    str | None: ("NAME", _or_none(str)),
    int: ("N", int),
    int | None: ("N", _or_none(int)),
    float: ("X", float),
    float | None: ("X", _or_none(float)),
    Mapping[str, Any]: ("JSON", _by_name),
    Any: ("JSON", str),
}
"""What stands for an option's value in the help, and what reads it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` one argument for each field of `TrainingOptions`, with its docstring as help."""
    parser.usage = f"{parser.prog} [options]"  # not fifty of them twice
    help_texts, kinds = field_docstrings(TrainingOptions), get_type_hints(TrainingOptions)
    group: argparse._ActionsContainer = parser
    for name, default in vars(TrainingOptions()).items():
        group = parser.add_argument_group(SECTIONS[name]) if name in SECTIONS else group
        flag, text = "--" + name.replace("_", "-"), f"{help_texts[name]}{_default(default)}"
        text = text.replace("``", "").replace("%", "%%")
        if kinds[name] is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=text)
        else:
            metavar, kind = KINDS[kinds[name]]
            group.add_argument(flag, type=kind, default=default, metavar=metavar, help=text)


def _default(default: Any) -> str:
    """Return what stands where nothing is given, as it would be written."""
    if default == []:
        return ""
    written = "none" if default is None else json.dumps(default) if isinstance(default, dict) else default
    return f" (default {written})"


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
