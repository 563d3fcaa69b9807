"""What an edit does inside: to values and policies with and without the object, and what probes still find of it."""

import math
from collections.abc import Iterator

import xarray as xr

from rlvision_widgets.widgets.card_parts import Chart, Point, Section, Series, Table, beside, room
from rlvision_widgets.widgets.card_reading import CardTree, Condition, at
from rlvision_widgets.widgets.card_words import count, interval, measured, number, percent, span

__all__ = ["internals_section"]

WITH, WITHOUT = "with", "without"


def internals_section(card: CardTree) -> Section:
    """Tell how value and policy change where the object is in sight, and where it is not."""
    title, data = "Policy and value, with and without the object", card.part_by_edit("internals")
    if data is None:
        return Section("internals", title, missing=card.why_missing("internals"))
    edits = card.edits_of(data)
    sentences = [
        "Both agents look at the same recorded frames. KL is from the original's policy to the edited one's. An edit "
        "that concerns the object alone changes both where it is in sight, many times as much as elsewhere. Intervals "
        f"are {card.sure}, from episodes drawn again.",
        *(sentence for edit in edits for sentence in _words(data, edit)),
        *card.left_out("internals", data),
    ]
    charts = [_chart(card, data, "kl", "Change of the policy", "KL, nats")]
    if _has_value(data):
        charts.append(_chart(card, data, "abs_value_change", "Change of the value", "mean |change|, raw reward"))
    return Section("internals", title, tuple(sentences), tuple(charts), (_table(data, edits),))


def _has_value(data: xr.Dataset) -> bool:
    return "abs_value_change" in data and bool(data["abs_value_change"].notnull().any())


def _words(data: xr.Dataset, edit: Condition) -> Iterator[str]:
    here = {"edit": edit.name}
    told = []
    for what, change, specificity in (
        ("policy", "kl", "kl_specificity"),
        ("value", "abs_value_change", "value_specificity"),
    ):
        ratio = at(data, specificity, **here)
        if math.isnan(at(data, change, **here, presence=WITH)):
            continue
        if math.isnan(ratio):
            told.append(f"the {what} changes in neither")
        elif math.isinf(ratio):
            told.append(f"the {what} changes only with it in sight")
        else:
            low, high = (at(data, f"{specificity}_{end}", **here) for end in ("low", "high"))
            told.append(
                f"the {what} changes {number(ratio)} times as much with the object in sight ({span(low, high)})"
            )
    if told:
        yield f"{edit.name}: {'; '.join(told)}."


def _chart(card: CardTree, data: xr.Dataset, name: str, title: str, unit: str) -> Chart:
    presences = [str(presence) for presence in data["presence"].values]
    edits = card.edits_of(data)
    series = []
    for place, edit in enumerate(edits):
        points = []
        for row, presence in enumerate(presences):
            value, low, high = (
                at(data, f"{name}{end}", edit=edit.name, presence=presence) for end in ("", "_low", "_high")
            )
            words = f"{edit.name}, {presence} the object: {measured(value, low, high)}"
            points.append(Point(row + beside(place, len(edits)), value, low, high, words))
        series.append(Series(edit.name, edit.look, tuple(points)))
    ends = room(*(end for one in series for point in one.points for end in (point.low, point.value, point.high)))
    rows = tuple(f"{presence} the object" for presence in presences)
    return Chart(title, f"{unit}; {card.sure} interval", tuple(series), ends, rows)


def _table(data: xr.Dataset, edits: list[Condition]) -> Table:
    rows = []
    for edit in edits:
        for presence in (str(presence) for presence in data["presence"].values):
            here = {"edit": edit.name, "presence": presence}
            frames, episodes = (count(at(data, f"num_{what}", **here)) for what in ("frames", "episodes"))
            changed, *ends = (at(data, f"action_change{end}", **here) for end in ("", "_low", "_high"))
            rows.append(
                (
                    f"{edit.name}\n{presence} the object",
                    f"{frames}\nof {episodes} episodes",
                    *(_cell(data, name, here) for name in ("kl", "value_change", "abs_value_change")),
                    f"{percent(changed)}\n{interval(*ends)}",
                )
            )
    header = (
        "edit",
        "frames",
        "KL\nnats",
        "value\nmean change",
        "value\nmean |change|",
        "likeliest action\nis another",
    )
    return Table("What changes in one look", header, tuple(rows))


def _cell(data: xr.Dataset, name: str, here: dict[str, str]) -> str:
    value, low, high = (at(data, f"{name}{end}", **here) for end in ("", "_low", "_high"))
    return f"{number(value)}\n{span(low, high)}"
