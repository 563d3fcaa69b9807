"""The feature grid: what a feature responds to, place by place, and the numbers that say how far to trust it."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import traitlets as t

from rlvision_widgets.names import unknown
from rlvision_widgets.widgets.answers.features import DENSITIES, ZOOMS
from rlvision_widgets.widgets.bundle import built
from rlvision_widgets.widgets.explorer_traits import default_layer
from rlvision_widgets.widgets.page import PAGE_DENSITIES, PAGE_ZOOM, Asked, grids
from rlvision_widgets.widgets.poster import Pixels
from rlvision_widgets.widgets.restoring import Choice
from rlvision_widgets.widgets.server import Connection
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.view import Study, View

__all__ = ["FeatureGrid", "grid_picture"]

ORIGINS = ("observations", "rollout")
WHITE = 255


class FeatureGrid(View):
    """For each place on screen, the patch of an observation that activates a feature most there.

    Beside it: patches from lower bands of its activations, how often it is active, its share of each stored output's
    attribution, its direction, and what a cell of the layer can see.

    Every trait can be set from Python and follows what is done in the notebook.

    Parameters
    ----------
    study : DataTree, str or Path
        A study, or where one is saved (opened lazily).
    agent : Agent, optional
        The agent that the study is of: needed only for a study that was built without grids.
    connection : Connection, optional
        In place of an agent.
    layer : str
        By default the middle one of the stored layers.
    feature : int
        Which of its features, from 0.
    origin : "observations" or "rollout"
        Where patches come from: the diverse observations, or the rollout that the explorer shows. From a patch of the
        rollout one can go to its frame.
    density : "1/4", "1/2", "1" or "2"
        Patches for each cell of the layer, along each side.
    zoom : 1, 2, 4 or 8
        Side of a patch, in cells.
    opaque : bool
        Show every patch at full strength. By default a patch is the more transparent the less it activates the
        feature.
    trajectory, step : int
        The frame of the rollout that was gone to last. Link them to an explorer's:
        ``ipywidgets.jslink((grid, "step"), (explorer, "step"))``, and `trajectory` likewise.
    state : dict or str
        What `state` of another grid returned, or its JSON text.

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
        For a value out of range, naming the range or the nearest right name.

    References
    ----------
    Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020.
    """

    _bundle = "grid"
    _esm = built("grid.js")
    _css = built("grid.css")

    layer = t.Unicode().tag(sync=True)
    feature = t.Int(0).tag(sync=True)
    origin = Choice(ORIGINS, default_value="observations").tag(sync=True)
    density = Choice(DENSITIES, default_value="1").tag(sync=True)
    zoom = t.Int(4).tag(sync=True)
    opaque = t.Bool(False).tag(sync=True)
    trajectory = t.Int(0).tag(sync=True)
    step = t.Int(0).tag(sync=True)
    can_compute = t.Bool(read_only=True).tag(sync=True)
    _study = t.Dict().tag(sync=True, echo_update=False)

    def __init__(
        self,
        study: Study,
        agent: Any = None,
        *,
        connection: Connection | None = None,
        state: Mapping[str, Any] | str | None = None,
        **traits: Any,
    ) -> None:
        super().__init__([(study, agent, connection)], state=state, **traits)

    def refresh(self) -> None:
        """Show what was added to the study by other means than views."""
        self._study = dict(self.source.describe())

    def __repr__(self) -> str:
        return f"<FeatureGrid of {self.study.attrs['agent']}: layer={self.layer!r}, feature={self.feature}>"

    def picture(self, step: int | None = None) -> Pixels | None:
        """Draw the grid that is shown, if the study holds it; a grid has no steps. See `View.picture`."""
        shown = {name: getattr(self, name) for name in ("layer", "feature", "origin", "density", "zoom")}
        return grid_picture(self.source, opaque=self.opaque, **shown)

    def _page_state(self, sources: tuple[StudySource, ...]) -> dict[str, Any]:
        state = super()._page_state(sources)
        density = self.density if self.density in PAGE_DENSITIES else "1"
        described = dict(sources[0].describe())
        own = {"zoom": min(self.zoom, PAGE_ZOOM), "density": density, "can_compute": False, "_study": described}
        return {**state, **own}

    def _page_requests(self, sources: tuple[StudySource, ...]) -> Iterator[Asked]:
        for trajectory in range(sources[0].num_trajectories):
            for chunk in range(sources[0].num_chunks):
                yield "observations", {"trajectory": trajectory, "chunk": chunk}
        yield from grids(sources[0])

    # -- traits ---------------------------------------------------------------------------------------------------

    @t.default("can_compute")
    def _default_can_compute(self) -> bool:
        return self.source.connection is not None

    @t.default("_study")
    def _default_study(self) -> dict[str, Any]:
        return dict(self.source.describe())

    @t.default("layer")
    def _default_layer(self) -> str:
        return default_layer(self._study)

    @t.validate("layer")
    def _check_layer(self, proposal: dict[str, Any]) -> str:
        names = [layer["name"] for layer in self._study["layers"]]
        value = str(proposal["value"])
        if value not in names:
            raise t.TraitError(unknown("layer", value, names))
        return value

    @t.validate("feature")
    def _check_feature(self, proposal: dict[str, Any]) -> int:
        value, count = int(proposal["value"]), self._num_features()
        if not 0 <= value < max(1, count):
            raise t.TraitError(f"feature must be from 0 to {count - 1} in layer {self.layer!r}, got {value}")
        return value

    @t.validate("zoom")
    def _check_zoom(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] not in ZOOMS:
            raise t.TraitError(f"zoom must be one of {', '.join(map(str, ZOOMS))}, got {proposal['value']}")
        return int(proposal["value"])

    @t.validate("trajectory", "step")
    def _check_index(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, int(proposal["value"])
        size = self.source.num_steps if name == "step" else self.source.num_trajectories
        if not 0 <= value < size:
            raise t.TraitError(f"{name} must be from 0 to {size - 1}, got {value}")
        return value

    @t.observe("layer")
    def _forget_missing_feature(self, _change: object) -> None:
        if self.feature >= max(1, self._num_features()):
            self.feature = 0

    def _num_features(self) -> int:
        return next((len(layer["features"]) for layer in self._study["layers"] if layer["name"] == self.layer), 0)


def grid_picture(source: StudySource, *, opaque: bool = False, **shown: Any) -> Pixels | None:
    """Draw a stored grid on white.

    Parameters
    ----------
    source : StudySource
        Of the study.
    opaque : bool
        Every patch at full strength.
    shown
        The parameters of the request `grid`: layer, feature, origin, density, zoom.

    Returns
    -------
    uint8 array, (height, width, rgb), or None
        None where the study holds no such grid.
    """
    node = source.layer(shown["layer"])
    if node is None or not 0 <= shown["feature"] < node.sizes["feature"]:
        return None
    result, arrays = source.answer("grid", shown)
    if not result["computed"]:
        return None
    alpha = np.ones(1) if opaque else arrays["opacity"].values[:, :, None, None, None] / 255
    drawn = np.rint(arrays["patch"].values * alpha + WHITE * (1 - alpha)).astype(np.uint8)
    rows, columns, height, width, colours = drawn.shape
    picture: Pixels = drawn.transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, colours)
    return picture
