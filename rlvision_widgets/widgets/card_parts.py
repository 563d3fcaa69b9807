"""What an edit card is made of, before it is drawn: sections of sentences, charts and tables.

The notebook (bqplot, ipywidgets) and the page (SVG, HTML) draw the same parts, so that neither shows a number that the
other lacks.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["LOOKS", "Card", "Chart", "Look", "Point", "Section", "Series", "Table", "beside", "room", "spread"]

Floats = npt.NDArray[np.floating]


class Look(NamedTuple):
    """How a series is drawn: by shape as well as by colour."""

    marker: str  # as bqplot calls it
    colour: str  # on white and on black
    light: str  # on white
    dark: str  # on black


# Okabe and Ito's colours, darker on white where text and thin lines need it. "control" is what an edit is compared
# with and stays in the background.
LOOKS = {
    "original": Look("circle", "#0072B2", "#0072B2", "#56B4E9"),
    "edited": Look("diamond", "#D55E00", "#C24A00", "#F2934A"),
    "edited2": Look("triangle-up", "#CC79A7", "#A8467C", "#E3A3C6"),
    "edited3": Look("triangle-down", "#B8860B", "#8A6100", "#E6B54A"),
    "edited4": Look("cross", "#8A6FDB", "#6A4BC4", "#B3A0F5"),
    "edited5": Look("square", "#B5651D", "#8A4420", "#DDA27E"),
    "ceiling": Look("square", "#009E73", "#007A59", "#2FC79C"),
    "ceiling2": Look("square", "#808080", "#59616A", "#A6A6A6"),
    "control": Look("circle", "#808080", "#59616A", "#A6A6A6"),
}


@dataclass(frozen=True)
class Point:
    """A number with its interval.

    Parameters
    ----------
    at : float
        The row it stands in, from 0 at the top; or where it stands along the chart's horizontal axis.
    value, low, high : float
        In the chart's unit; low and high are NaN where there is no interval.
    words : str
        What a mouse over it says.
    """

    at: float
    value: float
    low: float = math.nan
    high: float = math.nan
    words: str = ""


@dataclass(frozen=True)
class Series:
    """Points that are of one kind; `look` is one of `LOOKS`."""

    name: str
    look: str
    points: tuple[Point, ...]
    joined: bool = False  # by a line, in their order


@dataclass(frozen=True)
class Chart:
    """Numbers with intervals: in named rows whose values go across, or, without rows, over a horizontal axis.

    Parameters
    ----------
    title, unit : str
        The unit is that of the values.
    series : tuple of Series
    ends : (float, float)
        Of the axis of values.
    rows : tuple of str
        From the top.
    along : str
        What the horizontal axis is, where there are no rows.
    marks : tuple of (float, str)
        Values that are marked by a dotted line, and why.
    """

    title: str
    unit: str
    series: tuple[Series, ...]
    ends: tuple[float, float]
    rows: tuple[str, ...] = ()
    along: str = ""
    marks: tuple[tuple[float, str], ...] = ()

    @property
    def row_height(self) -> int:
        """Pixels of a row, so that its series stand beside each other."""
        return max(40, 10 * sum(one.look != "control" for one in self.series))


@dataclass(frozen=True)
class Table:
    """Words in rows and columns; the first column names its row.

    Parameters
    ----------
    caption : str
    header : tuple of str
    rows : tuple of tuple of str
    strong : frozenset of int
        Rows that the card is about.
    folded : bool
        A page shows it when it is asked for (and prints it).
    wordy : bool
        It holds words rather than numbers, which are set to the left.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: frozenset[int] = frozenset()
    folded: bool = False
    wordy: bool = False


@dataclass(frozen=True)
class Section:
    """One question and its answer: a heading, sentences, charts, tables. Without any of these it is not measured."""

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    missing: str = ""  # why there is nothing


@dataclass(frozen=True)
class Card:
    """An edit card in words: what was done, what came of it, section by section.

    Parameters
    ----------
    title, subtitle : str
    headline : tuple of str
        A paragraph for each edit.
    sections : tuple of Section
    figures : tuple of (str, str, str)
        The numbers to see first: what, the number, how sure it is.
    absent : str
        What was not measured.
    """

    title: str
    subtitle: str
    headline: tuple[str, ...]
    sections: tuple[Section, ...]
    figures: tuple[tuple[str, str, str], ...] = ()
    absent: str = ""


def room(*values: float, whole: tuple[float, float] | None = None, zero: bool = True) -> tuple[float, float]:
    """Return the ends of an axis that holds all finite values with a little to spare.

    Parameters
    ----------
    values : float
    whole : (float, float), optional
        What no end goes beyond: 0 and 100 for shares in percent.
    zero : bool
        Whether the axis holds zero in any case.
    """
    finite = [value for value in values if math.isfinite(value)] + ([0.0] if zero else [])
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    spare = (high - low) / 16 or abs(high) / 16 or 1.0
    low, high = (low if zero and low == 0 else low - spare), (high if zero and low < high == 0 else high + spare)
    return (low, high) if whole is None else (max(low, whole[0]), min(high, whole[1]))


def beside(index: int, count: int) -> float:
    """Return how far from its row's middle the series `index` of `count` stands, in rows."""
    return (index - (count - 1) / 2) * min(0.26, 0.8 / max(1, count))


def spread(values: Floats, ends: tuple[float, float], size: float = 0.014, most: float = 0.32) -> Floats:
    """Return how far from their row's middle dots stand so that equal ones do not hide each other.

    Parameters
    ----------
    values : array
    ends : (float, float)
        Of the axis.
    size : float
        Of a dot, as a share of the axis.
    most : float
        How far, in rows.

    Returns
    -------
    array
        In rows; dots of one place go up and down in turn, closer together where there are many.
    """
    low, high = ends
    places = np.floor((np.asarray(values, float) - low) / max(high - low, 1e-12) / size)
    offsets = np.zeros(len(places))
    for place in np.unique(places[np.isfinite(places)]):
        there = np.flatnonzero(places == place)
        rank = np.arange(len(there))
        step = min(0.16, most / max(1, len(there) // 2))
        offsets[there] = step * np.where(rank % 2 == 0, rank // 2, -(rank // 2 + 1))
    return offsets
