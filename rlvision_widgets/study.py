"""From an agent to a study, and on to whatever a study still lacks.

1. The agent plays: the rollout that is shown, and a second, more diverse set of observations.
2. For each layer, features are fitted on the attribution of those observations, and examples are taken from them.
3. For each output, every step of the rollout is attributed to the layer and reduced to its features.
4. The emulator's states say what is in each frame, and how each episode ended.

`build_study` does all of it; `connect` does 2 and 3 for a study that is there, piece by piece, as a view asks for it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.connection import TORCH, Connection, usual_recipe
from rlvision_widgets.analysis.playing import make_world
from rlvision_widgets.analysis.progress import bars
from rlvision_widgets.analysis.reentry import MakeEnvironment
from rlvision_widgets.analysis.rollout import collect_observations, collect_rollout
from rlvision_widgets.analysis.task import FeatureKind, Recipe
from rlvision_widgets.analysis.world import open_world
from rlvision_widgets.changes import announce
from rlvision_widgets.names import strict_keywords, unknown
from rlvision_widgets.schema import INPUT_LAYER, Output, Selection

__all__ = ["TORCH", "Connection", "build_study", "connect", "refit"]

# num_trajectories, num_samples, every: how many frames features are fitted on, and how far apart they are
PRESETS = {"default": (256, 8, 16), "article": (32, 128, 128)}


@strict_keywords
def build_study(
    agent: Agent,
    *,
    num_trajectories: int = 8,
    num_steps: int = 512,
    layers: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    num_features: int = 8,
    features: FeatureKind = "attribution",
    attribution: Mapping[str, Any] | None = None,
    seed: int = 0,
    observations: Literal["default", "article"] | tuple[int, int, int] = "default",
    environment: str | Mapping[str, Any] | MakeEnvironment | None = None,
    world: bool = True,
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
    features : "attribution", "activations" or "channels"
        What features are fitted on: the attribution of the value (of the first output for an agent without one), or
        the layer's activations. ``"channels"`` makes each channel a feature, however many there are.
    attribution : mapping, optional
        Options of `attribute`: rule, num_points, tolerance, max_points, paths, smooth_max_pool. None: its defaults.
        ``{"rule": "right", "num_points": 10}`` is the article's.
    seed : int
        Of everything random: levels, actions, features.
    observations : "default", "article" or (int, int, int)
        The diverse set: how many trajectories, frames from each, and steps between two of these. "default" is (256,
        8, 16), "article" (32, 128, 128), which is sixteen times the playing.
    environment : mapping, str or callable, optional
        What to play. None: what the agent was trained on. A mapping changes its options, or with a ``name`` (or
        a name alone) replaces it. A callable makes a batch of worlds, given ``num_trajectories=`` and ``seed=``.
    world : bool
        Where the game is Procgen's, also find the objects in each frame and why each episode ended, from the emulator's
        states: `add_world` and `add_endings`. Elsewhere a line in the log says that there are none.
    progress : bool
        Show progress bars.

    Returns
    -------
    DataTree
        Follows `rlvision_widgets.schema`. Save it with `save_study`; see it with `Explorer`.

    Raises
    ------
    ValueError
        For an unknown layer, output or option, before anything is computed.

    Notes
    -----
    An interrupt (Ctrl-C) ends it without a result. To keep what is there, take the steps one by one.
    """
    layers = _checked_layers(agent, layers)
    recipe = Recipe(features, num_features, dict(attribution or {}))
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
    connection = Connection(agent, study, recipe)
    for layer in layers:
        for output in outputs:
            with bars(progress) as report:
                connection.attribute(Selection(layer=layer, output=output), progress=report)
    if world:
        open_world(study, progress)
    return study


@strict_keywords
def connect(
    agent: Agent,
    study: xr.DataTree,
    *,
    num_features: int | None = None,
    features: FeatureKind | None = None,
    attribution: Mapping[str, Any] | None = None,
) -> Connection:
    """Connect an agent to a study of it, so that what the study lacks can be computed.

    Parameters
    ----------
    agent : Agent
        The one that the study is of.
    study : DataTree
        Is added to, in memory; `save_study` keeps it.
    num_features, features, attribution : optional
        As in `build_study`, for layers and outputs that are added. None: as the study has it already.

    Raises
    ------
    ValueError
        If the study is of another agent; for what is unknown.
    """
    known = usual_recipe(study)
    return Connection(
        agent,
        study,
        Recipe(
            features or known.features,
            known.num_features if num_features is None else num_features,
            known.options if attribution is None else dict(attribution),
        ),
    )


@strict_keywords
def refit(
    agent: Agent,
    study: xr.DataTree,
    *,
    layer: str,
    num_features: int | None = None,
    features: FeatureKind | None = None,
    seed: int | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """Fit the features of a layer anew, and attribute again what was attributed to the old ones.

    Names and colours stay with the directions that they belong to.

    Parameters
    ----------
    agent : Agent
        The one that the study is of.
    study : DataTree
        Is changed, in memory.
    layer : str
        One that has features.
    num_features, features : optional
        As in `build_study`. None: as it is.
    seed : int, optional
        Of the features. None: the study's.
    progress : bool
        Show progress bars.

    Returns
    -------
    DataTree
        The layer's node.
    """
    connection = connect(agent, study, num_features=num_features, features=features)
    with bars(progress) as report:
        node = connection.refit(layer, seed=seed, progress=report)
    assert node is not None  # only a cancelled one returns nothing
    announce(study)
    return node


def _tree(rollout: xr.Dataset, observations: xr.DataArray | xr.Dataset) -> xr.DataTree:
    """Put a rollout and observations into a new study; emulator states have a node of their own."""
    samples = observations.to_dataset(name="observation") if isinstance(observations, xr.DataArray) else observations
    nodes = {"/observations": samples}
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


def _maker(agent: Agent, environment: str | Mapping[str, Any] | None) -> MakeEnvironment:
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
    most_frequent = agent.action_names[np.bincount(rollout["action"].values.ravel()).argmax()]
    return f"centred:{most_frequent}" if len(agent.action_names) > 1 else most_frequent


def _checked_layers(agent: Agent, layers: Sequence[str] | None) -> Sequence[str]:
    if layers is None:
        return [agent.layers[len(agent.layers) // 2]]
    for layer in layers:
        if layer not in (INPUT_LAYER, *agent.layers):
            raise ValueError(
                unknown("layer", layer, (INPUT_LAYER, *agent.layers), f"They are those of agent {agent.name!r}.")
            )
    return layers
