"""The counterfactual view: what the agent would have thought, had the saw not been there."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import xarray as xr

from rlvision_widgets.widgets import kept
from rlvision_widgets.widgets.answers.world import asked_of, imagined, played_on, shared_scales
from rlvision_widgets.widgets.bundle import built
from rlvision_widgets.widgets.counterfactual_picture import picture_of, picture_of_play
from rlvision_widgets.widgets.counterfactual_traits import (
    CounterfactualTraits,
    in_plain_words,
    stored_counterfactuals,
)
from rlvision_widgets.widgets.kept import Asked, Kept
from rlvision_widgets.widgets.page import Asked as Requested
from rlvision_widgets.widgets.poster import Pixels, png
from rlvision_widgets.widgets.server import Connection
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.view import Study

__all__ = ["Counterfactual"]

FPS = 8.0  # of a movie of playing on


class Counterfactual(CounterfactualTraits):
    """Change the world of one frame, and see what the agent makes of it: value, policy, attribution, before and after.

    In the notebook objects are clicked, dragged and painted; traits and methods do the same from Python. Places are
    (x, y) in cells from the lower left corner. What was computed is kept in the study (the last 24), and shown again
    without an agent.

    Parameters
    ----------
    study : DataTree, str or Path
        A study of a Procgen game with states, or where one is saved.
    agent : Agent, optional
        The agent that the study is of; without it only what the study keeps can be shown.
    connection : Connection, optional
        In place of an agent: what computes.
    trajectory, step : int
        The frame.
    layer, output : str
        Whose attribution, and of what, as in `Explorer`.
    edits : list
        What is changed, in its order: ``[rlv.Remove("saw", at=(12.5, 3.5))]``, as dicts or objects. Among them
        ``{"kind": "play", "action": 7}`` presses an action; the world without the edits gets the same presses.
    undone : list of dict
        What was taken back, for `redo`.
    actions : list of int
        Pressed before all edits.
    selected : str
        Key of the object that is selected, such as ``"entity 5"``.
    feature, hovered : int or None
        The feature that is shown alone; that is under the pointer.
    num_branches, num_steps : int
        How many branches are grown for survival curves; how many steps are played on.
    seed : int
        Of the luck of playing on; -1 is that of the rollout, which the unedited world then repeats.
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

    _bundle = "counterfactual"
    _esm = built("counterfactual.js")
    _css = built("counterfactual.css")

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
        self._playing: tuple[tuple[Asked, int, int], xr.Dataset] | None = None
        super().__init__([(study, agent, connection)], state=state, **traits)

    # -- what is changed ------------------------------------------------------------------------------------------

    def edit(self, *edits: Any) -> None:
        """Add edits; what was undone is forgotten.

        Parameters
        ----------
        *edits : edit or dict
            For instance ``rlv.Move("coin", at=(12.5, 3.5), to=(8.5, 3.5))``.

        Raises
        ------
        ValueError
            For what is no edit; with an agent connected, for one that cannot be made in this world. Nothing is
            changed then.
        """
        self._change([*self.edits, *in_plain_words(edits, self.source.action_names)], [])

    def play(self, *actions: str | int) -> None:
        """Press actions in the edited world, by name or number.

        Raises
        ------
        ValueError
            For an unknown action, naming the nearest; if the episode has ended.
        """
        self.edit(*({"kind": "play", "action": action} for action in actions))

    def undo(self) -> None:
        """Take back the last edit or press; nothing happens where there is none."""
        if self.edits:
            self._change(self.edits[:-1], [*self.undone, self.edits[-1]])
        elif self.actions:
            last = {"kind": "play", "action": self.actions[-1]}
            self._change([], [*self.undone, last], self.actions[:-1])

    def redo(self) -> None:
        """Make again what was undone last; nothing happens where there is nothing."""
        if self.undone:
            self._change([*self.edits, self.undone[-1]], self.undone[:-1])

    def reset(self) -> None:
        """Take back all edits and presses; `redo` brings them back one by one."""
        presses = [{"kind": "play", "action": action} for action in self.actions]
        self._change([], [*self.undone, *reversed([*presses, *self.edits])], [])

    def _change(
        self, edits: list[dict[str, Any]], undone: list[dict[str, Any]], actions: list[int] | None = None
    ) -> None:
        actions = self.actions if actions is None else actions
        reach = getattr(self.source.connection, "reach", None)
        if reach is not None and edits:
            reach(self.trajectory, self.step, edits, actions)
        with self.hold_sync(), self.hold_trait_notifications():
            self.edits, self.undone, self.actions = edits, undone, actions

    # -- what is shown --------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what was added to the study by other means than views."""
        self._study = dict(self.source.describe())
        self._stored = [dict(entry) for entry in stored_counterfactuals(self.study)]

    def _send_to_views(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        super()._send_to_views(content, buffers)
        if content.get("kind") == "rlv-reply":  # its answer may be kept now; told afterwards, so that it comes at once
            self._stored = [dict(entry) for entry in stored_counterfactuals(self.study)]

    def __repr__(self) -> str:
        shown = f"trajectory={self.trajectory}, step={self.step}, layer={self.layer!r}, output={self.output!r}"
        attrs = self.study.attrs
        return f"<Counterfactual of {attrs['agent']} in {attrs['environment']}: {shown}, {len(self.edits)} edits>"

    def picture(self, step: int | None = None) -> Pixels:
        """Draw frame, policy and attribution, before and after; what is not computed yet is computed.

        Parameters
        ----------
        step : int, optional
            Draw instead the two worlds side by side so many steps later, when the agent has played on.

        Raises
        ------
        ValueError
            Where the study does not keep it, and no agent is connected.
        """
        if step is not None:
            return self._picture_of_play(step)
        asked = self._asked()
        return self._drawn(asked, imagined(self.source, self.source.connection, asked))

    def _drawn(self, asked: Asked, answer: Kept) -> Pixels:
        scale = shared_scales(self.source, asked, answer.data)["display_scale"]
        return picture_of(self.source, asked, answer, scale, self.feature)

    def _picture_of_play(self, step: int) -> Pixels:
        if not 0 <= step <= self.num_steps:
            raise ValueError(f"step must be from 0 to {self.num_steps}, the steps that are played on, got {step}")
        asked, played = self._played()
        return picture_of_play(self.source, asked, played, json.loads(played.attrs["told"]), step)

    def _played(self) -> tuple[Asked, xr.Dataset]:
        """Return how it goes on from what is shown; remembered, because a movie asks for each of its frames."""
        options = self._asked(), self.num_steps, self.seed
        if self._playing is None or self._playing[0] != options:
            self._playing = options, played_on(self.source, self.source.connection, *options)
        return options[0], self._playing[1]

    def _poster(self) -> bytes | None:
        """Draw what is computed already: a notebook that shows the view does not wait for it."""
        asked = self._asked()
        answer = kept.find(self.study, asked)
        return None if answer is None else png(self._drawn(asked, answer))

    def _movie_steps(self) -> range:
        """Return the steps of playing on, as far as one of the worlds goes."""
        _, played = self._played()
        return range(max(json.loads(played.attrs["told"])["length"]) + 1)

    def _page_state(self, sources: tuple[StudySource, ...]) -> dict[str, Any]:
        imagined(self.source, self.source.connection, self._asked())  # what is shown is kept, so that a page has it
        described = dict(sources[0].describe())
        own = {"can_compute": False, "_study": described, "_stored": stored_counterfactuals(self.study)}
        return {**super()._page_state(sources), **own}

    def _page_requests(self, sources: tuple[StudySource, ...]) -> Iterator[Requested]:
        yield "bundle", {"name": "counterfactual_more"}
        for entry in stored_counterfactuals(sources[0].study):
            question = {name: value for name, value in entry.items() if name in Asked._fields}
            yield from ((name, question) for name in entry["has"] if name != "play_on")
            if "play_on" in entry["has"]:
                asked = Asked(**question)  # type: ignore[arg-type]
                place = {name: question[name] for name in ("trajectory", "step", "edits", "actions")}
                yield "play_on", {**place, **kept.played_with(sources[0].study, asked)}

    def _asked(self) -> Asked:
        actions = " ".join(map(str, self.actions))
        return asked_of(
            self.source, self.trajectory, self.step, json.dumps(self.edits), actions, self.layer, self.output
        )
