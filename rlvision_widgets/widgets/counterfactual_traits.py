"""What a counterfactual view shows, as traits: their defaults, and what they refuse."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import traitlets as t

from rlvision_widgets.widgets import kept
from rlvision_widgets.widgets.frame_traits import FrameTraits, within
from rlvision_widgets.widgets.wire import StoredCounterfactual

__all__ = ["CounterfactualTraits", "in_plain_words", "stored_counterfactuals"]

MOST_BRANCHES = 1024


class Edits(t.List):  # type: ignore[type-arg]
    """Edits as dicts; objects such as ``rlv.Remove("saw")`` are taken, too."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Turn edits into dicts, each as its own `to_dict` has it."""
        try:
            return super().validate(obj, in_plain_words(value, obj.source.action_names))
        except (TypeError, ValueError) as error:
            raise t.TraitError(f"{self.name}: {error}") from None


class CounterfactualTraits(FrameTraits):
    """A view of one study with the traits of `Counterfactual`, which says what they mean."""

    edits = Edits(t.Dict()).tag(sync=True)
    undone = Edits(t.Dict()).tag(sync=True, passing=True)
    actions = t.List(t.Int()).tag(sync=True)
    selected = t.Unicode().tag(sync=True)
    num_branches = t.Int(32).tag(sync=True)
    _stored = t.List(t.Dict()).tag(sync=True, echo_update=False)

    @t.default("_stored")
    def _default_stored(self) -> list[StoredCounterfactual]:
        return stored_counterfactuals(self.study)

    @t.validate("num_branches")
    def _check_num_branches(self, proposal: dict[str, Any]) -> int:
        return within("num_branches", int(proposal["value"]), 1, MOST_BRANCHES)

    @t.validate("actions")
    def _check_actions(self, proposal: dict[str, Any]) -> list[int]:
        last = len(self.source.action_names) - 1
        return [within("actions: each", int(action), 0, last) for action in proposal["value"]]


def in_plain_words(edits: Any, action_names: Iterable[str]) -> list[dict[str, Any]]:
    """Return edits and presses as dicts; raise ValueError for what is none, with the nearest right word."""
    situation = import_module("rlvision_widgets.analysis.situation")  # by name: a view without edits needs no world
    return list(situation.Situation.of(0, 0, edits, action_names=list(action_names)).dicts())


def stored_counterfactuals(study: Any) -> list[StoredCounterfactual]:
    """Return what a study keeps, the newest first, and the unedited frames that these are about."""
    found = kept.listed(study)
    entries = [_entry(asked, label, has) for asked, label, has in found]
    known = [asked for asked, _, _ in found]
    pure = [asked for asked in known if not asked.is_unedited and not kept.has_presses(asked)]
    for asked in dict.fromkeys(asked.unedited for asked in pure):
        if asked not in known:
            entries.append(_entry(asked, "unedited", ("imagine",)))
    return entries


def _entry(asked: kept.Asked, label: str, has: Iterable[str]) -> StoredCounterfactual:
    return {**asked._asdict(), "label": label, "has": list(has)}  # type: ignore[typeddict-item]
