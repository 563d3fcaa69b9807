"""An agent's learning curve, as a picture that needs no script and follows the reader's theme."""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from rlvision_widgets.widgets.card_elements import element, written
from rlvision_widgets.widgets.time_chart import ticks

__all__ = ["draw_curve"]

WIDTH, HEIGHT = 720, 300
SVG = "http://www.w3.org/2000/svg"
LEFT, RIGHT, TOP, BOTTOM = 56, 20, 34, 46
STYLE = """
svg { font: 12px system-ui, sans-serif; --page: #ffffff; --ink: #1f2328; --muted: #59616a; --line: #d8dce0;
  --curve: #0072b2; --mark: #b04a00; }
@media (prefers-color-scheme: dark) {
  svg { --page: #1b1c1e; --ink: #e6e6e6; --muted: #a6a6a6; --line: #3c4046; --curve: #56b4e9; --mark: #f0a35e; }
}
rect { fill: var(--page); } text { fill: var(--ink); } text.muted { fill: var(--muted); }
line { stroke: var(--line); } line.leg { stroke-dasharray: 2 4; stroke: var(--muted); }
polyline { fill: none; stroke: var(--curve); stroke-width: 2; }
circle { fill: var(--mark); } line.interval { stroke: var(--mark); stroke-width: 2; }
"""


def draw_curve(
    curve: Sequence[Mapping[str, Any]], legs: Sequence[Mapping[str, Any]], measured: Mapping[str, Any] | None
) -> bytes:
    """Draw success over the steps of training.

    Parameters
    ----------
    curve : sequence of mapping
        steps; success, of the episodes before: a share, or None where none had ended.
    legs : sequence of mapping
        steps [first, last] of each; a dotted line stands where one ends.
    measured : mapping, optional
        success and wilson_interval on unseen levels, drawn at the end of the curve.

    Returns
    -------
    bytes
        An SVG file.
    """
    known = [(point["steps"], point["success"]) for point in curve if point["success"] is not None]
    last = max([steps for steps, _ in known] + [leg["steps"][1] for leg in legs], default=1)

    def place(steps: float, success: float) -> tuple[float, float]:
        across = LEFT + (WIDTH - LEFT - RIGHT) * steps / last
        return across, TOP + (HEIGHT - TOP - BOTTOM) * (1 - success)

    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in known))
    drawn = [
        element("title", "Learning curve"),
        element("desc", _described(known, measured)),
        element("style", STYLE),
        element("rect", width=WIDTH, height=HEIGHT),
        *_axes(last, place),
        *(_leg(leg["steps"][1], place) for leg in legs[:-1]),
        element("polyline", points=points),
        *([] if measured is None else _mark(last, measured, place)),
        element("text", "success of the last 1,000 episodes while it learned (dotted: a leg ends)", x=LEFT, y=20),
    ]
    box = f"0 0 {WIDTH} {HEIGHT}"
    whole = element("svg", *drawn, xmlns=SVG, width=WIDTH, height=HEIGHT, viewBox=box, role="img")
    return written(whole).encode()


def _described(known: Sequence[tuple[int, float]], measured: Mapping[str, Any] | None) -> str:
    told = "; ".join(f"{steps:,} steps: {success:.1%}" for steps, success in known[:: max(1, len(known) // 12)])
    return told + ("" if measured is None else f"; unseen levels at the end: {measured['success']:.1%}")


def _axes(last: float, place: Any) -> list[Element]:
    drawn = []
    for success in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = place(0, success)
        drawn.append(element("line", x1=x, x2=WIDTH - RIGHT, y1=y, y2=y))
        drawn.append(element("text", f"{success:.0%}", x=x - 8, y=y + 4, text_anchor="end", class_="muted"))
    for steps in ticks(0, last):
        x, y = place(float(steps), 0)
        drawn.append(element("text", _short(float(steps)), x=x, y=y + 18, text_anchor="middle", class_="muted"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    drawn.append(element("text", "steps", x=middle, y=HEIGHT - 8, text_anchor="middle", class_="muted"))
    return drawn


def _short(steps: float) -> str:
    return f"{steps / 1e6:g} M" if steps >= 1e6 else f"{steps / 1e3:g} k" if steps else "0"


def _leg(steps: float, place: Any) -> Element:
    (x, bottom), (_, top) = place(steps, 0), place(steps, 1)
    return element(
        "line", element("title", f"a leg ends at {steps:,} steps"), x1=x, x2=x, y1=top, y2=bottom, class_="leg"
    )


def _mark(last: float, measured: Mapping[str, Any], place: Any) -> list[Element]:
    x, y = place(last, measured["success"])
    (_, low), (_, high) = (place(last, bound) for bound in measured["wilson_interval"])
    words = f"● {measured['levels']:,} unseen levels: {measured['success']:.1%}"
    return [
        element("line", x1=x, x2=x, y1=low, y2=high, class_="interval"),
        element("circle", element("title", words), cx=x, cy=y, r=4),
        element("text", words, x=WIDTH - RIGHT, y=20, text_anchor="end"),
    ]
