"""A bqplot chart over the steps of a trajectory: its lines, axes, legend, and the cursor of an explorer."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bqplot as bq
import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.names import unknown
from rlvision_widgets.schema import Output
from rlvision_widgets.storage import open_study
from rlvision_widgets.widgets.decimation import bin_size, min_max
from rlvision_widgets.widgets.explorer import Explorer
from rlvision_widgets.widgets.explorer_traits import default_layer, default_output
from rlvision_widgets.widgets.source import StudySource

__all__ = ["ExplorerOrStudy", "Series", "Shown", "TimeChart", "extent"]

Floats = npt.NDArray[np.floating]
ExplorerOrStudy = Explorer | xr.DataTree | str | os.PathLike[str]

MUTED = "#808080"  # what is no feature; seen on white and on black
INK = "var(--jp-ui-font-color1, #808080)"  # text that follows the notebook's theme
LONGEST_NAME = 28  # characters that the legend shows


@dataclass(frozen=True)
class Shown:
    """What a chart is of: a study, and either what an explorer shows of it now or what is chosen for good."""

    source: StudySource
    explorer: Explorer | None
    fixed: dict[str, Any]  # trajectory, layer, output: those that are chosen

    @classmethod
    def of(cls, shown: ExplorerOrStudy, **chosen: Any) -> "Shown":
        """Open and check what is given; what is chosen as None is the explorer's, or its default."""
        if isinstance(shown, Explorer):
            one = cls(shown.source, shown, {name: value for name, value in chosen.items() if value is not None})
        elif isinstance(shown, xr.DataTree | str | os.PathLike):
            source = StudySource(shown if isinstance(shown, xr.DataTree) else open_study(Path(shown)))
            described = source.describe()
            first = {"trajectory": 0, "layer": default_layer(described), "output": default_output(described)}
            given = {name: value for name, value in chosen.items() if value is not None}
            one = cls(source, None, {**first, **given})
        else:
            raise TypeError(f"expected an Explorer, a study or where one is saved, got {type(shown).__name__}")
        size = one.source.num_trajectories
        if not isinstance(one.trajectory, int | np.integer) or not 0 <= one.trajectory < size:
            raise ValueError(f"trajectory must be from 0 to {size - 1}, got {one.trajectory!r}")
        return one

    @property
    def study(self) -> xr.DataTree:
        """The study."""
        return self.source.study

    @property
    def trajectory(self) -> int:
        """The trajectory, now."""
        return self._now("trajectory")  # type: ignore[no-any-return]

    @property
    def layer(self) -> str:
        """The layer, now."""
        return self._now("layer")  # type: ignore[no-any-return]

    @property
    def output(self) -> str:
        """The output, now."""
        return Output.parse(self._now("output"), self.source.action_names).name

    def attribution(self) -> xr.DataTree:
        """Return the node of the layer and output.

        Raises
        ------
        ValueError
            If the study has nothing of it, naming the nearest that it has.
        """
        layers = self.study.children["layers"].children if "layers" in self.study.children else {}
        stored = {name: node["outputs"].children for name, node in layers.items() if "outputs" in node.children}
        if not any(stored.values()):
            raise ValueError("this study has no attribution: build_study computes it, or an Explorer that has an agent")
        hint = "Others can be computed: pick them in an Explorer that has an agent."
        if self.layer not in stored:
            raise ValueError(unknown("layer", self.layer, list(stored), hint))
        if self.output not in stored[self.layer]:
            raise ValueError(unknown(f"output of layer {self.layer!r}:", self.output, list(stored[self.layer]), hint))
        node: xr.DataTree = stored[self.layer][self.output]
        return node

    def observe(self, changed: Callable[[], None]) -> None:
        """Call `changed` when the explorer shows something else, or the study has got more."""
        if self.explorer is not None:
            follows = {"trajectory", "layer", "output"} - set(self.fixed)
            self.explorer.observe(lambda _: changed(), names=[*follows, "_study"])

    def _now(self, name: str) -> Any:
        return self.fixed[name] if name in self.fixed else getattr(self.explorer, name)


@dataclass(frozen=True)
class Series:
    """Lines over steps: their names, colours, values (line, step), and the ends of the axis."""

    names: list[str]
    colours: list[str]
    values: Floats
    extent: tuple[float, float]
    title: str
    unit: str
    dotted: bool = False  # the last line is


class TimeChart:
    """A figure of what `read` returns, drawn anew when the explorer shows something else.

    Parameters
    ----------
    shown : Shown
        What the chart is of.
    read : callable
        Returns the `Series` of now; raises ValueError where there is none.
    """

    def __init__(self, shown: Shown, read: Callable[[], Series]) -> None:
        self._shown, self._read = shown, read
        num_steps = shown.source.num_steps
        self._scales = {"x": bq.LinearScale(min=0, max=max(1, num_steps - 1)), "y": bq.LinearScale(min=0, max=1)}
        self._lines = tuple(self._line(style) for style in ("solid", "dotted"))
        self._legend = Legend()
        size = bin_size(num_steps)
        self._breaks = shown.study["first"].variable if size == 1 else None
        label = "step" if size == 1 else f"step (smallest and largest of every {size} steps)"
        self._axis = axis(self._scales["y"], vertical=True)
        self.figure = figure([*self._lines, *self._legend.marks], [axis(self._scales["x"], label), self._axis])
        self._draw(read())
        if shown.explorer is not None:
            self.figure.marks = [*self.figure.marks, shown.explorer.cursor(self._scales)]
        shown.observe(self._redraw)

    def _line(self, style: str) -> Any:
        return bq.Lines(
            x=[], y=[], scales=self._scales, line_style=style, stroke_width=1.5, preserve_domain={"x": True, "y": True}
        )

    def _redraw(self) -> None:
        try:
            self._draw(self._read())
        except ValueError:  # the explorer went to what is not computed; the chart fills when it is
            scale, nothing = self._scales["y"], np.empty((0, self._shown.source.num_steps))
            self._draw(Series([], [], nothing, (scale.min, scale.max), "not computed", self._axis.label))

    def _draw(self, series: Series) -> None:
        count = len(series.names) - series.dotted
        self._put(self._lines[0], series.values[:count], series.colours[:count])
        self._put(self._lines[1], series.values[count:], series.colours[count:])
        self._legend.draw(self.figure, series)
        scale = self._scales["y"]
        with scale.hold_sync():
            scale.min, scale.max = series.extent
        self._axis.label, self._axis.tick_values = series.unit, ticks(*series.extent)
        shown = self._shown  # counted as the explorer's header does
        self.figure.title = f"{series.title}, trajectory {shown.trajectory + 1} of {shown.source.num_trajectories}"

    def _put(self, mark: Any, values: Floats, colours: list[str]) -> None:
        steps, drawn = min_max(values)
        if self._breaks is not None:
            opens = self._breaks.isel(trajectory=self._shown.trajectory).values
            steps, drawn = _broken(steps, drawn, opens)
        if drawn.shape[1] == 1:  # bqplot drops axes of length one, and would take series for points
            steps, drawn, mark.marker = steps.repeat(2, axis=1), drawn.repeat(2, axis=1), "circle"
        with mark.hold_sync():  # x and y have to arrive together
            mark.visible = len(values) > 0
            mark.x, mark.y, mark.colors = steps, drawn, colours or [MUTED]


class Legend:
    """Names right of a chart, each behind a square of its colour: bqplot's own legend lies over the lines.

    Parameters
    ----------
    apart : float
        From a name to the next, as a share of the chart's height.
    """

    def __init__(self, apart: float = 0.085) -> None:
        self._apart = apart
        where = {"scales": {"x": bq.LinearScale(min=0, max=1), "y": bq.LinearScale(min=0, max=1)}, "apply_clip": False}
        self._squares = bq.Label(
            x=[], y=[], text=[], colors=[MUTED], x_offset=12, default_size=12, font_weight="normal", **where
        )
        self._names = bq.Label(
            x=[], y=[], text=[], colors=[INK], x_offset=28, default_size=12, font_weight="normal", **where
        )
        self.marks = [self._squares, self._names]

    def draw(self, chart: bq.Figure, series: Series) -> None:
        """Show the names of lines, and make room for them."""
        names = [name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…" for name in series.names]
        places = 0.97 - self._apart * np.arange(len(names))
        squares = ["■"] * len(names)
        if series.dotted:
            squares[-1] = "⋯"
        for mark, text in ((self._squares, squares), (self._names, names)):
            with mark.hold_sync():
                mark.x, mark.y, mark.text = np.ones(len(names)), places, np.array(text, dtype=str)
        self._squares.colors = series.colours or [MUTED]
        room = 48 + 7 * max(map(len, names), default=0)
        if chart.fig_margin["right"] != room:
            chart.fig_margin = {**chart.fig_margin, "right": room}


def figure(marks: list[Any], axes: list[Any], title: str = "") -> bq.Figure:
    """Return a figure as wide as the notebook's cell."""
    return bq.Figure(
        marks=marks,
        axes=axes,
        title=title,
        title_style={"font-size": "14px", "fill": INK},
        padding_y=0,
        fig_margin={"top": 36, "bottom": 52, "left": 64, "right": 48},
        layout={"width": "100%", "height": "300px"},
    )


def axis(scale: Any, label: str = "", *, vertical: bool = False) -> bq.Axis:
    """Return an axis whose text follows the theme."""
    side = {"side": "left", "label_offset": "42px"} if vertical else {"label_offset": "34px", "grid_lines": "none"}
    return bq.Axis(scale=scale, label=label, label_color=INK, **side)


def extent(*arrays: Floats) -> tuple[float, float]:
    """Return the ends of an axis that holds all finite numbers, with a twentieth to spare."""
    finite = [array[np.isfinite(array)] for array in arrays]
    finite = [array for array in finite if array.size]
    if not finite:
        return 0.0, 1.0
    low, high = float(min(array.min() for array in finite)), float(max(array.max() for array in finite))
    spare = (high - low) / 20 or abs(high) / 20 or 1.0
    return low - spare, high + spare


def ticks(low: float, high: float, about: int = 6) -> Floats:
    """Return round numbers between the ends of an axis, about as many: bqplot's own crowd a low chart."""
    rough = (high - low) / about
    unit = 10.0 ** np.floor(np.log10(rough))
    step = unit * next(round_ for round_ in (1, 2, 5, 10) if unit * round_ >= rough)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    chosen: Floats = step * np.arange(first, last + 1)
    return chosen


def _broken(steps: Floats, values: Floats, first: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Break lines where an episode opens, since nothing leads from one level to the next."""
    opens = np.flatnonzero(first[1:]) + 1
    return np.insert(steps, opens, opens - 0.5, axis=1), np.insert(values, opens, np.nan, axis=1)
