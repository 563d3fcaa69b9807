"""What an edit is measured against: random edits, and itself at other strengths, of which 0 is a sham."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from rlvision_widgets.widgets.card_parts import Chart, Point, Section, Series, Table, room, spread
from rlvision_widgets.widgets.card_reading import (
    TOTAL,
    CardTree,
    Condition,
    at,
    controls_of,
    kinds_of,
    random_changes,
    rate_cell,
    rate_point,
    sizes_of,
)
from rlvision_widgets.widgets.card_words import NOTHING, chance, count, interval, percent, plural, points

__all__ = ["dose_section", "null_section"]

DOTS = 0.02  # of the axis: a control's dot


def null_section(card: CardTree) -> Section:
    """Tell whether random edits do the same, and how large they are."""
    title, data = "Random edits in its place", card.part("null")
    if data is None:
        return Section("null", title, missing=card.why_missing("null"))
    edits = card.edits_of(data)
    sentences = [
        "What another channel (of those that fire, the nearest in size) or a random direction does in the place of the "
        f"edit's, on the same {plural(int(data.attrs['num_levels']), 'level')}. Size is what an edit takes from the "
        "activations, the root mean square; where no channel of the edit's size is left, smaller ones are weaker "
        "controls. p is one-sided: (1 + those that raise failures at least as much) / (1 + all).",
        *(_null_words(card, data, edit) for edit in edits),
        *card.left_out("null", data),
    ]
    charts = tuple(_null_chart(card, data, edit) for edit in edits)
    tables = [table for edit in edits for table in _null_tables(card, data, edit)]
    return Section("null", title, tuple(sentences), charts, tuple(tables))


def dose_section(card: CardTree) -> Section:
    """Tell what comes of parts of an edit, and of none of it."""
    title, data = "Dose and response", card.part("dose")
    if data is None:
        return Section("dose", title, missing=card.why_missing("dose"))
    edits = card.edits_of(data)
    return Section(
        "dose",
        title,
        (*(_dose_words(card, data, edit) for edit in edits), *card.left_out("dose", data)),
        tuple(_dose_chart(card, data, edit) for edit in edits),
        tuple(_dose_table(card, data, edit) for edit in edits),
    )


def _null_words(card: CardTree, data: xr.Dataset, edit: Condition) -> str:
    cause = card.cause_of(edit)
    mine = at(data, "edit_difference", edit=edit.name, cause=cause)
    words = []
    for kind in kinds_of(data):
        random = random_changes(data, edit, kind, cause)
        if len(random):
            as_strong, many = int((random >= mine).sum()), plural(len(random), f"random {kind}")
            size = sizes_of(data, edit, [kind])
            p = chance(at(data, "p_null", edit=edit.name, null_kind=kind, cause=cause))
            least = "" if as_strong else ", the least that so many can give"
            words.append(f"{as_strong or 'none'} of {many} {size} did as much (p = {p}{least})")
    return f"{edit.name} changed failures from {cause} by {points(mine)} points; {'; '.join(words)}."


def _null_chart(card: CardTree, data: xr.Dataset, edit: Condition) -> Chart:
    cause, kinds = card.cause_of(edit), kinds_of(data)
    mine = at(data, "edit_difference", edit=edit.name, cause=cause)
    random = {kind: random_changes(data, edit, kind, cause) for kind in kinds}
    ends = room(100 * mine, *(100 * value for values in random.values() for value in values))
    dots = [
        Point(row + offset, 100 * float(value), words=f"{name}: {points(float(value))}")
        for row, kind in enumerate(kinds)
        for name, value, offset in zip(
            controls_of(data, edit, kind)["null"].values,
            random[kind],
            spread(100 * random[kind], ends, DOTS),
            strict=True,
        )
    ]
    edits = tuple(Point(row, 100 * mine, words=f"{edit.name}: {points(mine)}") for row in range(len(kinds)))
    rows = tuple(f"{len(random[kind])} random {kind}s" for kind in kinds)
    return Chart(
        f"{edit.name} and random edits: change of failures from {cause}",
        f"points of the same {count(data.attrs['num_levels'])} levels",
        (Series("random edits", "control", tuple(dots)), Series(edit.name, edit.look, edits)),
        ends,
        rows,
        marks=((100 * mine, f"{edit.name}: {points(mine)}"),),
    )


def _null_tables(card: CardTree, data: xr.Dataset, edit: Condition) -> Iterator[Table]:
    """Yield the edit beside its random ones: for its target and all failures, for other causes, and one by one."""
    mine, causes = card.cause_of(edit), [str(cause) for cause in data["cause"].values]
    first = [cause for cause in causes if cause in (mine, TOTAL)]
    others = [cause for cause in causes if cause not in first]
    what = f"change in points of {count(data.attrs['num_levels'])} levels, beside random edits"
    yield _null_table(data, edit, first, f"{edit.name}: {what}")
    if others:
        yield _null_table(data, edit, others, f"{edit.name}, other causes: {what}", folded=True)
    yield _controls_table(card, data, edit)


def _null_table(data: xr.Dataset, edit: Condition, causes: list[str], caption: str, *, folded: bool = False) -> Table:
    rows = []
    for cause in causes:
        mine = points(at(data, "edit_difference", edit=edit.name, cause=cause))
        for kind in kinds_of(data):
            random = random_changes(data, edit, kind, cause)
            if len(random):
                here = {"edit": edit.name, "null_kind": kind, "cause": cause}
                least, middle, most = (points(float(np.quantile(random, q))) for q in (0, 0.5, 1))
                place, p = f"{at(data, 'percentile', **here):.0f}", chance(at(data, "p_null", **here))
                rows.append((cause, mine, f"{len(random)} {kind}s", least, middle, most, place, p))
    header = ("cause", edit.name, "random", "least", "median", "most", "percentile\nof the edit", "p")
    strong = frozenset(row for row, words in enumerate(rows) if words[0] == edit.target)
    return Table(caption, header, tuple(rows), strong, folded)


def _controls_table(card: CardTree, data: xr.Dataset, edit: Condition) -> Table:
    cause = card.cause_of(edit)
    rows = []
    for kind in kinds_of(data):
        mine = controls_of(data, edit, kind)
        for place, name in enumerate(mine["null"].values):
            one = mine.isel(null=place)
            rows.append(
                (
                    str(name),
                    kind,
                    f"{float(one['norm_ratio']):.2f}",
                    f"{float(one['cosine']):.2f}".replace("-", "−"),
                    *(count(at(one, name, cause=cause)) for name in ("count", "b", "c")),
                    points(at(one, "difference", cause=cause)),
                    points(at(one, "difference", cause=TOTAL)) if TOTAL in one["cause"].values else NOTHING,
                )
            )
    header = ("control", "kind", "size / edit's", "cosine", "failed", "b", "c", "points", "any failure")
    return Table(f"Every control of {edit.name}, failures from {cause}", header, tuple(rows), folded=True)


def _dose_words(card: CardTree, data: xr.Dataset, edit: Condition) -> str:
    cause, here = card.cause_of(edit), {"edit": edit.name}
    drop = points(at(data, "largest_drop", **here, cause=cause), signed=False)
    shape = (
        "never fall as strength grows"
        if at(data, "monotone", **here, cause=cause)
        else f"do not grow with every step of strength (the largest fall is {drop} points)"
    )
    return f"{edit.name}: failures from {cause} {shape}. {_sham_words(data, edit)}"


def _sham_words(data: xr.Dataset, edit: Condition) -> str:
    levels = plural(int(data.attrs["num_levels"]), "level")
    if 0 not in data["strength"].values:
        return "The sham, strength 0, was not played."
    if at(data, "sham_identical", edit=edit.name):
        return f"Strength 0, the sham, left outcome, cause, length and return of all {levels} as they were: b = c = 0."
    return (
        f"Strength 0, the sham, did not leave all {levels} as they were: something else than the edit differs, and no "
        "number here can be trusted."
    )


def _dose_chart(card: CardTree, data: xr.Dataset, edit: Condition) -> Chart:
    cause, strengths = card.cause_of(edit), [float(strength) for strength in data["strength"].values]
    lines = [(cause, edit.look)]
    if cause != TOTAL and TOTAL in data["cause"].values:
        lines.append((TOTAL, "original"))
    series = tuple(
        Series(
            "failed from " + name if name != TOTAL else TOTAL,
            look,
            tuple(
                rate_point(data, strength, f"strength {strength:g}", edit=edit.name, strength=strength, cause=name)
                for strength in strengths
            ),
            joined=True,
        )
        for name, look in lines
    )
    ends = room(*(point.high for one in series for point in one.points), whole=(0, 100))
    unit = f"% of levels, {card.sure} interval"
    return Chart(f"{edit.name} at parts of its strength", unit, series, ends, along="strength")


def _dose_table(card: CardTree, data: xr.Dataset, edit: Condition) -> Table:
    cause = card.cause_of(edit)
    totals = [TOTAL] if cause != TOTAL and TOTAL in data["cause"].values else []
    rows = []
    for strength in data["strength"].values:
        here = {"edit": edit.name, "strength": strength}
        low, high = (at(data, f"difference_{end}", **here, cause=cause) for end in ("low", "high"))
        rows.append(
            (
                f"{strength:g}",
                rate_cell(data, **here, cause=cause),
                count(at(data, "b", **here, cause=cause)),
                count(at(data, "c", **here, cause=cause)),
                f"{points(at(data, 'difference', **here, cause=cause))}\n{interval(low, high, signed=True)}",
                *(percent(at(data, "rate", **here, cause=total)) for total in totals),
            )
        )
    header = ("strength", f"failed from {cause}", "b", "c", f"difference\npoints, {card.sure}", *totals)
    caption = f"{edit.name} at parts of its strength, {count(data.attrs['num_levels'])} levels each"
    return Table(caption, header, tuple(rows))
