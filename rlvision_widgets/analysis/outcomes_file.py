"""Outcomes of levels in a text file that only grows: a measurement goes on where it stopped, whatever stopped it.

One JSON object a line. The first line says what was asked: the agent by its checkpoint, the environment with its
options, the seed, the precision. A line ``{"condition": …, "edits": […], "world_edits": […]}`` comes before a
condition's first level, and then a line a level that is over:
``{"condition": "original", "level": 8812734, "success": true, "length": 57, "return": 10.0, "cause": "coin"}``.
Lines of several conditions may alternate. `pandas.read_json(path, lines=True)` reads it too.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from rlvision_widgets.analysis.levels import Outcome

try:
    import fcntl
except ImportError:  # Windows: two processes are then not kept apart
    fcntl = None  # type: ignore[assignment]

__all__ = ["FORMAT", "Outcomes", "OutcomesFile", "conditions_in", "open_outcomes", "read_file"]

FORMAT = {"format": "rlvision outcomes", "version": 1}
COLUMNS = ("level", "success", "length", "return", "cause")  # an `Outcome`'s fields, in a line
SYNC = 5.0  # seconds between two writes to the disk itself; the system has each line at once
INFORMATION = ("agent", "package_version")  # in the first line, and no part of the question


class Outcomes:
    """What is known of each condition's levels, in memory."""

    def __init__(self) -> None:
        self.conditions: dict[str, dict[int, Outcome]] = {}

    def begin(self, conditions: Mapping[str, Mapping[str, Any]]) -> None:
        """Say which conditions follow, with the edits of each."""
        for condition in conditions:
            self.conditions.setdefault(condition, {})

    def add(self, condition: str, outcomes: Iterable[Outcome]) -> None:
        """Add levels that are over."""
        self.conditions[condition].update({outcome.level_seed: outcome for outcome in outcomes})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class OutcomesFile(Outcomes):
    """The same, read from a file and appended to it as levels end.

    Parameters
    ----------
    path : path
        Made when it is not there. One process at a time may have it open.
    question : mapping
        What all conditions have in common, JSON-friendly.

    Raises
    ------
    BlockingIOError
        When another process writes to the file.
    ValueError
        When it is no such file, or answers another question.
    """

    def __init__(self, path: str | os.PathLike[str], question: Mapping[str, Any]) -> None:
        super().__init__()
        self.path = Path(path)
        self._edits: dict[str, Any] = {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = open(self.path, "a+b")  # noqa: SIM115 - closed by __exit__
        try:
            self._lock()
            self._read(_plain({**FORMAT, **question}))
        except BaseException:
            self._file.close()
            raise
        self._synced = time.monotonic()

    def begin(self, conditions: Mapping[str, Mapping[str, Any]]) -> None:
        """Say which conditions follow, with the edits of each; new ones are written down.

        Raises
        ------
        ValueError
            When the file has a condition of such a name with other edits; nothing is written then.
        """
        asked = _plain(conditions)
        for condition, edits in asked.items():
            if self._edits.get(condition, edits) != edits:
                raise ValueError(
                    f"{self.path} has a condition {condition!r} with other edits: {_short(self._edits[condition])} "
                    f"there, {_short(edits)} now. Give the condition another name, or measure into another file."
                )
        new = {condition: edits for condition, edits in asked.items() if condition not in self._edits}
        self._edits |= new
        self._append(*({"condition": condition, **edits} for condition, edits in new.items()))
        super().begin(asked)

    def add(self, condition: str, outcomes: Iterable[Outcome]) -> None:
        """Add levels that are over, and write them down."""
        new = list(outcomes)
        super().add(condition, new)
        self._append(*({"condition": condition, **dict(zip(COLUMNS, outcome, strict=True))} for outcome in new))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is not on the disk yet, and let go of the file."""
        try:
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def _append(self, *lines: Mapping[str, Any]) -> None:
        self._file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        self._file.flush()
        if time.monotonic() - self._synced > SYNC:
            os.fsync(self._file.fileno())
            self._synced = time.monotonic()

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(
                f"something else measures into {self.path} just now. Wait for it, or give another file."
            ) from error

    def _read(self, asked: Mapping[str, Any]) -> None:
        self._synced = time.monotonic()
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if not whole:
            self._begin_file(content, asked)
            return
        header, self._edits, self.conditions = _read(content[:whole], self.path)
        self._check_question(header, asked)
        if whole < len(content):  # what wrote the last line died over it
            self._file.truncate(whole)

    def _begin_file(self, torn: bytes, asked: Mapping[str, Any]) -> None:
        """Write the first line, also over one that broke off."""
        start = json.dumps(FORMAT).encode()[:-1]
        if not (torn.startswith(start) or start.startswith(torn)):
            raise ValueError(_foreign(self.path))
        self._file.truncate(0)
        self._append(asked)

    def _check_question(self, header: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
        hidden = INFORMATION if asked.get("checkpoint") else INFORMATION[1:]  # a function has nothing but its name
        names = [name for name in {**header, **asked} if name not in hidden]
        wrong = [
            f"{name}: {_short(header.get(name))} there, {_short(asked.get(name))} now"
            for name in names
            if header.get(name) != asked.get(name)
        ]
        if wrong:
            raise ValueError(
                f"{self.path} answers another question ({'; '.join(wrong)}). Measure into another file; outcomes of "
                "different agents, worlds, seeds or precisions do not go together."
            )


def open_outcomes(path: str | os.PathLike[str] | None, question: Mapping[str, Any]) -> Outcomes:
    """Return where outcomes go: into a file, or into memory alone."""
    return Outcomes() if path is None else OutcomesFile(path, question)


def read_file(
    path: str | os.PathLike[str],
) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, dict[int, Outcome]]]:
    """Return a file's first line, the edits of its conditions, and the outcomes of each by level seed.

    Raises
    ------
    FileNotFoundError, ValueError
        When there is no file, or none that evaluate wrote.
    """
    content = Path(path).read_bytes()
    return _read(content[: content.rfind(b"\n") + 1], path)


def conditions_in(path: str | os.PathLike[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the network edits of each condition that a file has; nothing where there is no file."""
    if not os.path.exists(path) or not os.path.getsize(path):
        return {}
    return {condition: edits["edits"] for condition, edits in read_file(path)[1].items()}


def _read(
    content: bytes, path: str | os.PathLike[str]
) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, dict[int, Outcome]]]:
    """Return what whole lines say: the first one, and conditions with their edits and outcomes."""
    lines = content.split(b"\n")[:-1]
    header = _parsed(lines[0]) if lines else None
    if not isinstance(header, dict) or {name: header.get(name) for name in FORMAT} != FORMAT:
        raise ValueError(_foreign(path))
    edits: dict[str, dict[str, Any]] = {}
    outcomes: dict[str, dict[int, Outcome]] = {}
    for number, text in enumerate(lines[1:], start=2):
        line = _parsed(text)
        try:
            condition = line.pop("condition")
            if "level" in line:
                outcome = Outcome(*(line[name] for name in COLUMNS))
                outcomes[condition][outcome.level_seed] = outcome
            else:
                edits[condition] = line
                outcomes.setdefault(condition, {})
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                f"line {number} of {path} is damaged. Delete that line; its level is then played again."
            ) from error
    return header, edits, outcomes


def _foreign(path: str | os.PathLike[str]) -> str:
    return f"{path} holds no outcomes that evaluate wrote; it is left alone. Give another path."


def _plain(value: Any) -> Any:
    """Return what is read again when this is written."""
    return json.loads(json.dumps(value))


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:60]} … {text[-16:]}"
