"""An edit card's tree, put into words: what the notebook and the page show."""

import math

import xarray as xr

from rlvision_widgets.widgets.card_comparisons import dose_section, null_section
from rlvision_widgets.widgets.card_headline import headline
from rlvision_widgets.widgets.card_inside import internals_section
from rlvision_widgets.widgets.card_outcomes import causes_section, ceiling_section
from rlvision_widgets.widgets.card_parts import Card
from rlvision_widgets.widgets.card_probes import probes_section
from rlvision_widgets.widgets.card_protocol import protocol_section
from rlvision_widgets.widgets.card_reading import TOTAL, CardTree, Condition, at
from rlvision_widgets.widgets.card_words import count, interval, joined, percent, points

__all__ = ["read_card"]

MOST_FIGURES = 9
SECTIONS = (
    causes_section,
    null_section,
    ceiling_section,
    dose_section,
    internals_section,
    probes_section,
    protocol_section,
)


def read_card(tree: xr.DataTree) -> Card:
    """Put an edit card into sentences, charts and tables.

    Parameters
    ----------
    tree : DataTree
        As `rlv.edit_card` and `rlv.measure_edit` return it.

    Returns
    -------
    Card
        Parts that the tree lacks say why.

    Raises
    ------
    ValueError
        If the tree is no edit card.
    """
    card = CardTree(tree)
    names = joined(one.name for one in card.edits) or joined(one.name for one in card.worlds) or "nothing edited"
    sections = [section(card) for section in SECTIONS]
    absent = [section.title.lower() for section in sections if section.missing]
    return Card(
        f"Edit card: {names}",
        _subtitle(card),
        tuple(headline(card)),
        tuple(sections),
        tuple(_figures(card)),
        f"Not measured: {joined(absent)}." if absent else "",
    )


def _subtitle(card: CardTree) -> str:
    told = card.told("edit_texts", {})
    words = [text for edit in card.edits for text in told.get(edit.name, [])]
    who = f"{card.attrs.get('agent', 'an agent')} in {card.attrs.get('environment', 'its world')}"
    return " · ".join([who, f"{count(card.attrs['num_levels'])} levels each", *words])


def _figures(card: CardTree) -> list[tuple[str, str, str]]:
    """Return the numbers to see first: an edit's target, its blindness, and how often levels are completed."""
    found = [figure for edit in card.edits for figure in (_target(card, edit), _blindness(card, edit)) if figure]
    return [*found[: MOST_FIGURES - 1], *_completed(card)]


def _target(card: CardTree, edit: Condition) -> tuple[str, str, str]:
    cause = card.cause_of(edit)
    here = {"condition": edit.name, "cause": cause}
    before = percent(at(card.causes, "rate", condition=card.original.name, cause=cause))
    low, high = at(card.causes, "difference_low", **here), at(card.causes, "difference_high", **here)
    change = f"{points(at(card.causes, 'difference', **here))} points ({interval(low, high, signed=True)})"
    shown = percent(at(card.causes, "rate", **here))
    return f"{edit.name}: failed from {cause}", shown, f"original {before}; {change}"


def _blindness(card: CardTree, edit: Condition) -> tuple[str, str, str] | None:
    data = card.part("ceiling")
    if data is None or edit not in card.edits_of(data):
        return None
    value, low, high = (at(data, name, edit=edit.name) for name in ("blindness", "blindness_low", "blindness_high"))
    if not math.isfinite(value):
        return None
    ceiling = percent(at(data, "rate_ceiling", edit=edit.name))
    return f"{edit.name}: blindness index", percent(value), f"{card.sure}: {interval(low, high)}; ceiling {ceiling}"


def _completed(card: CardTree) -> list[tuple[str, str, str]]:
    if not card.edits or TOTAL not in card.causes["cause"].values:
        return []
    rates = [
        f"{one.name} {percent(1 - at(card.causes, 'rate', condition=one.name, cause=TOTAL))}" for one in card.edits
    ]
    before = percent(1 - at(card.causes, "rate", condition=card.original.name, cause=TOTAL))
    return [("levels completed by the original", before, "; ".join(rates))]
