"""An agent that is connected to a study: what a view can ask it to compute, one computation at a time."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.connected_edits import ConnectedEdits
from rlvision_widgets.analysis.filling import add_survey, fill, refit
from rlvision_widgets.analysis.origins import Cell, trace
from rlvision_widgets.analysis.progress import Report
from rlvision_widgets.analysis.task import Cancelled, FeatureKind, Recipe, Task, options_of
from rlvision_widgets.schema import INPUT_LAYER, Selection

__all__ = ["TORCH", "Connection", "usual_recipe"]

DIRECTIONS = ("RIGHT", "LEFT", "UP", "DOWN")

# All computing with torch in this process is done by one thread at a time: it uses all cores anyway, and a view's
# thread and the notebook's own would only slow each other down.
TORCH = threading.Lock()

T = TypeVar("T")


class Connection(ConnectedEdits):
    """An agent that is connected to a study: what can be computed, and the functions that do it.

    The functions may be called from any thread and write into the study. ``progress(stage, done, total)`` is called as
    they go on. ``cancelled()`` is asked between batches; once it is true, what has been written stays, and None is
    returned if there is no result yet.

    Parameters
    ----------
    agent : Agent
    study : DataTree
    recipe : Recipe
        How layers and outputs are added.

    Attributes
    ----------
    layers : tuple of dict
        name, channels, height and width of each of the agent's layers, in order; ``"input"``, the pixels, goes first.
    outputs : tuple of str
        Outputs to offer; `attribute` takes every other that `schema.Output` can name, too.
    """

    def __init__(self, agent: Agent, study: xr.DataTree, recipe: Recipe) -> None:
        _check_same(agent, study)
        super().__init__(agent, study)
        self._recipe = recipe
        self._has_value = agent(np.zeros((1, *agent.observation_shape), np.uint8))[1] is not None
        sizes = ((layer, agent.layer_shape(layer)) for layer in (INPUT_LAYER, *agent.layers))
        self.layers: tuple[dict[str, Any], ...] = tuple(
            {"name": layer, "channels": channels, "height": height, "width": width}
            for layer, (channels, height, width) in sizes
        )
        self.outputs = _offered(agent.action_names, self._has_value)

    def attribute(
        self, selection: Selection, progress: Report | None = None, cancelled: Callable[[], bool] | None = None
    ) -> xr.DataTree | None:
        """Compute what the study lacks for a selection, and return the node of its output."""
        return self._do(lambda task: fill(task, selection), progress, cancelled)

    def trace(  # noqa: PLR0917 - a place and two callbacks
        self,
        trajectory: int,
        step: int,
        layer: str,
        feature: int,
        row: int,
        column: int,
        source_layer: str,
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> xr.Dataset | None:
        """Say what made a feature at one cell, in terms of the features of an earlier layer; see `analysis.origins`.

        A source layer without features gets them.
        """
        cell = Cell(trajectory, step, layer, feature, row, column, source_layer)
        return self._do(lambda task: trace(task, cell), progress, cancelled)

    def survey(self, layer: str, progress: Report | None = None, cancelled: Callable[[], bool] | None = None) -> None:
        """Look a layer's features up in the observations and the rollout once more: older studies lack some of it."""
        self._do(lambda task: add_survey(task, layer), progress, cancelled)

    def refit(
        self,
        layer: str,
        seed: int | None = None,
        progress: Report | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> xr.DataTree | None:
        """Fit a layer's features anew, and attribute again what was attributed to the old ones."""
        return self._do(lambda task: refit(task, layer), progress, cancelled, seed)

    def _do(
        self,
        work: Callable[[Task], T],
        progress: Report | None,
        cancelled: Callable[[], bool] | None,
        seed: int | None = None,
    ) -> T | None:
        stop = cancelled or _never
        own_seed = int(self._study.attrs["seed"]) if seed is None else seed
        task = Task(self._agent, self._study, self._recipe, self._has_value, own_seed, progress or _silent, stop)
        try:
            with _Torch(stop):
                return work(task)
        except Cancelled:
            return None


def usual_recipe(study: xr.DataTree) -> Recipe:
    """Return how the study's layers and outputs were made, as far as there are some."""
    layers = dict(study.children["layers"].children) if "layers" in study.children else {}
    fitted = [layer for name, layer in layers.items() if name != INPUT_LAYER]
    if not fitted:
        return Recipe()
    kind = {"identity": "channels", "activations": "activations"}.get(str(fitted[0].attrs["method"]), "attribution")
    outputs = fitted[0].children["outputs"].children.values() if "outputs" in fitted[0].children else ()
    options = next((options_of(output) for output in outputs), {})
    return Recipe(cast(FeatureKind, kind), fitted[0].sizes["feature"], options)


class _Torch:
    """Holds the lock of torch; stops waiting for it when cancelled."""

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._cancelled = cancelled

    def __enter__(self) -> None:
        while not TORCH.acquire(timeout=0.1):
            if self._cancelled():
                raise Cancelled

    def __exit__(self, *_: object) -> None:
        TORCH.release()


def _check_same(agent: Agent, study: xr.DataTree) -> None:
    stored = study.attrs.get("checkpoint")
    if stored != agent.checkpoint:
        raise ValueError(
            f"this study is of {study.attrs.get('agent')!r} (weights {str(stored)[:12]}…), and this agent is "
            f"{agent.name!r} (weights {agent.checkpoint[:12]}…): attributions of the two would be mixed. "
            "Connect the study's own agent, or build a study of this one."
        )


def _offered(action_names: Sequence[str], has_value: bool) -> tuple[str, ...]:
    """Name the outputs to offer: the value, each logit, sums over directions of movement, each centred logit."""
    buttons = [set(name.split("+")) for name in action_names]
    groups = [[name for name, held in zip(action_names, buttons, strict=True) if way in held] for way in DIRECTIONS]
    groups.append([name for name, held in zip(action_names, buttons, strict=True) if held.isdisjoint(DIRECTIONS)])
    sums = ["sum:" + ",".join(group) for group in groups if len(group) > 1]
    centred = [f"centred:{name}" for name in action_names if len(action_names) > 1]  # of one action it is always 0
    return (*(["value"] if has_value else []), *action_names, *sums, *centred)


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Report nothing."""


def _never() -> bool:
    """Never cancel."""
    return False
