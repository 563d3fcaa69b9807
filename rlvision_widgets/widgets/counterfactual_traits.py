"""What a counterfactual view shows, as traits: their defaults, and what they refuse."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import traitlets as t

from rlvision_widgets.names import unknown
from rlvision_widgets.schema import Output
from rlvision_widgets.widgets import kept
from rlvision_widgets.widgets.explorer_traits import default_layer, default_output
from rlvision_widgets.widgets.view import View
from rlvision_widgets.widgets.wire import StoredCounterfactual

__all__ = ["CounterfactualTraits", "in_plain_words", "stored_counterfactuals"]

MOST_BRANCHES = 1024
MOST_STEPS = 512


class Edits(t.List):  # type: ignore[type-arg]
    """Edits as dicts; objects such as ``rlv.Remove("saw")`` are taken, too."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Turn edits into dicts, each as its own `to_dict` has it."""
        try:
            return super().validate(obj, in_plain_words(value, obj.source.action_names))
        except (TypeError, ValueError) as error:
            raise t.TraitError(f"{self.name}: {error}") from None


class CounterfactualTraits(View):
    """A view of one study with the traits of `Counterfactual`, which says what they mean."""

    trajectory = t.Int(0).tag(sync=True)
    step = t.Int(0).tag(sync=True)
    layer = t.Unicode().tag(sync=True)
    output = t.Unicode().tag(sync=True)
    edits = Edits(t.Dict()).tag(sync=True)
    undone = Edits(t.Dict()).tag(sync=True, passing=True)
    actions = t.List(t.Int()).tag(sync=True)
    selected = t.Unicode().tag(sync=True)
    feature = t.Int(None, allow_none=True).tag(sync=True)
    hovered = t.Int(None, allow_none=True).tag(sync=True, passing=True)
    num_branches = t.Int(32).tag(sync=True)
    num_steps = t.Int(50).tag(sync=True)
    seed = t.Int(-1).tag(sync=True)
    can_compute = t.Bool(read_only=True).tag(sync=True)
    _study = t.Dict().tag(sync=True, echo_update=False)
    _stored = t.List(t.Dict()).tag(sync=True, echo_update=False)

    @t.default("can_compute")
    def _default_can_compute(self) -> bool:
        return self.source.connection is not None

    @t.default("_study")
    def _default_study(self) -> dict[str, Any]:
        return dict(self.source.describe())

    @t.default("_stored")
    def _default_stored(self) -> list[StoredCounterfactual]:
        return stored_counterfactuals(self.study)

    @t.default("layer")
    def _default_layer(self) -> str:
        return default_layer(self._study)

    @t.default("output")
    def _default_output(self) -> str:
        return default_output(self._study)

    @t.validate("trajectory", "step")
    def _check_index(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, int(proposal["value"])
        size = self.source.num_steps if name == "step" else self.source.num_trajectories
        return _within(name, value, 0, size - 1)

    @t.validate("num_branches", "num_steps")
    def _check_count(self, proposal: dict[str, Any]) -> int:
        name = proposal["trait"].name
        return _within(name, int(proposal["value"]), 1, MOST_STEPS if name == "num_steps" else MOST_BRANCHES)

    @t.validate("seed")
    def _check_seed(self, proposal: dict[str, Any]) -> int:
        return _within("seed", int(proposal["value"]), -1, 2**31 - 1, " (-1: the rollout's own noise)")

    @t.validate("layer")
    def _check_layer(self, proposal: dict[str, Any]) -> str:
        names = [layer["name"] for layer in self._study["layers"]]
        value = str(proposal["value"])
        if value not in names:
            raise t.TraitError(unknown("layer", value, names, self._hint()))
        return value

    @t.validate("output")
    def _check_output(self, proposal: dict[str, Any]) -> str:
        try:
            name = Output.parse(str(proposal["value"]), self.source.action_names).name
        except ValueError as error:
            raise t.TraitError(f"output: {error}") from None
        names = [output["name"] for output in self._study["outputs"]]
        if self.source.connection is None and name not in names:
            raise t.TraitError(f"output: {unknown('output', name, names, self._hint())}")
        return name

    @t.validate("feature", "hovered")
    def _check_feature(self, proposal: dict[str, Any]) -> int | None:
        name, value, residual = proposal["trait"].name, proposal["value"], self._num_features()
        if value is None:
            return None
        return _within(name, int(value), 0, residual, f" ({residual} is the residual) or None, in layer {self.layer!r}")

    @t.validate("actions")
    def _check_actions(self, proposal: dict[str, Any]) -> list[int]:
        last = len(self.source.action_names) - 1
        return [_within("actions: each", int(action), 0, last) for action in proposal["value"]]

    @t.observe("layer")
    def _forget_what_the_layer_lacks(self, _change: object) -> None:
        for name in ("feature", "hovered"):
            value = getattr(self, name)
            if value is not None and value > self._num_features():
                setattr(self, name, None)

    def _num_features(self) -> int:
        return next((len(layer["features"]) for layer in self._study["layers"] if layer["name"] == self.layer), 0)

    def _hint(self) -> str:
        return "" if self.source.connection is not None else "Others can be computed: pass agent= to Counterfactual."


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


def _within(name: str, value: int, low: int, high: int, note: str = "") -> int:
    if not low <= value <= high:
        raise t.TraitError(f"{name} must be from {low} to {high}{note}, got {value}")
    return value
