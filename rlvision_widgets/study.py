"""From an agent to a study, and on to whatever a study still lacks.

1. The agent plays: the rollout that is shown, and a second, more diverse set of observations.
2. For each layer, features are fitted on the attribution of those observations, and examples are taken from them.
3. For each output, every step of the rollout is attributed to the layer and reduced to its features.

`build_study` does all of it; `connect` does 2 and 3 for a study that is there, piece by piece, as a view asks for it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.filling import Cancelled, Cell, Filling, add_survey, fill, trace
from rlvision_widgets.analysis.playing import make_world
from rlvision_widgets.analysis.progress import Report, bars
from rlvision_widgets.analysis.rollout import collect_observations, collect_rollout
from rlvision_widgets.environments.environment import Environment
from rlvision_widgets.names import strict_keywords, unknown
from rlvision_widgets.schema import INPUT_LAYER, Output, Selection

__all__ = ["Connection", "build_study", "connect"]

T = TypeVar("T")

# num_trajectories, num_samples, every: how many frames features are fitted on, and how far apart they are
PRESETS = {"default": (256, 8, 16), "article": (32, 128, 128)}
DIRECTIONS = ("RIGHT", "LEFT", "UP", "DOWN")

# All computing with torch in this process is done by one thread at a time: it uses all cores anyway, and a view's
# thread and the notebook's own would only slow each other down.
TORCH = threading.Lock()

MakeEnvironment = Callable[..., Environment]


@dataclass(frozen=True)
class Connection:
    """An agent that is connected to a study: what can be computed, and the function that does it.

    Parameters
    ----------
    layers : tuple of dict
        name, channels, height and width of each of the agent's layers, in order; ``"input"``, the pixels, goes first.
    outputs : tuple of str
        Outputs to offer; `attribute` takes every other that `schema.Output` can name, too.
    attribute : callable
        ``attribute(selection, progress=None, cancelled=None)`` computes what the study lacks for a selection, writes
        it into the study and returns the node of the output. ``progress(stage, done, total)`` is called as it goes
        on. ``cancelled()`` is asked between batches; once it is true, what has been computed stays, and None is
        returned if there is no node yet. May be called from any thread.
    trace : callable
        ``trace(trajectory, step, layer, feature, row, column, source_layer, progress=None, cancelled=None)`` says what
        made a feature of `layer` at one cell, in terms of the features of `source_layer`, an earlier layer or
        ``"input"``; see `rlvision_widgets.analysis.filling.trace`. A source layer without features gets them.
        Cancelled before that, it returns None.
    survey : callable
        ``survey(layer, progress=None, cancelled=None)`` looks a layer's features up in the observations and the rollout
        once more, and writes examples, grids and counts into the study: one that an earlier version built lacks some.
    """

    layers: tuple[dict[str, Any], ...]
    outputs: tuple[str, ...]
    attribute: Callable[..., xr.DataTree | None]
    trace: Callable[..., xr.Dataset | None]
    survey: Callable[..., None]


@strict_keywords
def build_study(
    agent: Agent,
    *,
    num_trajectories: int = 8,
    num_steps: int = 512,
    layers: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    num_features: int = 8,
    seed: int = 0,
    observations: Literal["default", "article"] | tuple[int, int, int] = "default",
    environment: Mapping[str, Any] | MakeEnvironment | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """Let an agent play, and compute all that a view of it shows.

    Parameters
    ----------
    agent : Agent
        From `load_agent` or `wrap_agent`.
    num_trajectories, num_steps : int
        Size of the rollout.
    layers : sequence of str, optional
        Layers to attribute to. None: the middle one (2b of 1a, 2a, 2b, 3a, 4a). ``"input"`` is the pixels, by their
        plain gradients. More can be computed later.
    outputs : sequence of str, optional
        Outputs to attribute, as in `attribute`. None: the value, or for an agent without one the centred logit of its
        most frequent action.
    num_features : int
        Features of each layer.
    seed : int
        Of everything random: levels, actions, features.
    observations : "default", "article" or (int, int, int)
        The diverse set: how many trajectories, frames from each, and steps between two of these. "default" is (256,
        8, 16), "article" (32, 128, 128), which is sixteen times the playing.
    environment : mapping or callable, optional
        What to play. None: what the agent was trained on. A mapping changes its options, or with a ``name`` replaces
        it. A callable makes a batch of worlds, given ``num_trajectories=`` and ``seed=``.
    progress : bool
        Show progress bars.

    Returns
    -------
    DataTree
        Follows `rlvision_widgets.schema`. Save it with `save_study`; see it with `Explorer`.

    Raises
    ------
    ValueError
        For an unknown layer or output, before anything is computed.

    Notes
    -----
    An interrupt (Ctrl-C) ends it without a result. To keep what is there, take the steps one by one.
    """
    layers = _checked_layers(agent, layers)
    many, num_samples, every = _preset(observations)
    if outputs is not None:
        outputs = [Output.parse(output, agent.action_names).name for output in outputs]
    make = environment if callable(environment) else _maker(agent, environment)
    seeds = [int(number) >> 1 for number in np.random.SeedSequence(seed).generate_state(4)]
    with make(num_trajectories=num_trajectories, seed=seeds[0]) as worlds:
        rollout = collect_rollout(agent, worlds, num_steps=num_steps, seed=seeds[1], progress=progress)
    with make(num_trajectories=many, seed=seeds[2]) as worlds:
        samples = collect_observations(
            agent, worlds, num_samples=num_samples, every=every, seed=seeds[3], progress=progress
        )
    study = _tree(rollout.assign_attrs(seed=seed, rollout_seed=seeds[1]), samples)
    if outputs is None:
        outputs = [_default_output(agent, rollout)]
    connection = connect(agent, study, num_features=num_features)
    for layer in layers:
        for output in outputs:
            with bars(progress) as report:
                connection.attribute(Selection(layer=layer, output=output), progress=report)
    return study


@strict_keywords
def connect(agent: Agent, study: xr.DataTree, *, num_features: int | None = None) -> Connection:
    """Connect an agent to a study of it, so that what the study lacks can be computed.

    Parameters
    ----------
    agent : Agent
        The one that the study is of.
    study : DataTree
        Is added to, in memory; `save_study` keeps it.
    num_features : int, optional
        Features of layers that are added. None: as many as a layer that is there has, or 8.

    Raises
    ------
    ValueError
        If the study is of another agent.
    """
    _check_same(agent, study)
    black = np.zeros((1, *agent.observation_shape), np.uint8)
    has_value = agent(black)[1] is not None
    sizes = ((layer, agent.layer_shape(layer)) for layer in (INPUT_LAYER, *agent.layers))
    layers = tuple(
        {"name": layer, "channels": channels, "height": height, "width": width}
        for layer, (channels, height, width) in sizes
    )

    def computed(
        work: Callable[[Filling], T], progress: Report | None, cancelled: Callable[[], bool] | None
    ) -> T | None:
        count = num_features or _usual_features(study)
        filling = Filling(agent, study, count, has_value, progress or _silent, cancelled or _never)
        try:
            with _Torch(filling.cancelled):
                return work(filling)
        except Cancelled:
            return None

    def attribute(
        selection: Selection, progress: Report | None = None, cancelled: Callable[[], bool] | None = None
    ) -> xr.DataTree | None:
        """Compute what the study lacks for a selection; see `Connection`."""
        return computed(lambda filling: fill(filling, selection), progress, cancelled)

    def trace_cell(  # noqa: PLR0917 - a place and two callbacks
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
        """Say what a feature sees at one cell; see `Connection`."""
        cell = Cell(trajectory, step, layer, feature, row, column, source_layer)
        return computed(lambda filling: trace(filling, cell), progress, cancelled)

    def survey(layer: str, progress: Report | None = None, cancelled: Callable[[], bool] | None = None) -> None:
        """Look a layer's features up once more; see `Connection`."""
        computed(lambda filling: add_survey(filling, layer), progress, cancelled)

    return Connection(layers, _offered(agent.action_names, has_value), attribute, trace_cell, survey)


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


def _tree(rollout: xr.Dataset, observations: xr.DataArray) -> xr.DataTree:
    """Put a rollout and observations into a new study; emulator states have a node of their own."""
    nodes = {"/observations": observations.to_dataset(name="observation")}
    names = {"env_state": "env_state", "env_state_size": "size", "keyframe_step": "keyframe_step"}
    if "env_state" in rollout:
        nodes["/states"] = (
            rollout[list(names)]
            .drop_vars(["episode", "level_seed"], errors="ignore")
            .rename({old: new for old, new in names.items() if old != new})
        )
        nodes["/states"].attrs = {}
        rollout = rollout.drop_vars(list(names))
    return xr.DataTree.from_dict({"/": rollout, **nodes})


def _maker(agent: Agent, environment: Mapping[str, Any] | None) -> MakeEnvironment:
    return lambda *, num_trajectories, seed: make_world(
        agent, environment, num_trajectories=num_trajectories, seed=seed
    )


def _preset(observations: str | tuple[int, int, int]) -> tuple[int, int, int]:
    if not isinstance(observations, str):
        return observations
    if observations not in PRESETS:
        raise ValueError(unknown("set of observations", observations, PRESETS, "Or give three numbers."))
    return PRESETS[observations]


def _default_output(agent: Agent, rollout: xr.Dataset) -> str:
    if "value" in rollout:
        return "value"
    most_frequent = np.bincount(rollout["action"].values.ravel()).argmax()
    return f"centred:{agent.action_names[most_frequent]}"


def _checked_layers(agent: Agent, layers: Sequence[str] | None) -> Sequence[str]:
    if layers is None:
        return [agent.layers[len(agent.layers) // 2]]
    for layer in layers:
        if layer not in (INPUT_LAYER, *agent.layers):
            raise ValueError(
                unknown("layer", layer, (INPUT_LAYER, *agent.layers), f"They are those of agent {agent.name!r}.")
            )
    return layers


def _offered(action_names: Sequence[str], has_value: bool) -> tuple[str, ...]:
    """Name the outputs to offer: the value, each logit, sums over directions of movement, each centred logit."""
    buttons = [set(name.split("+")) for name in action_names]
    groups = [[name for name, held in zip(action_names, buttons, strict=True) if way in held] for way in DIRECTIONS]
    groups.append([name for name, held in zip(action_names, buttons, strict=True) if held.isdisjoint(DIRECTIONS)])
    sums = ["sum:" + ",".join(group) for group in groups if len(group) > 1]
    centred = [f"centred:{name}" for name in action_names]
    return (*(["value"] if has_value else []), *action_names, *sums, *centred)


def _check_same(agent: Agent, study: xr.DataTree) -> None:
    stored = study.attrs.get("checkpoint")
    if stored != agent.checkpoint:
        raise ValueError(
            f"this study is of {study.attrs.get('agent')!r} (weights {str(stored)[:12]}…), and this agent is "
            f"{agent.name!r} (weights {agent.checkpoint[:12]}…): attributions of the two would be mixed. "
            "Connect the study's own agent, or build a study of this one."
        )


def _usual_features(study: xr.DataTree) -> int:
    layers = study.children["layers"].children.values() if "layers" in study.children else []
    return next((layer.sizes["feature"] for layer in layers), 8)


def _silent(_stage: str, _done: int, _total: int) -> None:
    """Report nothing."""


def _never() -> bool:
    """Never cancel."""
    return False
