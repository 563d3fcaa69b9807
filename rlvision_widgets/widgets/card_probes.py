"""What can still be read of the object after an edit, and where: the ways that are left."""

import math
from collections.abc import Iterator

import xarray as xr

from rlvision_widgets.widgets.card_parts import Chart, Point, Section, Series, Table, beside, room
from rlvision_widgets.widgets.card_reading import CardTree, Condition, at
from rlvision_widgets.widgets.card_words import count, joined, measured, number, span

__all__ = ["probes_section"]

VERSIONS = ("original", "edited")


def probes_section(card: CardTree) -> Section:
    """Tell how well classifiers find the object in activations, before and after."""
    title, data = "What can still be read of the object", card.part_by_edit("probes")
    if data is None:
        return Section("probes", title, missing=card.why_missing("probes"))
    edits, chance = card.edits_of(data), float(data.attrs.get("chance", 0.5))
    classifiers = joined(str(name) for name in data["classifier"].values)
    sentences = [
        f"Classifiers ({classifiers}) learn from activations where the object is, once for each agent, and are tested "
        f"on other levels: {number(chance)} is chance, 1 finds it always. What they still find after the edit, the "
        f"agent may still use; what they no longer find, others may. Intervals are {card.sure}.",
        *(sentence for edit in edits for sentence in _words(data, edit, chance)),
        *card.left_out("probes", data),
    ]
    charts = tuple(_chart(card, data, edit, chance) for edit in edits)
    return Section("probes", title, tuple(sentences), charts, tuple(_table(data, edit) for edit in edits))


def _places(data: xr.Dataset, edit: Condition) -> list[tuple[str, str]]:
    """Return the layers that were probed for an edit, with classifiers, in the order of the rows."""
    probed = data["auroc"].sel(edit=edit.name) if "edit" in data["auroc"].dims else data["auroc"]
    layers = [str(layer) for layer in data["layer"].values if probed.sel(layer=layer).notnull().any()]
    return [(layer, str(one)) for layer in layers for one in data["classifier"].values]


def _words(data: xr.Dataset, edit: Condition, chance: float) -> Iterator[str]:
    """Say where the object can be read best of the places that the edit changes."""
    changed = {}
    for place in _places(data, edit):
        before, after = (_auroc(data, edit, *place, version) for version in VERSIONS)
        if math.isfinite(after[0]) and after != before:
            changed[place] = before, after
    if not changed:
        yield f"{edit.name} changes none of the activations that were probed."
        return
    (layer, classifier), (before, after) = max(changed.items(), key=lambda item: item[1][1][0])
    verdict = "the object can still be read" if after[1] > chance else "the object is not shown to be readable"
    yield (
        f"{edit.name}: {verdict} from what the edit changes, best at {layer} ({classifier}): AUROC {measured(*after)}, "
        f"before {measured(*before)}."
    )


def _chart(card: CardTree, data: xr.Dataset, edit: Condition, chance: float) -> Chart:
    places, series = _places(data, edit), []
    for place, version in enumerate(VERSIONS):
        points = []
        for row, (layer, classifier) in enumerate(places):
            value, low, high = _auroc(data, edit, layer, classifier, version)
            words = f"{version}, {layer}, {classifier}: {measured(value, low, high)}"
            points.append(Point(row + beside(place, len(VERSIONS)), value, low, high, words))
        name, look = (card.original.name, "original") if version == "original" else (edit.name, edit.look)
        series.append(Series(name, look, tuple(points)))
    low_end, high_end = room(
        chance, 1.0, *(end for one in series for point in one.points for end in (point.low, point.high)), zero=False
    )
    rows = tuple(f"{layer}, {classifier}" for layer, classifier in places)
    return Chart(
        f"{edit.name}: how well the object is found",
        f"AUROC, {card.sure} interval; dotted: chance",
        tuple(series),
        (max(0.0, low_end), min(1.0, high_end)),
        rows,
        marks=((chance, "chance"),),
    )


def _auroc(data: xr.Dataset, edit: Condition, layer: str, classifier: str, version: str) -> tuple[float, float, float]:
    here = {"edit": edit.name, "layer": layer, "classifier": classifier, "version": version}
    value, low, high = (at(data, f"auroc{end}", **here) for end in ("", "_low", "_high"))
    return value, low, high


def _table(data: xr.Dataset, edit: Condition) -> Table:
    rows = []
    for layer, classifier in _places(data, edit):
        cells = []
        for version in VERSIONS:
            value, *ends = _auroc(data, edit, layer, classifier, version)
            cells.append(f"{number(value)}\n{span(*ends)}")
        rows.append((layer, classifier, *cells, count(at(data, "positives", edit=edit.name, layer=layer))))
    tested = [
        f"{count(float(data[name].max()))} {words}"
        for name, words in (("num_frames", "frames"), ("num_levels", "levels"))
        if name in data
    ]
    of = f" ({', '.join(tested)})" if tested else ""
    header = ("layer", "classifier", "original", edit.name, "cells with\nthe object")
    return Table(f"{edit.name}: AUROC before and after{of}", header, tuple(rows))
