"""The scripts of parts of views that are fetched when they are first shown."""

from rlvision_widgets.widgets.bundle import on_demand
from rlvision_widgets.widgets.requests import Answer, request
from rlvision_widgets.widgets.source import StudySource


@request()
def bundle(_source: StudySource, name: str) -> Answer:
    """Return a script."""
    return {"text": on_demand(name)}, {}
