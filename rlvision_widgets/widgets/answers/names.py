"""Naming and colouring features from a view."""

from rlvision_widgets import naming
from rlvision_widgets.widgets.requests import Answer, request
from rlvision_widgets.widgets.source import StudySource


@request(writes=True)
def rename(source: StudySource, *, layer: str, feature: int, name: str) -> Answer:
    """Name a feature; an empty name makes it "feature k" again."""
    naming.rename(source.study, layer, feature, name)
    return {}, {}


@request(writes=True)
def recolour(source: StudySource, *, layer: str, feature: int, colour: str) -> Answer:
    """Give a feature another colour."""
    naming.rename(source.study, layer, feature, None, colour)
    return {}, {}
