"""A chart of an edit card as SVG, for pages: no script, no library, no network; colours follow the page's."""

import math
from xml.etree.ElementTree import Element

from rlvision_widgets.widgets.card_elements import element
from rlvision_widgets.widgets.card_parts import LOOKS, Chart, Point, Series
from rlvision_widgets.widgets.time_chart import ticks

__all__ = ["draw_chart"]

WIDTH = 640
CURVES = 220  # height of the plot where there are no rows
LEFT, NARROW_LEFT, RIGHT, TOP, BOTTOM = 176, 60, 24, 34, 44
LETTER = 6.6  # width of a letter at 12 px, about
LONGEST = 25  # letters of a row's name
SIZE = 5.0  # half a marker's, in pixels
CORNERS = {  # of a marker, in units of its size
    "diamond": ((0, -1), (1, 0), (0, 1), (-1, 0)),
    "cross": (
        *((-0.3, -1), (0.3, -1), (0.3, -0.3), (1, -0.3), (1, 0.3), (0.3, 0.3)),
        *((0.3, 1), (-0.3, 1), (-0.3, 0.3), (-1, 0.3), (-1, -0.3), (-0.3, -0.3)),
    ),
    "triangle-up": ((0, -0.9), (0.95, 0.75), (-0.95, 0.75)),
    "triangle-down": ((0, 0.9), (0.95, -0.75), (-0.95, -0.75)),
}


class _Frame:
    """Where a chart's values are on the picture."""

    def __init__(self, chart: Chart) -> None:
        self.has_rows = bool(chart.rows)
        self.left, self.right = LEFT if self.has_rows else NARROW_LEFT, WIDTH - RIGHT
        self.top = TOP
        self.row = chart.row_height
        self.bottom = TOP + (self.row * len(chart.rows) if self.has_rows else CURVES)
        self.height = self.bottom + BOTTOM
        self.ends = chart.ends
        at = [point.at for series in chart.series for point in series.points]
        self.along = (min(at, default=0.0), max(at, default=1.0))

    def value(self, value: float) -> float:
        """Return where a value is along the axis of values; what lies beyond an end is at that end."""
        low, high = self.ends
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        if self.has_rows:
            return self.left + share * (self.right - self.left)
        return self.bottom - share * (self.bottom - self.top)

    def at(self, at: float) -> float:
        """Return where a point stands along the other axis."""
        if self.has_rows:
            return self.top + (at + 0.5) * self.row
        low, high = self.along
        spare = 12
        return self.left + spare + (at - low) / ((high - low) or 1) * (self.right - self.left - 2 * spare)

    def place(self, at: float, value: float) -> tuple[float, float]:
        """Return x and y."""
        return (self.value(value), self.at(at)) if self.has_rows else (self.at(at), self.value(value))


def draw_chart(chart: Chart, key: str) -> Element:
    """Draw a chart.

    Parameters
    ----------
    chart : Chart
    key : str
        Makes the ids of its parts unique on the page.

    Returns
    -------
    Element
        An ``svg`` that scales with its container, named by its title and described by its numbers.
    """
    frame = _Frame(chart)
    return element(
        "svg",
        element("desc", _described(chart), id=f"{key}-numbers"),
        *_legend(chart),
        *_axes(chart, frame),
        *_marks(chart, frame),
        *(drawn for series in chart.series for drawn in _series(series, frame)),
        viewBox=f"0 0 {WIDTH} {frame.height}",
        role="img",
        aria_labelledby=f"{key}-title",
        aria_describedby=f"{key}-numbers",
    )


def _described(chart: Chart) -> str:
    """Return the numbers in words; of many controls only their range, because the table beside the chart has each."""
    parts = []
    for series in chart.series:
        finite = [point for point in series.points if math.isfinite(point.value)]
        if len(finite) > 8:
            low, high = min(point.value for point in finite), max(point.value for point in finite)
            parts.append(f"{series.name}: {len(finite)} values from {low:.3g} to {high:.3g}")
        elif finite:
            parts.append(f"{series.name}: " + "; ".join(point.words or f"{point.value:.3g}" for point in finite))
    return ". ".join([*parts, f"Values are in {chart.unit}."])


def _legend(chart: Chart) -> list[Element]:
    drawn, left = [], 8.0
    for series in chart.series:
        drawn.append(_marker(series.look, left + SIZE, 13))
        drawn.append(element("text", series.name, x=left + 2 * SIZE + 6, y=17))
        left += 2 * SIZE + 26 + LETTER * len(series.name)
    return drawn


def _axes(chart: Chart, frame: _Frame) -> list[Element]:
    drawn = []
    for tick in ticks(*chart.ends):
        place = frame.value(float(tick))
        x1, x2, y1, y2 = (
            (place, place, frame.top, frame.bottom) if frame.has_rows else (frame.left, frame.right, place, place)
        )
        drawn.append(element("line", x1=x1, x2=x2, y1=y1, y2=y2, class_="grid"))
        where = {"x": place, "y": frame.bottom + 16} if frame.has_rows else {"x": frame.left - 8, "y": place + 4}
        drawn.append(
            element(
                "text", _tick(float(tick)), **where, text_anchor="middle" if frame.has_rows else "end", class_="muted"
            )
        )
    middle = (frame.left + frame.right) / 2
    if frame.has_rows:
        drawn += [_row_name(name, frame.at(row) + 4) for row, name in enumerate(chart.rows)]
        drawn.append(_axis_name(chart.unit, middle, frame.height - 8))
        return drawn
    for at in sorted({point.at for series in chart.series for point in series.points}):
        drawn.append(
            element("text", _tick(at), x=frame.at(at), y=frame.bottom + 16, text_anchor="middle", class_="muted")
        )
    turned = {"transform": f"rotate(-90 14 {(frame.top + frame.bottom) / 2:g})"}
    drawn.append(_axis_name(chart.along, middle, frame.height - 8))
    drawn.append(_axis_name(chart.unit, 14, (frame.top + frame.bottom) / 2, **turned))
    return drawn


def _tick(value: float) -> str:
    return f"{value or 0.0:.6g}".replace("-", "−")


def _row_name(name: str, y: float) -> Element:
    shown = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
    return element("text", shown, x=LEFT - 12, y=y, text_anchor="end")


def _axis_name(name: str, x: float, y: float, **turned: str) -> Element:
    return element("text", name, x=x, y=y, text_anchor="middle", class_="muted", **turned)


def _marks(chart: Chart, frame: _Frame) -> list[Element]:
    drawn = []
    for value, why in chart.marks:
        if not chart.ends[0] <= value <= chart.ends[1]:
            continue
        place = frame.value(value)
        x1, x2, y1, y2 = (
            (place, place, frame.top, frame.bottom) if frame.has_rows else (frame.left, frame.right, place, place)
        )
        drawn.append(element("line", element("title", why), x1=x1, x2=x2, y1=y1, y2=y2, class_="mark"))
    return drawn


def _series(series: Series, frame: _Frame) -> list[Element]:
    finite = [point for point in series.points if math.isfinite(point.value)]
    drawn = [_interval(point, series.look, frame) for point in finite if math.isfinite(point.low + point.high)]
    if series.joined and len(finite) > 1:
        places = " ".join(f"{x:.2f},{y:.2f}" for x, y in (frame.place(point.at, point.value) for point in finite))
        drawn.append(element("polyline", points=places, class_=f"joined {series.look}"))
    for point in finite:
        drawn.append(_marker(series.look, *frame.place(point.at, point.value), words=point.words))
    return drawn


def _interval(point: Point, look: str, frame: _Frame) -> Element:
    (x1, y1), (x2, y2) = frame.place(point.at, point.low), frame.place(point.at, point.high)
    return element("line", x1=x1, x2=x2, y1=y1, y2=y2, class_=f"interval {look}")


def _marker(look: str, x: float, y: float, words: str = "") -> Element:
    told = [element("title", words)] if words else []
    marker = LOOKS[look].marker
    if marker == "circle":
        radius = 3.5 if look == "control" else SIZE
        return element("circle", *told, cx=x, cy=y, r=radius, class_=f"marker {look}")
    if marker == "square":
        return element("rect", *told, x=x - SIZE, y=y - SIZE, width=2 * SIZE, height=2 * SIZE, class_=f"marker {look}")
    corners = " ".join(f"{x + 1.35 * SIZE * dx:.2f},{y + 1.35 * SIZE * dy:.2f}" for dx, dy in CORNERS[marker])
    return element("polygon", *told, points=corners, class_=f"marker {look}")
