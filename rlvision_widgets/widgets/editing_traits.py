"""What views that edit the agent share: the list of edits, the way back, and what the study keeps of both."""

from typing import Any

import traitlets as t

from rlvision_widgets.names import unknown
from rlvision_widgets.widgets.edit_list import Entry, completed, effective, known
from rlvision_widgets.widgets.kept_edits import stored_edits
from rlvision_widgets.widgets.presets import keep_entries, presets
from rlvision_widgets.widgets.view import View
from rlvision_widgets.widgets.wire import KeptEdits, StoredEdit

__all__ = ["EditingTraits"]

MOST_STEPS_BACK = 64


class NetworkEdits(t.List):  # type: ignore[type-arg]
    """Edits of the agent as complete dicts; objects such as ``rlv.Ablate(...)`` are taken, too."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Turn edits into entries in which nothing is left out."""
        try:
            return super().validate(obj, completed(value, obj.study))
        except (TypeError, ValueError) as error:
            raise t.TraitError(f"{self.name}: {error}") from None


class Past(t.List):  # type: ignore[type-arg]
    """Former lists of edits, the newest last; the oldest of too many go."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Check each list as the edits are checked."""
        try:
            lists = [completed(edits, obj.study) for edits in value][-MOST_STEPS_BACK:]
            return super().validate(obj, lists)
        except (TypeError, ValueError) as error:
            raise t.TraitError(f"{self.name}: {error}") from None


class EditingTraits(View):
    """A view of one study whose agent can be edited.

    Needs the traits trajectory, step, layer and output of its subclasses.

    Parameters
    ----------
    edits : list
        How the agent is edited, in this order: dicts as in `widgets.edit_list`, or network edits.
    history, undone : list of list
        Former lists of edits, for `undo`, and those that were taken back, for `redo`; the newest last.
    """

    edits = NetworkEdits(t.Dict()).tag(sync=True)
    history = Past(t.List(t.Dict())).tag(sync=True, passing=True)
    undone = Past(t.List(t.Dict())).tag(sync=True, passing=True)
    _presets = t.List(t.Dict()).tag(sync=True, echo_update=False)
    _edited = t.List(t.Dict()).tag(sync=True, echo_update=False)

    @t.default("_presets")
    def _default_presets(self) -> list[KeptEdits]:
        return presets(self.study)

    @t.default("_edited")
    def _default_edited(self) -> list[StoredEdit]:
        return stored_edits(self.study)

    def toggle(self, feature: int | str, strength: float = 1.0) -> None:
        """Switch the edit of a feature of the layer that is shown on or off; one that is new is added at the end.

        Parameters
        ----------
        feature : int or str
            Its number or name.
        strength : float
            Of a new edit, or of one that is switched on: 1 removes the feature, 0 changes nothing, -1 doubles it.

        Raises
        ------
        ValueError
            For an unknown feature, naming the nearest; as `edit`.
        """
        layer = getattr(self, "layer")  # noqa: B009 - of the subclass
        own = {"kind": "feature", "layer": layer, "feature": feature, "strength": strength, **self._usual_place(layer)}
        (new,) = completed([own], self.study)
        place = next((index for index, entry in enumerate(self.edits) if _is_about(entry, new)), None)
        if place is None:
            self._change([*self.edits, new])
            return
        old = self.edits[place]
        switched = {**old, "enabled": False} if old["enabled"] else {**old, "enabled": True, "strength": strength}
        self._change([*self.edits[:place], switched, *self.edits[place + 1 :]])

    def edit(self, *edits: Any) -> None:
        """Add edits at the end of the list; what was undone is forgotten.

        Parameters
        ----------
        *edits : edit or dict
            For instance ``rlv.Ablate.feature(study, "2b", 3)``, or an entry as `edits` has them.

        Raises
        ------
        ValueError
            For what is no edit; with an agent connected, for one that cannot be made in it. Nothing is changed then.
        """
        self._change([*self.edits, *completed(edits, self.study)])

    def undo(self) -> None:
        """Go back to the list of edits before the last change; nothing happens where there is none."""
        if self.history:
            self._take(self.history[-1], self.history[:-1], [*self.undone, self.edits])

    def redo(self) -> None:
        """Make again what was undone last; nothing happens where there is nothing."""
        if self.undone:
            self._take(self.undone[-1], [*self.history, self.edits], self.undone[:-1])

    def reset(self) -> None:
        """Take all edits out of the list; `undo` brings them back."""
        self._change([])

    def preset(self, name: str) -> None:
        """Replace the list by edits that the study keeps.

        Raises
        ------
        ValueError
            For an unknown name, naming the nearest.
        """
        kept = {one["name"]: one["edits"] for one in presets(self.study)}
        if name not in kept:
            raise ValueError(unknown("preset", name, kept, "`keep` makes one."))
        self._change([dict(entry) for entry in kept[name]])

    def keep(self, name: str, note: str = "") -> None:
        """Keep the edits that have an effect in the study, under a name; `save_study` writes them.

        Raises
        ------
        ValueError
            Where no edit has an effect; for what is no name.
        """
        keep_entries(self.study, name, self.edits, note)

    @property
    def agent(self) -> Any:
        """The edited agent, ready to play: `rlv.evaluate(editor.agent)`.

        Raises
        ------
        ValueError
            Without a connected agent; for an edit that cannot be made in it.
        """
        return self._editable().edited_agent(effective(self.edits))

    def _editable(self) -> Any:
        connection = self.source.connection
        if connection is None:
            raise ValueError("there is no agent to edit here: pass agent= to the view")
        if not hasattr(connection, "edited_agent"):
            raise ValueError("what this view is connected to cannot edit its agent: pass agent= to the view")
        return connection

    def _usual_place(self, layer: str) -> dict[str, str]:
        """Return where a feature of a layer is edited unless one says it: of a residual layer no kernel reads all."""
        places = getattr(self.source.connection, "edit_places", None)
        return {} if places is None else {"where": places(layer)[0]}

    def _change(self, edits: list[Entry]) -> None:
        if edits != self.edits:
            if self.source.connection is not None and effective(edits):
                self._editable().edited_agent(effective(edits))  # raises what is wrong, before anything is changed
            self._take(edits, [*self.history, self.edits], [])

    def _take(self, edits: list[Entry], history: list[list[Entry]], undone: list[list[Entry]]) -> None:
        with self.hold_sync(), self.hold_trait_notifications():
            self.edits, self.history, self.undone = edits, history, undone

    def _send_to_views(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        super()._send_to_views(content, buffers)
        if "texts" in content.get(
            "result", ()
        ):  # an answer about edits may be kept now; told afterwards: it comes at once
            self._tell_kept()

    def _tell_kept(self) -> None:
        """Show which answers the study keeps now."""
        self._edited = [dict(entry) for entry in stored_edits(self.study)]

    def _refresh_edits(self) -> None:
        """Show what the study keeps now, and forget edits of features that are gone."""
        with self.hold_trait_notifications():
            self.edits = known(self.edits, self.study)
            self.history = [known(edits, self.study) for edits in self.history]
            self.undone = [known(edits, self.study) for edits in self.undone]
        self._presets = [dict(entry) for entry in presets(self.study)]
        self._tell_kept()


def _is_about(entry: Entry, other: Entry) -> bool:
    return all(entry.get(name) == other[name] for name in ("kind", "layer", "feature"))
