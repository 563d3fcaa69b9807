"""What a long search has found so far, in a text file that only grows, so that it goes on where it stopped."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Journal"]


class Journal:
    """Entries, JSON-friendly, one a line, after a line that says what was asked.

    Parameters
    ----------
    path : path, optional
        Made with the first entry. None: nothing is written.
    question : mapping
        JSON-friendly; all that the entries depend on.

    Attributes
    ----------
    entries : list
        Those in the file, then those added. A last line that is cut off is not among them.

    Raises
    ------
    ValueError
        When the file answers another question.
    """

    def __init__(self, path: str | os.PathLike[str] | None, question: Mapping[str, Any]) -> None:
        self._path = None if path is None else Path(path)
        self._question = json.dumps(dict(question))
        self.entries: list[Any] = []
        if self._path is not None and self._path.exists():
            self._read(self._path)

    def add(self, entry: Any) -> None:
        """Add an entry; it is on disk when this returns."""
        line = json.dumps(entry)
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = not self._path.exists()
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{self._question}\n{line}\n" if fresh else f"{line}\n")
                file.flush()
                os.fsync(file.fileno())
        self.entries.append(json.loads(line))

    def _read(self, path: Path) -> None:
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:  # not even the question was written
            path.unlink()
            return
        first, *lines = whole.decode().splitlines()
        if first != self._question:
            asked, known = json.loads(self._question), json.loads(first)
            other = sorted(name for name in asked.keys() | known.keys() if asked.get(name) != known.get(name))
            raise ValueError(
                f"{path} holds a search with other settings ({', '.join(other)}): choose another folder, or ask with "
                "the same settings to go on."
            )
        self.entries = [json.loads(line) for line in lines]
        if len(whole) < len(content):
            with path.open("r+b") as file:
                file.truncate(len(whole))
