"""Stories: notes tied to steps of a study's trajectories, which lead a reader through what happened there.

A story is a node ``/stories/<name>`` of the study (`schema.STORY`), so it is saved, opened and shared with it. Its
notes are read in their order. In a note's text, names in ``**bold**`` that are a feature's get that feature's colour
in the views; ``[feature 3]`` stands for whatever feature 3 of the note's layer is called (``[feature 3 of 2a]`` for
another layer's) and so survives renaming. Everything else is plain text.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from rlvision_widgets.changes import announce
from rlvision_widgets.names import node_name, strict_keywords, unknown
from rlvision_widgets.notes import Note, outputs_of, problems, settled
from rlvision_widgets.schema import STORY, SchemaError, check

__all__ = [
    "Note",
    "add_note",
    "check_story",
    "edit_note",
    "read_story",
    "remove_note",
    "remove_story",
    "story_names",
    "write_story",
]


def story_names(study: xr.DataTree) -> list[str]:
    """Return the names of a study's stories, sorted."""
    return sorted(_title(node, key) for key, node in _nodes(study))


def read_story(study: xr.DataTree, name: str) -> list[Note]:
    """Read the notes of a story.

    Raises
    ------
    ValueError
        If there is no story of this name; names the nearest.
    SchemaError
        If the node is no story.
    """
    return _notes(_find(study, name))


@strict_keywords
def write_story(study: xr.DataTree, name: str, notes: Sequence[Note], *, trajectory: int = 0) -> None:
    """Write a story into a study, in memory; `save_study` keeps it. One of the same name is replaced.

    Parameters
    ----------
    study : DataTree
        Gets the node ``/stories/<name>``.
    name : str
        Any text of one line.
    notes : sequence of Note
        In the order in which they are to be read.
    trajectory : int
        That of the notes which name none.

    Raises
    ------
    ValueError
        Listing all that is wrong with the notes: what lies outside the study, unknown outputs, layers and features.
    """
    key = node_name(name, "a story")
    if not isinstance(trajectory, int | np.integer):
        raise TypeError(f"trajectory is an int, got {trajectory!r}")
    for note in notes:
        if not isinstance(note, Note):
            raise TypeError(f"a story is made of rlv.Note objects, got {type(note).__name__}")
    placed = [replace(note, trajectory=trajectory) if note.trajectory is None else note for note in notes]
    wrong = [line for index, note in enumerate(placed) for line in problems(study, note, f"note {index}")]
    if wrong:
        raise ValueError(f"the story {name!r} does not fit the study:\n" + "\n".join(f"- {line}" for line in wrong))
    data = _dataset([settled(study, note) for note in placed], name)
    if "stories" not in study.children:
        study["stories"] = xr.DataTree()
    study["stories"][key] = xr.DataTree(data)
    announce(study)


def remove_story(study: xr.DataTree, name: str) -> None:
    """Remove a story from a study, in memory."""
    del study["stories"][str(_find(study, name).name)]
    announce(study)


def add_note(study: xr.DataTree, name: str, note: Note, position: int | None = None) -> int:
    """Add a note to a story, and return where it stands now.

    Parameters
    ----------
    position : int, optional
        None: before the first note that starts later in the same trajectory.
    """
    notes = read_story(study, name)
    at = _place(notes, note) if position is None else min(max(position, 0), len(notes))
    write_story(study, name, [*notes[:at], note, *notes[at:]])
    return at


def edit_note(study: xr.DataTree, name: str, index: int, note: Note) -> int:
    """Replace a note, and return where it stands now: one whose steps changed takes its place among the others."""
    notes = read_story(study, name)
    _check_index(name, index, notes)
    others = notes[:index] + notes[index + 1 :]
    moved = (note.trajectory, note.start) != (notes[index].trajectory, notes[index].start)
    at = _place(others, note) if moved else index
    write_story(study, name, [*others[:at], note, *others[at:]])
    return at


def remove_note(study: xr.DataTree, name: str, index: int) -> Note:
    """Remove a note, and return it."""
    notes = read_story(study, name)
    _check_index(name, index, notes)
    write_story(study, name, notes[:index] + notes[index + 1 :])
    return notes[index]


def check_story(study: xr.DataTree, name: str) -> None:
    """Check that a story fits its study: a study may have changed since it was written, or was edited by hand.

    Raises
    ------
    SchemaError
        Listing everything that is wrong.
    """
    found = [
        line for index, note in enumerate(read_story(study, name)) for line in problems(study, note, f"note {index}")
    ]
    if found:
        raise SchemaError(f"the story {name!r} does not fit the study:\n" + "\n".join(f"- {line}" for line in found))


def _dataset(notes: Sequence[Note], name: str) -> xr.Dataset:
    columns = {
        "in_trajectory": [note.trajectory for note in notes],
        "start": [note.start for note in notes],
        "stop": [note.stop for note in notes],
        "text": [note.text for note in notes],
        "layer": [note.layer or "" for note in notes],
        "output": ["\n".join(outputs_of(note)) for note in notes],
        "isolated": [-1 if note.feature is None else note.feature for note in notes],
        "mode": [note.mode or "" for note in notes],
        "combine": [-1 if note.combine is None else int(note.combine) for note in notes],
    }
    dtypes: dict[str, Any] = {key: spec.dtype for key, spec in STORY.variables.items()}
    # Objects say that they are text only where there are some.
    text = "object" if notes else np.dtypes.StringDType() if hasattr(np.dtypes, "StringDType") else "U1"
    dtypes = {key: text if dtype == "str" else dtype for key, dtype in dtypes.items()}
    arrays = {key: ("note", np.array(values, dtypes[key])) for key, values in columns.items()}
    return xr.Dataset(arrays, attrs={"title": name})


def _notes(node: xr.DataTree) -> list[Note]:
    data = node.to_dataset()
    check(data, STORY)
    columns = {key: data[key].values.tolist() for key in STORY.variables}
    rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [
        Note(
            str(row["text"]),
            slice(row["start"], row["stop"]),
            trajectory=row["in_trajectory"],
            layer=row["layer"] or None,
            output=str(row["output"]).split("\n") if "\n" in row["output"] else row["output"] or None,
            feature=None if row["isolated"] < 0 else row["isolated"],
            mode=row["mode"] or None,
            combine=None if row["combine"] < 0 else bool(row["combine"]),
        )
        for row in rows
    ]


def _place(notes: Sequence[Note], note: Note) -> int:
    """Return where a note belongs: by its first step among those of its trajectory, else at the end."""
    same = [index for index, other in enumerate(notes) if other.trajectory == note.trajectory]
    later = (index for index in same if notes[index].start > note.start)
    return next(later, same[-1] + 1 if same else len(notes))


def _nodes(study: xr.DataTree) -> list[tuple[str, xr.DataTree]]:
    return list(study["stories"].children.items()) if "stories" in study.children else []


def _title(node: xr.DataTree, key: str) -> str:
    return str(node.attrs.get("title", key))


def _find(study: xr.DataTree, name: str) -> xr.DataTree:
    found = {_title(node, key): node for key, node in _nodes(study)}
    if name not in found:
        raise ValueError(unknown("story", name, found))
    return found[name]


def _check_index(name: str, index: int, notes: Sequence[Note]) -> None:
    if not 0 <= index < len(notes):
        raise ValueError(f"the story {name!r} has {len(notes)} notes, from 0; there is no note {index}")
