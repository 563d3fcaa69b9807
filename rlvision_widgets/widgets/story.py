"""A story: the explorer, led by notes."""

from collections.abc import Iterable, Sequence
from typing import Any

import traitlets as t

from rlvision_widgets.notes import Note, outputs_of
from rlvision_widgets.stories import read_story, story_names, write_story
from rlvision_widgets.widgets.explorer import Explorer
from rlvision_widgets.widgets.page import Asked, parts, requests
from rlvision_widgets.widgets.server import Connection
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.view import Study

__all__ = ["Story"]


class Story(Explorer):
    """Lead a reader through some steps of a study, note by note.

    A note's text stands above the panels; its output and its isolated feature are shown by themselves, while the
    reader can still scrub, hover and look at anything else. *Play* takes a second a step; :kbd:`N` and :kbd:`P` go to
    the next and the previous note. Notes can be changed, added and deleted in the view too.

    Parameters
    ----------
    study : DataTree, str or Path
        What the story is about.
    name : str, optional
        The story's name. None: the first of those that the study holds.
    notes : sequence of Note, optional
        Written into the study (in memory: `save_study` keeps them) in place of a story of that name. None: the
        study holds it already.
    trajectory : int, optional
        That of the notes which name none, 0 by default.
    agent : Agent, optional
        The agent that the study is of; computes what the study lacks when it is asked for.
    connection : Connection, optional
        In place of an agent.
    state : dict or str, optional
        What `state` of another view returned.
    traits
        Further traits of `Explorer`, for instance ``look="article"``. With ``note=2`` it opens there.

    Raises
    ------
    ValueError
        If there is no such story; or listing all that is wrong with the notes.
    TypeError
        For an unknown keyword, naming the nearest right one.

    Examples
    --------
    >>> rlv.Story(study, "Too late", notes=[  # doctest: +SKIP
    ...     rlv.Note("The **coin** is in sight.", steps=slice(10, 14)),
    ...     rlv.Note("It jumps, and [feature 3] says why.", steps=14, output="likeliest", feature=3),
    ... ])
    """

    _arguments = ("study", "name", "notes", "agent", "connection")

    _only = t.Bool(True).tag(sync=True)

    def __init__(
        self,
        study: Study,
        name: str | None = None,
        notes: Sequence[Note] | None = None,
        *,
        agent: Any = None,
        connection: Connection | None = None,
        trajectory: int | None = None,
        **traits: Any,
    ) -> None:
        self._check_keywords({key: value for key, value in traits.items() if key != "state"})
        tree, connection = self._open(study, agent, connection)
        if notes is not None:
            if name is None:
                raise ValueError("a story that is written needs a name: Story(study, name, notes)")
            write_story(tree, name, notes, trajectory=trajectory or 0)
        names = story_names(tree)
        if not names:
            raise ValueError("this study holds no story: write one with Story(study, name, notes=[Note(...), ...])")
        shown: dict[str, Any] = {"story": names[0] if name is None else name}
        if trajectory is not None:
            shown["trajectory"] = trajectory
        super().__init__(tree, connection=connection, **{**shown, **traits})
        if "step" not in traits and "state" not in traits:
            self._go(traits.get("note") or 0)

    @property
    def notes(self) -> list[Note]:
        """The notes of the story that is shown, as they are in the study now."""
        return read_story(self.study, self.story) if self.story else []

    @property
    def stories(self) -> list[str]:
        """The names of the study's stories."""
        return story_names(self.study)

    def __repr__(self) -> str:
        return f"<Story {self.story!r} of {len(self.notes)} notes, at note {self.note}; {super().__repr__()[1:]}"

    @t.observe("note")
    def _follow(self, change: Any) -> None:
        """Go to a note that was set here; the browser has gone there already when it was set in the view."""
        if change["new"] is not None and hasattr(self, "_servers"):
            note = self._at(change["new"])
            if note is None or note.trajectory != self.trajectory or not note.start <= self.step < note.stop:
                self._go(change["new"])

    def _at(self, index: int) -> Note | None:
        notes = self.notes
        return notes[index] if index < len(notes) else None

    def _go(self, index: int) -> None:
        """Show what a note says, as the view does (`js/panels/story_follow.ts`)."""
        note = self._at(index)
        if note is None:
            return
        shown: dict[str, Any] = {"trajectory": note.trajectory, "step": note.start, "note": index}
        layers = {layer["name"]: len(layer["features"]) for layer in self._study["layers"]}
        outputs = {output["name"] for output in self._study["outputs"]}
        if note.layer in layers:
            shown["layer"] = note.layer
        fixed = [output for output in outputs_of(note)[:1] if output in outputs]
        if fixed:
            shown["output"] = fixed[0]
        known = isinstance(note.feature, int) and note.feature <= layers.get(note.layer or self.layer, 0)
        shown["feature"] = note.feature if known else None
        shown["mode"] = note.mode or "attribution"
        if note.combine is not None:
            shown["combine"] = note.combine
        with self.hold_sync():
            for key, value in shown.items():
                setattr(self, key, value)

    def _page_requests(self, sources: tuple[StudySource, ...]) -> Iterable[Asked]:
        """Yield what the stories show: other trajectories are not offered in the view, and stay out of the page."""
        notes = [note for story in sources[0].describe()["stories"] for note in story["notes"]]
        shown = sorted({note["trajectory"] for note in notes if note["trajectory"] < sources[0].num_trajectories})
        yield from requests(sources[0], shown or None)
        yield from parts(sources[0])
