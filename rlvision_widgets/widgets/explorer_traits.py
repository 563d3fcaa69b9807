"""What an explorer shows, as traits: their defaults, and what they refuse."""

from collections.abc import Mapping
from typing import Any

import traitlets as t

from rlvision_widgets.names import unknown
from rlvision_widgets.schema import INPUT_LAYER, Output
from rlvision_widgets.stories import story_names
from rlvision_widgets.widgets.editing_traits import EditingTraits
from rlvision_widgets.widgets.restoring import Choice
from rlvision_widgets.widgets.world_description import branch_names, find_branches

__all__ = ["ExplorerTraits", "default_layer", "default_output", "known_output"]

MODES = ("attribution", "change")
SCALES = ("study", "trajectory")
LOOKS = ("standard", "article")
OBJECTS = ("off", "outlines", "fill")


class ExplorerTraits(EditingTraits):
    """A view of one study with the traits of `Explorer`, which says what they mean."""

    trajectory = t.Int(0).tag(sync=True)
    step = t.Int(0).tag(sync=True)
    layer = t.Unicode().tag(sync=True)
    output = t.Unicode().tag(sync=True)
    feature = t.Int(None, allow_none=True).tag(sync=True)
    hovered = t.Int(None, allow_none=True).tag(sync=True, passing=True)
    playing = t.Bool(False).tag(sync=True, passing=True)
    direction = t.Int(1).tag(sync=True)
    fps = t.Float(12.0).tag(sync=True)
    loop = t.Bool(True).tag(sync=True)
    overlay = t.Bool(True).tag(sync=True)
    combine = t.Bool(False).tag(sync=True)
    show_residual = t.Bool(False).tag(sync=True)
    more_outputs = t.List(t.Unicode()).tag(sync=True)
    mode = Choice(MODES, default_value="attribution").tag(sync=True)
    scale = Choice(SCALES, default_value="study").tag(sync=True)
    look = Choice(LOOKS, default_value="standard").tag(sync=True)
    centred = t.Bool(False).tag(sync=True)
    view_range = t.List(t.Int()).tag(sync=True)
    selected_range = t.List(t.Int()).tag(sync=True)
    opened = t.Int(None, allow_none=True).tag(sync=True)
    cell = t.List(t.Int()).tag(sync=True)
    story = t.Unicode().tag(sync=True)
    note = t.Int(None, allow_none=True).tag(sync=True)
    objects = Choice(OBJECTS, default_value="off").tag(sync=True)
    branch = t.Unicode().tag(sync=True)
    branch_member = t.Int(0).tag(sync=True)
    editing = t.Bool(False).tag(sync=True)
    cursor_x = t.List(t.Float()).tag(sync=True, passing=True)
    num_trajectories = t.Int(read_only=True).tag(sync=True)
    num_steps = t.Int(read_only=True).tag(sync=True)
    can_compute = t.Bool(read_only=True).tag(sync=True)
    _study = t.Dict().tag(sync=True, echo_update=False)

    @t.default("num_trajectories")
    def _default_num_trajectories(self) -> int:
        return self.source.num_trajectories

    @t.default("num_steps")
    def _default_num_steps(self) -> int:
        return self.source.num_steps

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

    @t.default("cursor_x")
    def _default_cursor(self) -> list[float]:
        return [float(self.step)] * 2

    @t.validate("trajectory", "step")
    def _check_index(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, int(proposal["value"])
        size = self.num_steps if name == "step" else self.num_trajectories
        if not 0 <= value < size:
            raise t.TraitError(f"{name} must be from 0 to {size - 1}, got {value}")
        return value

    @t.validate("layer")
    def _check_layer(self, proposal: dict[str, Any]) -> str:
        names = [layer["name"] for layer in self._study["layers"]]
        value = str(proposal["value"])
        if value not in names:
            raise t.TraitError(unknown("layer", value, names, self._hint()))
        return value

    @t.validate("output")
    def _check_output(self, proposal: dict[str, Any]) -> str:
        return self._known_output("output", proposal["value"])

    @t.validate("feature", "hovered")
    def _check_feature(self, proposal: dict[str, Any]) -> int | None:
        name, value = proposal["trait"].name, proposal["value"]
        residual = self._num_features()
        if value is not None and not 0 <= value <= residual:
            raise t.TraitError(
                f"{name} must be None or from 0 to {residual} ({residual} is the residual) in layer "
                f"{self.layer!r}, got {value}"
            )
        return None if value is None else int(value)

    @t.validate("more_outputs")
    def _check_more_outputs(self, proposal: dict[str, Any]) -> list[str]:
        outputs = [self._known_output("more_outputs", value) for value in proposal["value"]]
        twice = [output for output in outputs if outputs.count(output) > 1]
        if twice:
            raise t.TraitError(f"more_outputs must name each output once, got {twice[0]!r} {len(twice)} times")
        return outputs

    @t.validate("opened")
    def _check_opened(self, proposal: dict[str, Any]) -> int | None:
        value, count = proposal["value"], self._num_features()
        if value is not None and not 0 <= value < count:
            raise t.TraitError(
                f"opened must be None or a feature of layer {self.layer!r}, which has {count}; got {value}"
            )
        return None if value is None else int(value)

    @t.validate("view_range", "selected_range")
    def _check_range(self, proposal: dict[str, Any]) -> list[int]:
        name, value = proposal["trait"].name, [int(step) for step in proposal["value"]]
        if value and not (len(value) == 2 and 0 <= value[0] < value[1] <= self.num_steps):
            raise t.TraitError(
                f"{name} must be empty or [start, stop] with 0 <= start < stop <= {self.num_steps}, got {value}"
            )
        return value

    @t.validate("cell")
    def _check_cell(self, proposal: dict[str, Any]) -> list[int]:
        value = [int(place) for place in proposal["value"]]
        if value and not self._is_cell(value):
            size = self._layer()
            raise t.TraitError(
                f"cell must be empty or [row, column] within the {size.get('height', 0)} x {size.get('width', 0)} "
                f"cells of layer {self.layer!r}, got {value}"
            )
        return value

    @t.validate("note")
    def _check_note(self, proposal: dict[str, Any]) -> int | None:
        value = proposal["value"]
        if value is not None and value < 0:
            raise t.TraitError(f"note must be None or count from 0, got {value}")
        return None if value is None else int(value)

    @t.validate("story")
    def _check_story(self, proposal: dict[str, Any]) -> str:
        value, names = str(proposal["value"]), story_names(self.study)
        if value and value not in names:
            raise t.TraitError(unknown("story", value, names))
        return value

    @t.validate("branch")
    def _check_branch(self, proposal: dict[str, Any]) -> str:
        value, names = str(proposal["value"]), branch_names(self.study)
        if value and value not in names:
            raise t.TraitError(unknown("fork", value, names))
        return value

    @t.validate("branch_member")
    def _check_branch_member(self, proposal: dict[str, Any]) -> int:
        value, count = int(proposal["value"]), self._num_branches()
        if not 0 <= value < count:
            raise t.TraitError(f"branch_member must be from 0 to {count - 1} in fork {self.branch!r}, got {value}")
        return value

    @t.validate("cursor_x")
    def _check_cursor(self, proposal: dict[str, Any]) -> list[float]:
        value = [float(place) for place in proposal["value"]]
        if len(value) != 2:
            raise t.TraitError(f"cursor_x must be [step, step], got {value}; set step instead")
        return value

    @t.validate("direction")
    def _check_direction(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] not in {1, -1}:
            raise t.TraitError(f"direction must be 1 or -1, got {proposal['value']}")
        return int(proposal["value"])

    @t.validate("fps")
    def _check_fps(self, proposal: dict[str, Any]) -> float:
        if not 0 < proposal["value"] <= 120:
            raise t.TraitError(f"fps must be above 0 and at most 120, got {proposal['value']}")
        return float(proposal["value"])

    @t.observe("layer")
    def _forget_what_the_layer_lacks(self, _change: object) -> None:
        count = self._num_features()
        for name, largest in (("feature", count), ("hovered", count), ("opened", count - 1)):
            value = getattr(self, name)
            if value is not None and value > largest:
                setattr(self, name, None)
        if self.cell and not self._is_cell(self.cell):
            self.cell = []

    @t.observe("branch")
    def _forget_what_the_fork_lacks(self, _change: object) -> None:
        if self.branch_member >= self._num_branches():
            self.branch_member = 0

    def _num_branches(self) -> int:
        """Count the branches of the fork that is shown; without one the member is 0."""
        return find_branches(self.study, self.branch).sizes["branch"] if self.branch else 1

    def _known_output(self, trait: str, value: str) -> str:
        return known_output(self._study, trait, value, self.source.connection is not None, self._hint())

    def _layer(self) -> dict[str, Any]:
        return next((layer for layer in self._study["layers"] if layer["name"] == self.layer), {})

    def _is_cell(self, cell: list[int]) -> bool:
        size = self._layer()
        inside = len(cell) == 2 and size
        return bool(inside and 0 <= cell[0] < size["height"] and 0 <= cell[1] < size["width"])

    def _num_features(self) -> int:
        return len(self._layer().get("features", ()))

    def _hint(self) -> str:
        return "" if self.source.connection is not None else "Others can be computed: pass agent= to Explorer."


def known_output(description: Mapping[str, Any], trait: str, value: str, computes: bool, hint: str) -> str:
    """Return the canonical name of an output that can be shown, or computed; raise TraitError for any other."""
    try:
        name = Output.parse(value, description["action_names"]).name
    except ValueError as error:
        raise t.TraitError(f"{trait}: {error}") from None
    names = [output["name"] for output in description["outputs"]]
    if name == "value" and not description["has_value"]:
        raise t.TraitError(f"{trait}: this agent has a policy and no value head; name an action's output.")
    if not computes and name not in names:
        raise t.TraitError(f"{trait}: {unknown('output', name, names, hint)}")
    return name


def default_layer(description: Mapping[str, Any]) -> str:
    """Return the middle one of the layers that are computed, or of all when none is."""
    layers = [layer for layer in description["layers"] if layer["name"] != INPUT_LAYER] or description["layers"]
    names = [layer["name"] for layer in layers if layer["outputs"]] or [layer["name"] for layer in layers] or [""]
    return str(names[len(names) // 2])


def default_output(description: Mapping[str, Any]) -> str:
    """Return the value if it can be shown, else the first output that is computed, or that can be."""
    names = [output["name"] for output in description["outputs"]]
    computed = [output["name"] for layer in description["layers"] for output in layer["outputs"]]
    preferred = ["value"] if "value" in names or not names else [*computed, *names]
    return str(preferred[0])
