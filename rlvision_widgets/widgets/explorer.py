"""The explorer: what the agent saw, why it was pleased, why it was worried, and which features say so."""

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t
import xarray as xr

from rlvision_widgets.names import unknown
from rlvision_widgets.schema import Output, Selection
from rlvision_widgets.storage import open_study
from rlvision_widgets.widgets.bundle import built, read_bundle
from rlvision_widgets.widgets.poster import poster
from rlvision_widgets.widgets.server import Connection, RequestServer
from rlvision_widgets.widgets.source import StudySource

__all__ = ["Explorer", "default_layer", "default_output", "initial_state"]


class Explorer(anywidget.AnyWidget):
    """Scrub through a study's trajectories beside the attribution of each step to the layer's features.

    Every trait can be set from Python and follows what is done in the notebook. Steps and trajectories count from 0.

    Parameters
    ----------
    study : DataTree, str or Path
        A study, or where one is saved (opened lazily).
    agent : Agent, optional
        The agent that the study is of. With it, attribution to further layers and of further outputs is computed
        when they are picked.
    connection : Connection, optional
        In place of an agent: what computes attribution, for instance on another machine.
    trajectory, step : int
        What is shown.
    layer, output : str
        Whose activations are explained, and what about them: ``"value"``, an action's name (its logit), or another
        form that `schema.Output.parse` reads. By default the middle one of the stored layers.
    feature : int or None
        The feature that is shown alone; the number of features stands for the residual.
    hovered : int or None
        The feature under the pointer: shown alone while it stays there.
    playing, direction, fps, loop : bool, int, float, bool
        Playback; direction is 1 or -1.
    overlay, combine, show_residual : bool
        Draw attribution over the observation; raising and lowering attribution in one panel; the residual too.

    Attributes
    ----------
    num_trajectories, num_steps : int
        The study's size.
    can_compute : bool
        Whether an agent is connected.

    Raises
    ------
    TypeError
        For an unknown keyword, naming the nearest right one.
    SchemaError, ValueError
        If the study is none, or is empty.
    TraitError
        For a value out of range, naming the range or the nearest right name.
    """

    _esm = built("explorer.js")
    _css = built("explorer.css")

    trajectory = t.Int(0).tag(sync=True)
    step = t.Int(0).tag(sync=True)
    layer = t.Unicode().tag(sync=True)
    output = t.Unicode().tag(sync=True)
    feature = t.Int(None, allow_none=True).tag(sync=True)
    hovered = t.Int(None, allow_none=True).tag(sync=True)
    playing = t.Bool(False).tag(sync=True)
    direction = t.Int(1).tag(sync=True)
    fps = t.Float(12.0).tag(sync=True)
    loop = t.Bool(True).tag(sync=True)
    overlay = t.Bool(True).tag(sync=True)
    combine = t.Bool(False).tag(sync=True)
    show_residual = t.Bool(False).tag(sync=True)
    num_trajectories = t.Int(read_only=True).tag(sync=True)
    num_steps = t.Int(read_only=True).tag(sync=True)
    can_compute = t.Bool(read_only=True).tag(sync=True)
    _study = t.Dict().tag(sync=True, echo_update=False)

    def __init__(
        self,
        study: xr.DataTree | str | os.PathLike[str],
        agent: Any = None,
        *,
        connection: Connection | None = None,
        **traits: Any,
    ) -> None:
        _check_keywords(traits)
        read_bundle("explorer.js")
        tree = study if isinstance(study, xr.DataTree) else open_study(Path(study))
        if agent is not None and connection is not None:
            raise TypeError("Explorer takes an agent or a connection, not both")
        if agent is not None:
            # Here and nowhere else a view reaches the room that knows torch, which is loaded if there is an agent.
            connection = import_module("rlvision_widgets.study").connect(agent, tree)
        self._connection = connection
        self._source = StudySource(tree, connection)
        self._server = RequestServer(self._source, connection, self._send_to_views, self.refresh)
        super().__init__(**traits)
        self.on_msg(lambda _widget, content, _buffers: self._server.handle(content))

    @property
    def study(self) -> xr.DataTree:
        """The study that is shown; computing adds to it."""
        return self._source.study

    @property
    def source(self) -> StudySource:
        """What answers this view's requests."""
        return self._source

    @property
    def selection(self) -> Selection:
        """What is shown, in the form that computations take."""
        return Selection(self.trajectory, slice(self.step, self.step + 1), self.layer, self.output, self.feature)

    def refresh(self) -> None:
        """Show what was added to the study by other means than this view."""
        self._study = dict(self._source.describe())

    def close(self) -> None:
        """Close the view; what it is computing stops."""
        if hasattr(self, "_server"):  # a widget whose construction failed is closed too
            self._server.close()
        super().close()

    def __repr__(self) -> str:
        size = f"{self.num_trajectories} trajectories of {self.num_steps} steps"
        shown = f"layer={self.layer!r}, output={self.output!r}, trajectory={self.trajectory}, step={self.step}"
        return f"<Explorer of {self.study.attrs['agent']} in {self.study.attrs['environment']}: {size}; {shown}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add a picture of the panels, for where no view can run: GitHub, an untrusted notebook."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        picture = poster(self._source, self.trajectory, self.step, self.layer, self.output)
        return {**data, "image/png": picture}, metadata

    # -- traits ---------------------------------------------------------------------------------------------------

    @t.default("num_trajectories")
    def _default_num_trajectories(self) -> int:
        return self._source.num_trajectories

    @t.default("num_steps")
    def _default_num_steps(self) -> int:
        return self._source.num_steps

    @t.default("can_compute")
    def _default_can_compute(self) -> bool:
        return self._connection is not None

    @t.default("_study")
    def _default_study(self) -> dict[str, Any]:
        return dict(self._source.describe())

    @t.default("layer")
    def _default_layer(self) -> str:
        return default_layer(self._study)

    @t.default("output")
    def _default_output(self) -> str:
        return default_output(self._study)

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
        try:
            value = Output.parse(str(proposal["value"]), self._study["action_names"]).name
        except ValueError as error:
            raise t.TraitError(str(error)) from None
        names = [output["name"] for output in self._study["outputs"]]
        if self._connection is None and value not in names:
            raise t.TraitError(unknown("output", value, names, self._hint()))
        return value

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
    def _forget_missing_feature(self, _change: object) -> None:
        for name in ("feature", "hovered"):
            value = getattr(self, name)
            if value is not None and value > self._num_features():
                setattr(self, name, None)

    def _send_to_views(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.send(content, buffers)

    def _num_features(self) -> int:
        return next((len(layer["features"]) for layer in self._study["layers"] if layer["name"] == self.layer), 0)

    def _hint(self) -> str:
        return "" if self._connection is not None else "Others can be computed: pass agent= to Explorer."


def initial_state(source: StudySource) -> dict[str, Any]:
    """Return the synced state that a view of this source starts with."""
    description = source.describe()
    state = {name: trait.default_value for name, trait in Explorer.class_traits(sync=True).items() if _is_own(trait)}
    return {
        **state,
        "layer": default_layer(description),
        "output": default_output(description),
        "num_trajectories": source.num_trajectories,
        "num_steps": source.num_steps,
        "can_compute": source.connection is not None,
        "_study": dict(description),
    }


def default_layer(description: Mapping[str, Any]) -> str:
    """Return the middle one of the layers that are computed, or of all when none is."""
    layers = [layer["name"] for layer in description["layers"] if layer["outputs"]]
    layers = layers or [layer["name"] for layer in description["layers"]] or [""]
    return str(layers[len(layers) // 2])


def default_output(description: Mapping[str, Any]) -> str:
    """Return the value if it can be shown, else the first output that can."""
    names = [output["name"] for output in description["outputs"]]
    return "value" if "value" in names or not names else str(names[0])


def _is_own(trait: Any) -> bool:
    return trait.this_class is Explorer


def _check_keywords(traits: dict[str, Any]) -> None:
    own = {name: trait for name, trait in Explorer.class_traits(sync=True).items() if _is_own(trait)}
    settable = [name for name, trait in own.items() if not trait.read_only and not name.startswith("_")]
    for name in traits:
        if name not in {*settable, "layout"}:
            raise TypeError(
                "Explorer: " + unknown("keyword", name, ["study", "agent", "connection", *settable, "layout"])
            )
