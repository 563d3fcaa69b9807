"""What an edit does inside: to values and policies with and without the object, and what probes still find of it."""

from rlvision_widgets.widgets.card_parts import Section
from rlvision_widgets.widgets.card_reading import CardTree

__all__ = ["internals_section", "probes_section"]


def internals_section(card: CardTree) -> Section:
    """Tell how value and policy change where the object is, and where it is not."""
    return Section("internals", "Value and policy, with and without the object", missing=card.why_missing("internals"))


def probes_section(card: CardTree) -> Section:
    """Tell how much of the object other features still tell."""
    return Section("probes", "What can still be read of the object", missing=card.why_missing("probes"))
