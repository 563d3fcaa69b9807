"""What an offline page of a view that edits the agent carries: all answers about edits that the study keeps."""

from collections.abc import Iterator
from typing import Any

from rlvision_widgets.widgets.kept_edits import stored_edits
from rlvision_widgets.widgets.page import Asked
from rlvision_widgets.widgets.presets import presets
from rlvision_widgets.widgets.source import StudySource

__all__ = ["edits_requests", "edits_state"]


def edits_state(source: StudySource) -> dict[str, Any]:
    """Return the traits that say what the page has."""
    return {"_presets": presets(source.study), "_edited": stored_edits(source.study)}


def edits_requests(source: StudySource) -> Iterator[Asked]:
    """Yield the requests that have an answer, each once."""
    seen = set()
    for method, params in _requests(source):
        key = method, tuple(sorted(params.items()))
        if key not in seen:
            seen.add(key)
            yield method, params


def _requests(source: StudySource) -> Iterator[Asked]:
    for entry in stored_edits(source.study):
        place = {"trajectory": entry["trajectory"], "step": entry["step"]}
        if "edited" in entry["has"]:
            about = {**place, "layer": entry["layer"], "output": entry["output"]}
            yield "edited", {**about, "edits": entry["edits"]}
            yield "edited", {**about, "edits": "[]"}
        if entry["race"]:
            num_steps, seed = entry["race"]
            yield "race", {**place, "edits": entry["edits"], "num_steps": num_steps, "seed": seed}
        if entry["measure"]:
            levels, seed = entry["measure"]
            yield "measure", {"edits": entry["edits"], "levels": levels, "seed": seed}
