"""What views of one frame of a study share, as traits: which frame, and which output of which layer is explained."""

from typing import Any

import traitlets as t

from rlvision_widgets.names import unknown
from rlvision_widgets.widgets.answers.world import MOST_STEPS
from rlvision_widgets.widgets.explorer_traits import default_layer, default_output, known_output
from rlvision_widgets.widgets.view import View

__all__ = ["FrameTraits", "within"]


class FrameTraits(View):
    """A view of one study that shows a frame, and can let the agent play on from it; views say what the traits mean."""

    trajectory = t.Int(0).tag(sync=True)
    step = t.Int(0).tag(sync=True)
    layer = t.Unicode().tag(sync=True)
    output = t.Unicode().tag(sync=True)
    feature = t.Int(None, allow_none=True).tag(sync=True)
    hovered = t.Int(None, allow_none=True).tag(sync=True, passing=True)
    num_steps = t.Int(50).tag(sync=True)
    seed = t.Int(-1).tag(sync=True)
    can_compute = t.Bool(read_only=True).tag(sync=True)
    _study = t.Dict().tag(sync=True, echo_update=False)

    @t.default("can_compute")
    def _default_can_compute(self) -> bool:
        return self.source.connection is not None

    @t.default("_study")
    def _default_study(self) -> dict[str, Any]:
        return dict(self.source.describe())

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
        return within(name, value, 0, size - 1)

    @t.validate("num_steps")
    def _check_num_steps(self, proposal: dict[str, Any]) -> int:
        return within("num_steps", int(proposal["value"]), 1, MOST_STEPS)

    @t.validate("seed")
    def _check_seed(self, proposal: dict[str, Any]) -> int:
        return within("seed", int(proposal["value"]), -1, 2**31 - 1, " (-1: the rollout's own noise)")

    @t.validate("layer")
    def _check_layer(self, proposal: dict[str, Any]) -> str:
        names = [layer["name"] for layer in self._study["layers"]]
        value = str(proposal["value"])
        if value not in names:
            raise t.TraitError(unknown("layer", value, names, self._hint()))
        return value

    @t.validate("output")
    def _check_output(self, proposal: dict[str, Any]) -> str:
        computes = self.source.connection is not None
        return known_output(self._study, "output", str(proposal["value"]), computes, self._hint())

    @t.validate("feature", "hovered")
    def _check_feature(self, proposal: dict[str, Any]) -> int | None:
        name, value, residual = proposal["trait"].name, proposal["value"], self._num_features()
        if value is None:
            return None
        return within(name, int(value), 0, residual, f" ({residual} is the residual) or None, in layer {self.layer!r}")

    @t.observe("layer")
    def _forget_what_the_layer_lacks(self, _change: object) -> None:
        for name in ("feature", "hovered"):
            value = getattr(self, name)
            if value is not None and value > self._num_features():
                setattr(self, name, None)

    def _num_features(self) -> int:
        return next((len(layer["features"]) for layer in self._study["layers"] if layer["name"] == self.layer), 0)

    def _hint(self) -> str:
        computes = self.source.connection is not None
        return "" if computes else f"Others can be computed: pass agent= to {type(self).__name__}."


def within(name: str, value: int, low: int, high: int, note: str = "") -> int:
    """Return the value of a trait if it is in range; raise TraitError otherwise."""
    if not low <= value <= high:
        raise t.TraitError(f"{name} must be from {low} to {high}{note}, got {value}")
    return value
