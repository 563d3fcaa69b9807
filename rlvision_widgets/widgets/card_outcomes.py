"""What came of an edit: failures by cause, paired; and the ceiling, where the object cannot be seen."""

import math
from collections.abc import Iterator

import xarray as xr

from rlvision_widgets.widgets.card_parts import Chart, Point, Section, Series, Table, beside, room
from rlvision_widgets.widgets.card_reading import (
    TOTAL,
    CardTree,
    Condition,
    at,
    difference_point,
    others_of,
    rate_cell,
    rate_point,
)
from rlvision_widgets.widgets.card_words import NOTHING, chance, count, interval, percent, plural, points

__all__ = ["causes_section", "ceiling_section"]


def causes_section(card: CardTree) -> Section:
    """Tell which levels were failed, from what, by whom."""
    tables = [_causes_table(card, one) for one in card.conditions[1:]] or [_plain_table(card)]
    charts = [_rates_chart(card), *_unmoved_chart(card)]
    return Section("causes", "Failures by cause", tuple(_causes_words(card)), tuple(charts), tuple(tables))


def ceiling_section(card: CardTree) -> Section:
    """Tell how much of what not seeing the object at all does the edit does."""
    title, data = "Ceiling and blindness index", card.part("ceiling")
    if data is None:
        return Section("ceiling", title, missing=card.why_missing("ceiling"))
    edits = card.edits_of(data)
    sentences = [
        "The ceiling is the original agent in levels whose object is there and does its harm, but is not drawn. "
        "Blindness = (edited − original) / (ceiling − original): 0 % sees as before, 100 % fails from the object as "
        f"often as if it could not be seen. Intervals are {card.sure}, from "
        f"{count(data.attrs['num_resamples'])} paired resamples of {plural(int(data.attrs['num_levels']), 'level')}.",
        *(_blindness_words(data, edit) for edit in edits),
        *card.left_out("ceiling", data),
    ]
    return Section("ceiling", title, tuple(sentences), (_blindness_chart(card, data),), (_ceiling_table(card, data),))


def _causes_words(card: CardTree) -> Iterator[str]:
    data = card.causes
    levels = plural(int(data.attrs["num_levels"]), "level")
    if len(card.conditions) == 1:
        yield f"{levels}, played by the original agent alone: nothing is compared. Intervals are {card.sure}, Wilson's."
        return
    yield (
        f"{levels}, the same for all, each with the same action noise. Intervals are {card.sure}: Wilson's for "
        "rates, Tango's for paired differences. b counts levels that only the changed agent (or the agent in the "
        "changed world) failed from a cause, c those that only the original did; p is McNemar's exact test of b "
        f"against c, corrected by Holm over {card.attrs.get('holm_family', 'all')} tests."
    )
    yield (
        "No difference shown is not the same as none: a cause counts as unchanged only where the 90 % interval lies "
        f"within ±{card.margin} points (two one-sided tests). The last column is the smallest rise that would have "
        f"been found with a probability of {card.power} (α = {data.attrs['alpha']:g})."
    )


def _rates_chart(card: CardTree) -> Chart:
    data, names = card.causes, [str(cause) for cause in card.causes["cause"].values]
    series = []
    for number, one in enumerate(card.conditions):
        offset = beside(number, len(card.conditions))
        drawn = [
            rate_point(data, row + offset, f"{one.name}, {cause}", condition=one.name, cause=cause)
            for row, cause in enumerate(names)
        ]
        series.append(Series(one.name, one.look, tuple(drawn)))
    ends = room(*(point.high for one in series for point in one.points), whole=(0, 100))
    title = f"Levels failed, by cause, of {count(data.attrs['num_levels'])} each"
    return Chart(title, f"% of levels, {card.sure} interval", tuple(series), ends, tuple(names))


def _unmoved_chart(card: CardTree) -> Iterator[Chart]:
    """Draw the causes that should not move, on a scale of their own, against the margin."""
    data, margin = card.causes, 100 * float(card.causes.attrs["margin"])
    rows = [
        str(cause) for cause in data["cause"].values if any(str(cause) in others_of(card, one) for one in card.edits)
    ]
    if not rows:
        return
    series = [
        Series(
            edit.name,
            edit.look,
            tuple(
                difference_point(
                    data,
                    rows.index(cause) + beside(number, len(card.edits)),
                    f"{edit.name}, {cause}",
                    "equivalence",
                    condition=edit.name,
                    cause=cause,
                )
                for cause in others_of(card, edit)
            ),
        )
        for number, edit in enumerate(card.edits)
    ]
    ends = room(-margin, margin, *(end for one in series for point in one.points for end in (point.low, point.high)))
    marks = ((-margin, f"−{margin:g} points"), (0.0, "no difference"), (margin, f"+{margin:g} points"))
    unit = f"difference from the original, points; 90 % interval; dotted: 0 and ±{margin:g}"
    yield Chart("Causes that the edits should not move", unit, tuple(series), ends, tuple(rows), marks=marks)


def _causes_table(card: CardTree, one: Condition) -> Table:
    data, original = card.causes, card.original.name
    names = [str(cause) for cause in data["cause"].values]
    header = (
        "cause",
        f"{original}\n{card.sure}",
        f"{one.name}\n{card.sure}",
        "b\nonly changed",
        "c\nonly original",
        f"difference\npoints, {card.sure}",
        "p, Holm\nexact",
        f"within ±{card.margin}?\n90 %",
        "detectable\npoints",
    )
    rows = [_causes_row(data, original, one, cause) for cause in names]
    strong = frozenset(row for row, cause in enumerate(names) if cause == one.target)
    what = {"edit": "the edited agent", "world": "the original agent in the changed world"}[one.kind]
    caption = f"{one.name} ({what}) against the original: levels failed, of {count(data.attrs['num_levels'])}"
    return Table(caption, header, tuple(rows), strong, folded=one.kind == "world")


def _causes_row(data: xr.Dataset, original: str, one: Condition, cause: str) -> tuple[str, ...]:
    here = {"condition": one.name, "cause": cause}
    low, high = at(data, "difference_low", **here), at(data, "difference_high", **here)
    paired = at(data, "mde_paired", **here)
    return (
        cause,
        rate_cell(data, condition=original, cause=cause),
        rate_cell(data, **here),
        count(at(data, "b", **here)),
        count(at(data, "c", **here)),
        f"{points(at(data, 'difference', **here))}\n{interval(low, high, signed=True)}",
        f"{chance(at(data, 'p_holm', **here))}\nalone {chance(at(data, 'p', **here))}",
        _equivalence_cell(data, one, here),
        f"{points(at(data, 'mde', **here), signed=False)}\npaired {points(paired, signed=False)}",
    )


def _equivalence_cell(data: xr.Dataset, one: Condition, here: dict[str, str]) -> str:
    role = str(data["role"].sel(here).item())
    if one.kind == "world" or role == "total":
        return NOTHING
    if role == "target":
        return "is to move"
    verdict = "equivalent" if at(data, "equivalent", **here) else "not shown"
    low, high = at(data, "equivalence_low", **here), at(data, "equivalence_high", **here)
    return f"{verdict}\n{interval(low, high, signed=True)}\np {chance(at(data, 'p_equivalent', **here))}"


def _plain_table(card: CardTree) -> Table:
    data = card.causes
    rows = [
        (str(cause), rate_cell(data, condition=card.original.name, cause=str(cause))) for cause in data["cause"].values
    ]
    caption = f"Levels failed by the original, of {count(data.attrs['num_levels'])}"
    return Table(caption, ("cause", card.original.name), tuple(rows))


def _blindness_words(data: xr.Dataset, edit: Condition) -> str:
    here = {"edit": edit.name}
    blindness = at(data, "blindness", **here)
    target = str(data["target"].sel(here).item())
    if math.isnan(blindness):
        return f"{edit.name}: no index, because failures from {target or TOTAL} are no more frequent at the ceiling."
    low, high = at(data, "blindness_low", **here), at(data, "blindness_high", **here)
    return f"{edit.name} reaches {percent(blindness)} of the ceiling ({interval(low, high)})."


def _blindness_chart(card: CardTree, data: xr.Dataset) -> Chart:
    edits, series = card.edits_of(data), []
    for row, edit in enumerate(edits):
        value, low, high = (
            100 * at(data, name, edit=edit.name) for name in ("blindness", "blindness_low", "blindness_high")
        )
        words = f"{edit.name}: {percent(value / 100)} ({interval(low / 100, high / 100)})"
        series.append(Series(edit.name, edit.look, (Point(row, value, low, high, words),)))
    ends = room(100.0, *(end for one in series for point in one.points for end in (point.low, point.high)))
    marks = ((0.0, "sees as before"), (100.0, "as if it could not be seen"))
    unit = f"% of the ceiling, {card.sure} interval; dotted: as before, and as if not seen"
    return Chart("Blindness index", unit, tuple(series), ends, tuple(edit.name for edit in edits), marks=marks)


def _ceiling_table(card: CardTree, data: xr.Dataset) -> Table:
    rows = []
    for edit in card.edits_of(data):
        here = {"edit": edit.name}
        rates = (percent(at(data, f"rate_{of}", **here)) for of in ("original", "edited", "ceiling"))
        low, high = at(data, "blindness_low", **here), at(data, "blindness_high", **here)
        ceiling = f"{edit.name}\nceiling: {data['ceiling'].sel(here).item()}"
        rows.append(
            (
                ceiling,
                str(data["target"].sel(here).item()),
                *rates,
                f"{percent(at(data, 'blindness', **here))}\n{interval(low, high)}",
            )
        )
    header = ("edit", "failures from", "original", "edited", "ceiling", f"blindness\n{card.sure}")
    return Table(f"Failures of {count(data.attrs['num_levels'])} levels, and the index", header, tuple(rows))
