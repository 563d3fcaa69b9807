"""What a page that shows a view without a kernel has to carry: its state, and the answers to all it can ask."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rlvision_widgets.widgets.requests import Answer
from rlvision_widgets.widgets.source import SHORT, StudySource

__all__ = ["PAGE_DENSITIES", "PAGE_ZOOM", "Asked", "Page", "grids", "of_study", "parts", "requests"]

PAGE_DENSITIES = ("1", "1/2", "1/4")  # of the grids that a page carries, the most wanted first
PAGE_GRIDS = 64  # of one layer, at most
PAGE_ZOOM = 4

Asked = tuple[str, dict[str, Any]]  # a request: method and parameters


@dataclass(frozen=True)
class Page:
    """A view with its data.

    Parameters
    ----------
    bundle : str
        Names its script and its style sheet, as `View._bundle`.
    sources : tuple of StudySource
        Without agents: a page offers what is stored.
    state : dict
        The synced traits that the view opens with.
    asked : list of (str, dict)
        Every request that the view can make and that has an answer here. A request to one of several studies says
        which, as in the notebook, by the parameter `study`.
    picture : bytes or None
        A PNG file, for where scripts are switched off.
    caption : str
        What the picture shows.
    """

    bundle: str
    sources: tuple[StudySource, ...]
    state: dict[str, Any]
    asked: list[Asked]
    picture: bytes | None
    caption: str = "Observation, what raises and what lowers the output"

    def answer(self, method: str, params: dict[str, Any]) -> Answer:
        """Answer one of the requests."""
        own = {name: value for name, value in params.items() if name != "study"}
        source: StudySource = self.sources[params.get("study", 0)]
        return source.answer(method, own)


def requests(source: StudySource, trajectories: Iterable[int] | None = None) -> Iterator[Asked]:
    """Yield every request for arrays that can be made of a study (or of some trajectories) without an agent."""
    layers = source.describe()["layers"]
    for trajectory in range(source.num_trajectories) if trajectories is None else trajectories:
        of = {"trajectory": trajectory}
        yield "curves", of
        yield "strip", of
        if source.num_steps > SHORT:
            yield "preview", of
        chunks = range(source.num_chunks)
        yield from (("observations", {**of, "chunk": chunk}) for chunk in chunks)
        for layer in layers:
            for output in layer["outputs"]:
                shown = {**of, "layer": layer["name"], "output": output["name"]}
                yield "totals", shown
                yield from (("attribution", {**shown, "chunk": chunk}) for chunk in chunks)
    yield from (("examples", {"layer": layer["name"]}) for layer in layers)


def parts(source: StudySource) -> Iterator[Asked]:
    """Yield the requests for those of an explorer's on-demand parts that have something to show in a page."""
    yield from (("bundle", {"name": name}) for name in ("time", "menus"))
    if any(layer["features"] for layer in source.describe()["layers"]):
        yield from (("bundle", {"name": name}) for name in ("grid", "cell"))
        yield from grids(source)
    if source.describe()["stories"]:
        yield "bundle", {"name": "story"}


def grids(source: StudySource) -> Iterator[Asked]:
    """Yield the requests for stored feature grids at a middling zoom, and for the numbers beside them.

    Smaller zooms are cut out of these; the densest grids are left out. Of a layer with many features fewer grids are
    carried: first those of other densities go, then those of the last features.
    """
    for layer in source.describe()["layers"]:
        node = source.layer(layer["name"])
        stored = node.children["grids"].children if node is not None and "grids" in node.children else {}
        origins = [origin for origin in ("observations", "rollout") if origin in stored]
        kinds = [(origin, density) for density in PAGE_DENSITIES for origin in origins]
        kinds = kinds[: max(1, PAGE_GRIDS // max(1, len(layer["features"])))]
        for feature in range(min(len(layer["features"]), PAGE_GRIDS)):
            asked = {"layer": layer["name"], "feature": feature}
            yield "feature", asked
            for origin, density in kinds:
                yield "grid", {**asked, "origin": origin, "density": density, "zoom": PAGE_ZOOM}


def of_study(index: int, asked: Iterable[Asked]) -> Iterator[Asked]:
    """Address requests to one of a view's several studies."""
    yield from ((method, {**params, "study": index}) for method, params in asked)
