"""An edit card's first sentences: for each edit what it did, how sure that is, and what else it may have done."""

import math
from collections.abc import Iterator

from rlvision_widgets.widgets.card_reading import (
    TOTAL,
    CardTree,
    Condition,
    at,
    kinds_of,
    others_of,
    random_changes,
    sizes_of,
)
from rlvision_widgets.widgets.card_words import chance, interval, joined, percent, plural, points

__all__ = ["headline"]

SURE = 0.05  # a corrected p-value below it is called a difference


def headline(card: CardTree) -> Iterator[str]:
    """Yield a paragraph for each edit, in plain words."""
    for edit in card.edits:
        yield " ".join(
            sentence for sentence in (_effect(card, edit), _context(card, edit), _harm(card, edit)) if sentence
        )
    if not card.edits:
        yield _without_edits(card)


def _effect(card: CardTree, edit: Condition) -> str:
    """Say what became of the target, and of a null result what it could have missed."""
    data, cause = card.causes, card.cause_of(edit)
    here = {"condition": edit.name, "cause": cause}
    levels = plural(int(data.attrs["num_levels"]), "level")
    before = percent(at(data, "rate", condition=card.original.name, cause=cause))
    after, change, p = percent(at(data, "rate", **here)), at(data, "difference", **here), at(data, "p_holm", **here)
    low, high = at(data, "difference_low", **here), at(data, "difference_high", **here)
    doubt = f"{points(change)} points ({interval(low, high, signed=True)}; p = {chance(p)})".replace("= <", "<")
    failures = "failures" if cause == TOTAL else f"failures from {cause}"
    if p < SURE:
        moves = "rise" if change > 0 else "fall"
        return f"{edit.name}: {failures} {moves} from {before} to {after} of the same {levels}, {doubt}."
    rise = points(at(data, "mde", **here), signed=False)
    return (
        f"{edit.name}: no change of {failures} is shown, {before} before and {after} after of the same {levels}, "
        f"{doubt}. That does not show that there is none: only a rise of {rise} points or more would have been found "
        f"with a probability of {card.power}."
    )


def _context(card: CardTree, edit: Condition) -> str:
    """Say how much that is: beside not seeing the object at all, and beside random edits."""
    words = []
    ceiling = card.part("ceiling")
    if ceiling is not None and edit in card.edits_of(ceiling):
        value, low, high = (
            at(ceiling, name, edit=edit.name) for name in ("blindness", "blindness_low", "blindness_high")
        )
        if math.isfinite(value):
            words.append(f"That is {percent(value)} ({interval(low, high)}) of what not seeing the object at all does")
    null = card.part("null")
    if null is not None and edit in card.edits_of(null):
        mine = at(null, "edit_difference", edit=edit.name, cause=card.cause_of(edit))
        random = [change for kind in kinds_of(null) for change in random_changes(null, edit, kind, card.cause_of(edit))]
        as_strong = sum(change >= mine for change in random)
        if random:
            size, many = sizes_of(null, edit, kinds_of(null)), plural(len(random), "random edit")
            words.append(f"{as_strong or 'none'} of {many} {size} did as much")
    text = "; ".join(words)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _harm(card: CardTree, edit: Condition) -> str:
    """Say which other causes are shown to be unchanged, and which are not."""
    data, others = card.causes, others_of(card, edit)
    shown = [cause for cause in others if at(data, "equivalent", condition=edit.name, cause=cause)]
    moved = [
        f"{cause} ({points(at(data, 'difference', condition=edit.name, cause=cause))})"
        for cause in others
        if cause not in shown and at(data, "p_holm", condition=edit.name, cause=cause) < SURE
    ]
    rest = [cause for cause in others if cause not in shown and not any(one.startswith(f"{cause} (") for one in moved)]
    words = [
        f"{what}: {joined(causes)}"
        for what, causes in (
            (f"Unchanged within ±{card.margin} points", shown),
            ("changed as well", moved),
            ("not shown to be unchanged", rest),
        )
        if causes
    ]
    text = "; ".join(words)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _without_edits(card: CardTree) -> str:
    levels = plural(int(card.causes.attrs["num_levels"]), "level")
    shown = "; ".join(
        f"{one.name} {percent(at(card.causes, 'rate', condition=one.name, cause=TOTAL))}" for one in card.conditions
    )
    return f"No edit of the network was evaluated. Failed of {levels}: {shown}."
