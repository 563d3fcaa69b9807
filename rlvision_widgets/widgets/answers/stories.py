"""Writing stories from within a view."""

from typing import Literal

from rlvision_widgets import stories
from rlvision_widgets.notes import Note
from rlvision_widgets.widgets.requests import Answer, request
from rlvision_widgets.widgets.source import StudySource

Mode = Literal["", "attribution", "change"]


@request(writes=True)
def new_story(source: StudySource, story: str) -> Answer:
    """Begin a story without notes; one of this name that is there is left as it is."""
    if story not in stories.story_names(source.study):
        stories.write_story(source.study, story, [])
    return {}, {}


@request(writes=True)
def add_note(  # noqa: PLR0917 - the order of the fields of a note
    source: StudySource,
    story: str,
    position: int,
    trajectory: int,
    start: int,
    stop: int,
    text: str,
    layer: str,
    output: str,
    feature: int,
    mode: Mode,
    combine: int,
) -> Answer:
    """Add a note; -1 and empty texts stand for what it does not say, position -1 for its place by step."""
    note = _note(trajectory, start, stop, text, layer, output, feature, mode, combine)
    at = stories.add_note(source.study, story, note, None if position < 0 else position)
    return {"note": at}, {}


@request(writes=True)
def edit_note(  # noqa: PLR0917
    source: StudySource,
    story: str,
    note: int,
    trajectory: int,
    start: int,
    stop: int,
    text: str,
    layer: str,
    output: str,
    feature: int,
    mode: Mode,
    combine: int,
) -> Answer:
    """Replace a note."""
    edited = _note(trajectory, start, stop, text, layer, output, feature, mode, combine)
    return {"note": stories.edit_note(source.study, story, note, edited)}, {}


@request(writes=True)
def remove_note(source: StudySource, story: str, note: int) -> Answer:
    """Remove a note."""
    stories.remove_note(source.study, story, note)
    return {}, {}


def _note(  # noqa: PLR0917
    trajectory: int,
    start: int,
    stop: int,
    text: str,
    layer: str,
    output: str,
    feature: int,
    mode: Mode,
    combine: int,
) -> Note:
    return Note(
        text,
        slice(start, stop),
        trajectory=trajectory,
        layer=layer or None,
        output=output.split("\n") if "\n" in output else output or None,
        feature=None if feature < 0 else feature,
        mode=mode or None,
        combine=None if combine < 0 else bool(combine),
    )
