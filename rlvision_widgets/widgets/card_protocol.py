"""How an edit card's numbers were made, so that someone else can make them again; and how they are read."""

import json
from typing import Any

import numpy as np

from rlvision_widgets.widgets.card_parts import Section, Table
from rlvision_widgets.widgets.card_reading import CardTree
from rlvision_widgets.widgets.card_words import count

__all__ = ["protocol_section"]

UNKNOWN = "not recorded"
MOST = 64  # numbers of one field that are printed; `EditCard.to_csv` writes all of them
PARTS = ("ceiling", "null", "dose", "internals", "probes")  # that have a section of their own


def protocol_section(card: CardTree) -> Section:
    """Tell what was run, on what, and by which rules."""
    return Section("protocol", "Protocol", tables=(_made(card), _rules(card)))


def _made(card: CardTree) -> Table:
    told, attrs = card.told("edit_texts", {}), card.attrs
    rows = [
        ("agent", f"{_known(attrs, 'agent')}\nweights sha256 {_known(attrs, 'checkpoint')}"),
        ("world", f"{_known(attrs, 'environment')} {_options(attrs)}\n{_known(attrs, 'environment_package')}"),
        ("levels and seed", f"{count(attrs['num_levels'])} levels, drawn with seed {_known(attrs, 'seed')}"),
        ("precision", _known(attrs, "precision")),
        ("choice of the edit", _known(attrs, "selection")),
    ]
    for what in ("edits", "world"):
        for name, edits in card.told(what, {}).items():
            words = "; ".join(told.get(name, []))
            rows.append((name, "\n".join([*([words] if words else []), json.dumps(_short(edits), ensure_ascii=False)])))
    levels = [f"{part}: {count(data.attrs['num_levels'])}" for part, data in _parts(card) if "num_levels" in data.attrs]
    rows += [
        ("levels of the parts", "; ".join(levels) or UNKNOWN),
        *((f"not measured: {name}", why) for name, why in card.missing.items() if name not in PARTS),
        ("command", _known(attrs, "command")),
        ("made with", f"rlvision_widgets {_known(attrs, 'package_version')}"),
    ]
    return Table("What was run", ("what", "as it was"), tuple(rows), wordy=True)


def _rules(card: CardTree) -> Table:
    attrs = {**card.causes.attrs, **card.attrs}
    rows = (
        ("cause of a failure", _known(attrs, "cause_rule")),
        (
            "pairing",
            "All play the same levels with the same action noise, a stream of its own a level, so that two agents "
            "who act alike end alike.",
        ),
        ("rates", f"Wilson's score interval (1927), {card.sure}."),
        ("b, c and p", "McNemar's exact test: b against c, a fair coin's if nothing changed. Two-sided."),
        ("many tests", f"Holm (1979), over {attrs.get('holm_family', 'all')} tests."),
        ("differences", "(b − c) / levels, with Tango's score interval for paired rates (1998)."),
        (
            "equivalence",
            f"Two one-sided tests (Schuirmann 1987) of ±{card.margin} points: the 90 % interval lies within.",
        ),
        (
            "detectable",
            f"The smallest rise that would be found with probability {card.power} at α = {attrs['alpha']:g}.",
        ),
        ("random edits", "p = (1 + random edits that did at least as much) / (1 + random edits)."),
        ("blindness", "(edited − original) / (ceiling − original), after Hilton et al. (2020)."),
    )
    return Table("How it is read", ("what", "rule"), rows, wordy=True)


def _parts(card: CardTree) -> list[tuple[str, Any]]:
    found = (("failures by cause", card.causes), *((name, card.part(name)) for name in PARTS))
    return [(name, data) for name, data in found if data is not None]


def _options(attrs: Any) -> str:
    options = attrs.get("environment_options", UNKNOWN)
    return options if isinstance(options, str) else json.dumps(options)


def _short(edits: Any) -> Any:
    """Return edits with the words for what it is in the place of a large array."""
    if isinstance(edits, dict):
        return {name: _short(value) for name, value in edits.items()}
    if not isinstance(edits, list):
        return edits
    numbers = np.array(edits) if not any(isinstance(each, dict) for each in edits) else np.array([])
    if numbers.size > MOST:
        return f"{' × '.join(map(str, numbers.shape))} numbers, in card.json"
    return [_short(each) for each in edits]


def _known(attrs: Any, name: str) -> str:
    value = attrs.get(name)
    return UNKNOWN if value is None or value == "" else str(value)
