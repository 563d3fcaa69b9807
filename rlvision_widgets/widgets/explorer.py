"""The explorer: what the agent saw, why it was pleased, why it was worried, and which features say so."""

from collections.abc import Iterable, Mapping
from typing import Any

import traitlets as t

from rlvision_widgets.names import unknown
from rlvision_widgets.schema import INPUT_LAYER, Output, Selection
from rlvision_widgets.stories import story_names
from rlvision_widgets.widgets import linking
from rlvision_widgets.widgets.bundle import built
from rlvision_widgets.widgets.page import Asked, parts, requests
from rlvision_widgets.widgets.pictures import Painter, Shown
from rlvision_widgets.widgets.poster import Pixels
from rlvision_widgets.widgets.server import Connection
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.view import Choice, Study, View

__all__ = ["Explorer", "default_layer", "default_output"]


MODES = ("attribution", "change")
SCALES = ("study", "trajectory")
LOOKS = ("standard", "article")


class Explorer(View):
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
    more_outputs : list of str
        Outputs of further rows of attribution, below that of `output`.
    mode : "attribution" or "change"
        What is drawn: a step's attribution, or what has changed since the step before.
    scale : "study" or "trajectory"
        What the strength of colours is relative to; the second is the article's.
    look : "standard" or "article"
        Colours and smoothing: told apart with every kind of colour vision, or as in the article.
    centred : bool
        Keep the present step in the middle of the timeline; of `view_range` only the length counts then.
    view_range, selected_range : list of int
        Steps [start, stop) that the timeline shows; that are brushed. Empty: all; none.
    opened : int or None
        The feature whose dataset examples are open.
    cell : list of int
        [row, column] of the layer's cell that is inspected, or empty.
    story : str
        The story that is told, or empty.
    note : int or None
        The note of the story that is shown.
    cursor_x : list of float
        [step, step], for the cursor of a chart; the browser writes it whenever the step changes. See `link`.
    state : dict or str
        What `state` of another view returned, or its JSON text: that view's traits, to begin with.

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

    _bundle = "explorer"
    _esm = built("explorer.js")
    _css = built("explorer.css")

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
    cursor_x = t.List(t.Float()).tag(sync=True, passing=True)
    num_trajectories = t.Int(read_only=True).tag(sync=True)
    num_steps = t.Int(read_only=True).tag(sync=True)
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
        self._painted: tuple[Shown, int, Painter] | None = None
        super().__init__([(study, agent, connection)], state=state, **traits)

    @property
    def selection(self) -> Selection:
        """What is shown, in the form that computations take."""
        return Selection(self.trajectory, slice(self.step, self.step + 1), self.layer, self.output, self.feature)

    def link(self, mark: Any, attribute: str = "x") -> Any:
        """Make a mark of a chart follow the step in the browser: at once, even while the kernel is busy.

        Parameters
        ----------
        mark : Widget
            Usually a bqplot mark; any widget with a list or array trait of two numbers.
        attribute : str
            The trait that becomes [step, step].

        Returns
        -------
        Link
            Its `unlink` ends it.

        Raises
        ------
        TypeError, ValueError
            If `mark` is no widget; if it lacks the attribute, naming the nearest.

        Notes
        -----
        The link goes one way: a mark that is dragged does not move the explorer (observe the mark, and set
        ``explorer.step``). It needs a host that runs ipywidgets' own links: JupyterLab and Notebook do, marimo does
        not. The scale should have a min and a max, or the mark ``preserve_domain={"x": True}``; else the chart
        rescales as the step changes. `cursor` sees to that. Beyond 5,000 points a bqplot chart moves visibly late.
        """
        return linking.link(self, mark, attribute)

    def cursor(self, scales: Mapping[str, Any], low: float | None = None, high: float | None = None) -> Any:
        """Return a vertical line for a bqplot chart over steps, which follows this explorer in the browser.

        Parameters
        ----------
        scales : mapping
            The chart's scales, ``{"x": …, "y": …}``, over steps and over whatever it shows.
        low, high : float, optional
            Where the line ends, in units of the y scale; by default its min and max.

        Returns
        -------
        bqplot.Lines
            Put it among the figure's marks. The chart's scales are left as they are.

        Raises
        ------
        ValueError
            If scales are missing, or nothing says where the line ends.
        """
        return linking.cursor(self, scales, low, high)

    def refresh(self) -> None:
        """Show what was added to the study by other means than views."""
        self._study = dict(self.source.describe())

    def __repr__(self) -> str:
        size = f"{self.num_trajectories} trajectories of {self.num_steps} steps"
        shown = f"layer={self.layer!r}, output={self.output!r}, trajectory={self.trajectory}, step={self.step}"
        return f"<Explorer of {self.study.attrs['agent']} in {self.study.attrs['environment']}: {size}; {shown}>"

    def picture(self, step: int | None = None) -> Pixels:
        """Draw the panels as the explorer shows them; see `View.picture`.

        Raises
        ------
        ValueError
            If the trajectory has no such step.
        """
        step = self.step if step is None else step
        if not 0 <= step < self.num_steps:
            raise ValueError(f"step must be from 0 to {self.num_steps - 1}, got {step}")
        return self._painter().picture(step)

    def _painter(self) -> Painter:
        """Return what draws the panels; kept while the same is shown, because it keeps what it has read."""
        shown = Shown.of({name: getattr(self, name) for name in self.settable()})
        if self._painted is None or self._painted[:2] != (shown, id(self._study)):
            self._painted = (shown, id(self._study), Painter(self.source, shown))
        return self._painted[2]

    def _movie_steps(self) -> range:
        """Return the brushed steps, or the episode that is shown."""
        if self.selected_range:
            return range(*self.selected_range)
        episodes = self.source.episodes(self.trajectory)
        return next(range(e["start"], e["stop"]) for e in episodes if e["start"] <= self.step < e["stop"])

    def _page_state(self, sources: tuple[StudySource, ...]) -> dict[str, Any]:
        state = super()._page_state(sources)
        described = sources[0].describe()
        names = {layer["name"] for layer in described["layers"]}
        outputs = {output["name"] for output in described["outputs"]}
        if self.layer not in names or self.output not in outputs:
            raise ValueError(
                f"the view shows output {self.output!r} of layer {self.layer!r}, which is not computed, and a page "
                "cannot compute: compute it in the view first, or pick another"
            )
        kept = [output for output in self.more_outputs if output in outputs]
        return {**state, "more_outputs": kept, "can_compute": False, "_study": dict(described)}

    def _page_requests(self, sources: tuple[StudySource, ...]) -> Iterable[Asked]:
        return [*requests(sources[0]), *parts(sources[0])]

    # -- traits ---------------------------------------------------------------------------------------------------

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

    def _known_output(self, trait: str, value: str) -> str:
        try:
            name = Output.parse(value, self._study["action_names"]).name
        except ValueError as error:
            raise t.TraitError(f"{trait}: {error}") from None
        names = [output["name"] for output in self._study["outputs"]]
        if self.source.connection is None and name not in names:
            raise t.TraitError(f"{trait}: {unknown('output', name, names, self._hint())}")
        return name

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


def default_layer(description: Mapping[str, Any]) -> str:
    """Return the middle one of the layers that are computed, or of all when none is."""
    layers = [layer for layer in description["layers"] if layer["name"] != INPUT_LAYER] or description["layers"]
    names = [layer["name"] for layer in layers if layer["outputs"]] or [layer["name"] for layer in layers] or [""]
    return str(names[len(names) // 2])


def default_output(description: Mapping[str, Any]) -> str:
    """Return the value if it can be shown, else the first output that can."""
    names = [output["name"] for output in description["outputs"]]
    return "value" if "value" in names or not names else str(names[0])
