"""What a view can ask Python for: one function a request, registered with its parameters.

A new request is one function in a module of `widgets.answers`. Whoever asks sees its name and its parameters; the
server sees whether it is slow, writes, or needs an agent, and deals with threads, locks, progress and cancelling.
"""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from rlvision_widgets.names import unknown
from rlvision_widgets.widgets.wire import Arrays

if TYPE_CHECKING:
    from rlvision_widgets.widgets.source import StudySource

__all__ = ["REQUESTS", "Answer", "Request", "Work", "check_request", "request"]

Answer = tuple[dict[str, Any], Arrays]  # numbers and flags that JSON can hold; arrays with their dims
F = TypeVar("F", bound=Callable[..., Answer])

PRIMITIVES = (int, float, str, bool)


@dataclass(frozen=True)
class Work:
    """What a request that needs an agent is given to work with.

    Parameters
    ----------
    connection : Connection
        What `study.connect` makes of an agent, or a user's own; may lack what is newer than `attribute`.
    progress : callable
        ``progress(stage, done, total)`` tells the view, not more often than messages may come.
    report : callable
        The same, but every call reaches the view.
    cancelled : callable
        Tells whether to stop; what is done then stays.
    refresh : callable
        Shows all views what was added to the study so far; called once more when the work ends.
    """

    connection: Any
    progress: Callable[[str, int, int], None]
    report: Callable[[str, int, int], None]
    cancelled: Callable[[], bool]
    refresh: Callable[[], None]


@dataclass(frozen=True)
class Request:
    """One request: its parameters, and how it is answered."""

    name: str
    params: Mapping[str, Any]  # name → int, float, str, bool or a Literal
    answer: Callable[..., Answer]
    slow: Callable[["StudySource"], bool]
    writes: bool
    needs_agent: bool
    stored: Callable[..., Answer | None] | None = None
    aside: bool = False


REQUESTS: dict[str, Request] = {}  # filled by the modules of `widgets.answers`


def request(
    *,
    slow: bool | Callable[["StudySource"], bool] = False,
    writes: bool = False,
    needs_agent: bool = False,
    stored: Callable[..., Answer | None] | None = None,
    aside: bool = False,
) -> Callable[[F], F]:
    """Register a function as the request of its name.

    The function gets the `StudySource`, then (if it needs an agent) a `Work`, then the request's parameters by name,
    whose types (int, float, str, bool, or a Literal of strings) are its annotations. It returns a dict that JSON can
    hold and named arrays. A ValueError is shown to the user as it is.

    Parameters
    ----------
    slow : bool or callable
        Answer in a thread, so that frames do not wait; a callable decides by the source.
    writes : bool
        It changes the study: one such request runs at a time, and all views of the study are refreshed before the
        reply is sent.
    needs_agent : bool
        It computes: in a thread of its own, one after another, with progress and cancelling. Without a connected
        agent it is refused.
    stored : callable, optional
        Of a request that needs an agent: takes the source and the parameters, and returns the answer if the study
        holds it already. It is asked first, so that a view without an agent, and a page, can show what was computed.
    aside : bool
        Of a request that needs an agent: it takes minutes, and runs beside those that others of its view wait for.
    """

    def register(function: F) -> F:
        name = function.__name__
        if name in REQUESTS and REQUESTS[name].answer.__module__ != function.__module__:
            raise ValueError(f"two functions answer the request {name!r}")
        params = list(inspect.signature(function).parameters)[2 if needs_agent else 1 :]
        hints = typing.get_type_hints(function)
        for param in params:
            if hints.get(param) not in PRIMITIVES and typing.get_origin(hints.get(param)) is not typing.Literal:
                raise TypeError(f"{name}: {param} must be annotated as int, float, str, bool or a Literal")
        is_slow = slow if callable(slow) else lambda _: slow
        kinds = {param: hints[param] for param in params}
        REQUESTS[name] = Request(name, kinds, function, is_slow, writes, needs_agent, stored, aside)
        return function

    return register


def check_request(method: object, params: object) -> tuple[Request, dict[str, Any]]:
    """Check that a request names a method and has its parameters, each of its type.

    Raises
    ------
    ValueError
        Naming what is unknown, missing or of a wrong type.
    """
    if not isinstance(method, str) or method not in REQUESTS:
        raise ValueError(unknown("request", method, REQUESTS))
    expected = REQUESTS[method].params
    if not isinstance(params, Mapping):
        raise ValueError(f"{method}: expected parameters by name, got {params!r}")
    for name in params:
        if name not in expected:
            raise ValueError(f"{method}: " + unknown("parameter", name, expected))
    for name, kind in expected.items():
        if name not in params:
            raise ValueError(f"{method}: the parameter {name!r} is missing")
        _check_type(f"{method}: {name}", kind, params[name])
    return REQUESTS[method], dict(params)


def _check_type(what: str, kind: Any, value: object) -> None:
    if typing.get_origin(kind) is typing.Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise ValueError(f"{what} must be one of {', '.join(map(repr, choices))}, got {value!r}")
    elif type(value) is not kind and not (kind is float and type(value) is int):  # not isinstance: True is no step
        raise ValueError(f"{what} must be {kind.__name__}, got {value!r}")
