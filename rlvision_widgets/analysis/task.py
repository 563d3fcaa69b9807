"""What is to be computed into a study, how, and who is told."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.integration import Quadrature
from rlvision_widgets.analysis.progress import Cancelled, Report
from rlvision_widgets.names import unknown
from rlvision_widgets.schema import INPUT_LAYER

__all__ = ["BATCH", "Cancelled", "FeatureKind", "Recipe", "Task", "child", "options_of"]

BATCH = 32  # frames that are attributed at a time

FeatureKind = Literal["attribution", "activations", "channels"]
KINDS: tuple[FeatureKind, ...] = ("attribution", "activations", "channels")
OPTIONS = ("rule", "num_points", "tolerance", "max_points", "paths", "smooth_max_pool")


@dataclass(frozen=True)
class Recipe:
    """How layers that are new get their features, and outputs that are new their attribution.

    Parameters
    ----------
    features : "attribution", "activations" or "channels"
        What features are fitted on; or every channel is one.
    num_features : int
        Features of each layer; of no account for ``"channels"``.
    options : mapping
        Options of `attribute`: rule, num_points, tolerance, max_points, paths, smooth_max_pool.

    Raises
    ------
    ValueError
        For what is unknown, with the nearest right name, and for numbers that cannot be.
    """

    features: FeatureKind = "attribution"
    num_features: int = 8
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.features not in KINDS:
            raise ValueError(unknown("kind of features", self.features, KINDS))
        if self.num_features < 1:
            raise ValueError(f"num_features has to be 1 or more; got {self.num_features}.")
        for name in self.options:
            if name not in OPTIONS:
                raise ValueError(unknown("option of attribution", name, OPTIONS))
        Quadrature(**{name: value for name, value in self.options.items() if name != "paths"})
        if self.options.get("rule") == "gradient":
            raise ValueError(f"rule='gradient' is for the layer {INPUT_LAYER!r}; hidden layers need an integral.")
        paths = self.options.get("paths")
        if paths is not None and not (isinstance(paths, int) and paths > 0):
            raise ValueError(f"paths has to be 1 or more, or None for the straight line; got {paths!r}.")


@dataclass(frozen=True)
class Task:
    """Who computes, into which study, and who is told.

    Parameters
    ----------
    agent : Agent
    study : DataTree
    recipe : Recipe
    has_value : bool
        Whether the agent has a value; features are then fitted on its attribution, whatever output is asked for.
    seed : int
        Of features.
    report : callable
        Takes stage, done, total.
    cancelled : callable
        Asked between batches.
    """

    agent: Agent
    study: xr.DataTree
    recipe: Recipe
    has_value: bool
    seed: int
    report: Report
    cancelled: Callable[[], bool]

    def pass_on(self, stage: str, batches: Iterable[xr.DataArray], total: int) -> Iterator[xr.DataArray]:
        """Pass batches on and report them; raise Cancelled between two of them when that is wanted."""
        done = 0
        self.report(stage, done, total)
        for batch in batches:
            yield batch
            done += len(batch)
            self.report(stage, done, total)
            self.stop_if_cancelled()

    def stop_if_cancelled(self) -> None:
        """Raise Cancelled when that is wanted."""
        if self.cancelled():
            raise Cancelled


def options_of(output: xr.DataTree) -> dict[str, Any]:
    """Return the options of `attribute` that an output of a study has been attributed with."""
    attrs = output.attrs
    return dict(json.loads(attrs["options"])) if "options" in attrs else {"tolerance": float(attrs["tolerance"])}


def child(tree: xr.DataTree, *names: str) -> xr.DataTree | None:
    """Return the node below, name by name (a name may hold a slash); None where there is none."""
    for name in names:
        if name not in tree.children:
            return None
        tree = tree.children[name]
    return tree
