"""The editor: switch features of the agent off, and see it think and play on beside the original."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rlvision_widgets.widgets.answers.editing import asked_edited, asked_race, looked_at, raced, scales_of
from rlvision_widgets.widgets.bundle import built
from rlvision_widgets.widgets.editing_page import edits_requests, edits_state
from rlvision_widgets.widgets.editor_picture import picture_of, picture_of_race
from rlvision_widgets.widgets.editor_traits import EditorTraits
from rlvision_widgets.widgets.kept_edits import Answered, find, key_of
from rlvision_widgets.widgets.page import Asked as Requested
from rlvision_widgets.widgets.poster import Pixels, png
from rlvision_widgets.widgets.server import Connection
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.view import Study

__all__ = ["Editor"]

FPS = 8.0  # of a movie of a race


class Editor(EditorTraits):
    """Edit the agent's network, and see at once what becomes of value, policy, attribution and play.

    Each feature of the layer has a switch and a strength: 1 removes it, 0 changes nothing, -1 doubles it. Edits are
    made in their order; the original agent stays as it is. From any step both agents play on with the same luck. What
    was computed is kept in the study (the last 24 frames and 8 races), and shown again without an agent.

    Parameters
    ----------
    study : DataTree, str or Path
        A study, or where one is saved. Racing needs one of a Procgen game with states.
    agent : Agent, optional
        The agent that the study is of; without it only what the study keeps can be shown.
    connection : Connection, optional
        In place of an agent: what computes.
    trajectory, step : int
        The frame, and where a race starts.
    layer, output : str
        Whose attribution, and of what, as in `Explorer`; the layer's features are those with switches.
    edits : list
        How the agent is edited, in this order: ``{"kind": "feature", "layer": "2b", "feature": 3, "strength": 1.0,
        "where": "next_kernel", "enabled": True}``; ``{"kind": "stored", "name": "saw"}`` for edits that the study
        keeps; any network edit, such as ``rlv.Ablate(...)``, as object or dict. What is left out is filled in.
    history, undone : list of list
        Former lists of edits, for `undo`; those that were taken back, for `redo`.
    feature, hovered : int or None
        The feature that is shown alone; that is under the pointer.
    num_steps, seed : int
        Of a race: at most how many steps; of its luck, where -1 is that of the rollout, which the original agent
        repeats.
    levels : int
        How many a measurement plays.
    state : dict or str
        What `state` of another view returned, or its JSON text.

    Attributes
    ----------
    can_compute : bool
        Whether an agent is connected.

    Raises
    ------
    TypeError
        For an unknown keyword, naming the nearest right one.
    SchemaError, ValueError
        If the study is none, or is empty.
    TraitError
        For a value out of range, or an edit that is none, naming the nearest right one.
    """

    _bundle = "editor"
    _esm = built("editor.js")
    _css = built("editor.css")

    fps = FPS

    def __init__(
        self,
        study: Study,
        agent: Any = None,
        *,
        connection: Connection | None = None,
        state: Mapping[str, Any] | str | None = None,
        **traits: Any,
    ) -> None:
        self._running: tuple[str, Answered] | None = None
        super().__init__([(study, agent, connection)], state=state, **traits)

    def refresh(self) -> None:
        """Show what was added to the study by other means than views."""
        self._study = dict(self.source.describe())
        self._refresh_edits()

    def __repr__(self) -> str:
        shown = f"trajectory={self.trajectory}, step={self.step}, layer={self.layer!r}, output={self.output!r}"
        attrs = self.study.attrs
        return f"<Editor of {attrs['agent']} in {attrs['environment']}: {shown}, {len(self.edits)} edits>"

    def picture(self, step: int | None = None) -> Pixels:
        """Draw frame, policy and attribution of both agents; what is not computed yet is computed.

        Parameters
        ----------
        step : int, optional
            Draw instead both agents side by side so many steps later, when they have played on.

        Raises
        ------
        ValueError
            Where the study does not keep it, and no agent is connected.
        """
        if step is not None:
            return self._picture_of_race(step)
        return self._drawn(self._asked(), self._looked_at())

    def _looked_at(self) -> Answered:
        """Return what both agents make of what is shown, computed unless it is kept."""
        answer = looked_at(self.source, self.source.connection, self._asked())
        self._tell_kept()
        return answer

    def _drawn(self, question: dict[str, Any], answer: Answered) -> Pixels:
        scale = scales_of(self.source, question, answer)["display_scale"]
        return picture_of(self.source, question, answer, scale, self.feature)

    def _picture_of_race(self, step: int) -> Pixels:
        if not 0 <= step <= self.num_steps:
            raise ValueError(f"step must be from 0 to {self.num_steps}, the steps of a race, got {step}")
        return picture_of_race(self.source, self._asked(), self._raced(), step)

    def _raced(self) -> Answered:
        """Return the race from what is shown; remembered, because a movie asks for each of its frames."""
        place: dict[str, Any] = {"trajectory": self.trajectory, "step": self.step, "edits": json.dumps(self.edits)}
        question = asked_race(self.source, **place, num_steps=self.num_steps, seed=self.seed)
        key = key_of(self.study, "races", question)  # also of what its words stand for: features can be fitted anew
        if self._running is None or self._running[0] != key:
            self._running = key, raced(self.source, self.source.connection, question)
            self._tell_kept()
        return self._running[1]

    def _poster(self) -> bytes | None:
        """Draw what is computed already: a notebook that shows the view does not wait for it."""
        question = self._asked()
        answer = find(self.study, "frames", question)
        return None if answer is None else png(self._drawn(question, answer))

    def _movie_steps(self) -> range:
        """Return the steps of the race, as far as one of the agents goes."""
        return range(max(self._raced().told["length"]) + 1)

    def _page_state(self, sources: tuple[StudySource, ...]) -> dict[str, Any]:
        self._looked_at()  # what is shown is kept, so that a page has it
        described = dict(sources[0].describe())
        return {**super()._page_state(sources), "can_compute": False, "_study": described, **edits_state(sources[0])}

    def _page_requests(self, sources: tuple[StudySource, ...]) -> Iterator[Requested]:
        yield from edits_requests(sources[0])

    def _asked(self) -> dict[str, Any]:
        return asked_edited(
            self.source,
            trajectory=self.trajectory,
            step=self.step,
            edits=json.dumps(self.edits),
            layer=self.layer,
            output=self.output,
        )
