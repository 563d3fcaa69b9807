"""Names: how a wrong one is refused, with the nearest right one, and what a node is called."""

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

__all__ = ["environment_options", "nearest", "node_name", "strict_keywords", "unknown"]

P = ParamSpec("P")
R = TypeVar("R")


LONGEST = 200  # bytes of a node's name: file systems take 255, and zarr needs some


def nearest(name: str, options: Iterable[str]) -> str | None:
    """Return the option that `name` was most likely meant to be, or None when none is near.

    Parameters
    ----------
    name : str
        What was written.
    options : iterable of str
        What could have been written. Case is ignored in the comparison.
    """
    by_lower = {option.lower(): option for option in options}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def unknown(kind: str, name: object, options: Iterable[str], hint: str = "") -> str:
    """Return the message for an unknown name: what came, the nearest right one, and all that there are.

    Parameters
    ----------
    kind : str
        What the name stands for, e.g. ``"layer"``.
    name : object
        What came.
    options : iterable of str
        The right names, in the order in which they are to be listed.
    hint : str
        A last sentence that says what to do.
    """
    known = list(options)
    guess = nearest(str(name), known)
    meant = f" Did you mean {guess!r}?" if guess is not None else ""
    listed = ", ".join(repr(option) for option in known) if known else "none"
    return f"unknown {kind} {name!r}.{meant} Known: {listed}.{' ' + hint if hint else ''}"


def environment_options(environment: str | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the description of an environment, of which the name alone may be given, or nothing."""
    return {"name": environment} if isinstance(environment, str) else dict(environment or {})


def strict_keywords(function: Callable[P, R]) -> Callable[P, R]:
    """Make `function` refuse an unknown keyword with a TypeError that names the nearest right one.

    Python 3.11's own message says only that the keyword is unexpected.
    """
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        raise TypeError(f"{function.__qualname__} takes any keyword (**kwargs); it has to check them itself")
    positional_only = inspect.Parameter.POSITIONAL_ONLY
    known = [parameter.name for parameter in parameters if parameter.kind is not positional_only]

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        for keyword in kwargs:
            if keyword not in known:
                raise TypeError(
                    f"{function.__name__}: " + unknown("keyword", keyword, [k for k in known if k != "self"])
                )
        return function(*args, **kwargs)

    return checked


def node_name(name: object, kind: str) -> str:
    """Return the node that keeps what a user named: the name, with what no path may hold written as %XX.

    Parameters
    ----------
    name : str
        Any text of one line.
    kind : str
        What it names, with its article, e.g. ``"a story"``.

    Raises
    ------
    ValueError
        When it is no text of one line, or too long.
    """
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ValueError(f"{kind}'s name is a line of text, got {name!r}")
    kept = "".join(quote(letter, safe="") if letter in '/\\%:*?"<>|' else letter for letter in name)
    key = re.sub(r"^[._]|[. ]$", lambda match: f"%{ord(match[0]):02X}", kept)
    if len(key.encode()) > LONGEST:
        raise ValueError(f"{kind}'s name has at most {LONGEST} bytes, this one has {len(key.encode())}: {name!r}")
    return key
