"""Where the numbers of network edits come from: a study's features, activations on frames."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.edit_values import maps_to_text, short
from rlvision_widgets.names import unknown

if TYPE_CHECKING:
    from rlvision_widgets.agents.agent import Agent

__all__ = ["Frames", "check_layer", "feature_of", "frames_of", "mean_difference", "replacements"]

Frames = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


def feature_of(study: xr.DataTree, layer: str, k: int) -> tuple[Floats, str]:
    """Return the direction of a layer's feature, (channel,), and what to call it.

    Raises
    ------
    ValueError
        When the study has no such layer or feature.
    """
    layers: Mapping[str, Any] = study.children["layers"].children if "layers" in study.children else {}
    fitted = [name for name, node in layers.items() if "direction" in node.variables]
    if layer not in fitted:
        raise ValueError(unknown("layer", layer, fitted, "These have features in this study."))
    features = layers[layer].to_dataset(inherit=False)
    number = features.sizes["feature"]
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 0 <= k < number:
        raise ValueError(f"layer {layer!r} has the features 0 to {number - 1} in this study, and {k!r} was asked for.")
    direction = features["direction"].transpose("feature", "channel").values[k]
    plain = f"feature {k}"
    named = str(features["feature_name"].values[k]) if "feature_name" in features else plain
    return short(direction), plain if named in ("", plain) else f"{plain} ({named})"


def replacements(
    agent: "Agent", layer: str, channels: tuple[int, ...], method: str, frames: Frames
) -> tuple[Floats | tuple[()], str]:
    """Return the means of some channels, or the text of their maps, over frames; neither for any other method."""
    count = check_layer(agent, layer)
    if channels[-1] >= count:
        raise ValueError(f"layer {layer!r} has channels 0 to {count - 1}, and {channels[-1]} was asked for.")
    if method not in ("mean", "resample"):
        return (), ""
    activations = agent.activations(layer, frames)[:, list(channels)].double().cpu().numpy()
    return (short(activations.mean((0, 2, 3))), "") if method == "mean" else ((), maps_to_text(activations))


def mean_difference(agent: "Agent", layer: str, with_: Frames, without: Frames) -> Floats:
    """Return the mean difference of activations between pairs of frames, (channel, y, x)."""
    if np.shape(with_) != np.shape(without) or not len(with_):
        raise ValueError(
            f"expected as many frames with as without, at least one; shapes {np.shape(with_)} and "
            f"{np.shape(without)} came."
        )
    check_layer(agent, layer)
    apart = (agent.activations(layer, with_) - agent.activations(layer, without)).double().mean(0).cpu().numpy()
    if not apart.any():
        raise ValueError(f"the frames with and without differ nowhere in layer {layer!r}; expected pairs that do.")
    return cast(Floats, apart)


def check_layer(agent: "Agent", layer: str) -> int:
    """Return the number of channels of a layer; raise ValueError if the agent has it not."""
    if layer not in agent.layers:
        raise ValueError(unknown("layer", layer, agent.layers, f"They are those of agent {agent.name!r}."))
    return agent.layer_shape(layer)[0]


def frames_of(study: xr.DataTree | Frames, count: int) -> Frames:
    """Return at most `count` frames, evenly spaced; of a study its decorrelated ones, if it has them."""
    if isinstance(study, xr.DataTree):
        frames = study.children.get("observations", study)["observation"]
    else:
        frames = xr.DataArray(study, dims=("frame", "height", "width", "rgb"))
    shape = frames.shape[:-3]
    flat = np.unique(np.linspace(0, np.prod(shape) - 1, min(count, int(np.prod(shape)))).astype(int))
    places = zip(frames.dims, np.unravel_index(flat, shape), strict=False)
    chosen = frames.isel({dim: xr.DataArray(index, dims="sampled") for dim, index in places})
    return np.asarray(chosen.transpose("sampled", ...).values)
