"""What activates each feature of a layer most."""

from rlvision_widgets.widgets.requests import Answer, request
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.thumbnails import thumbnails


@request()
def examples(source: StudySource, layer: str) -> Answer:
    """Return one thumbnail per feature."""
    node = source.layer(layer)
    if node is None or "examples" not in node.children:
        return {"computed": False}, {}
    return {"computed": True}, {"thumbnail": thumbnails(node["examples"].to_dataset())}
