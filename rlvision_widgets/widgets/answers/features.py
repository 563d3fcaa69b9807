"""What a feature responds to: spatial grids of patches, and the numbers that say how far to trust them."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.patches import cut_patches, opacity, patch_side
from rlvision_widgets.analysis.shares import attribution_shares
from rlvision_widgets.names import unknown
from rlvision_widgets.schema import CHUNK
from rlvision_widgets.widgets.description import are_computed, finite
from rlvision_widgets.widgets.jobs import Cancelled
from rlvision_widgets.widgets.requests import Answer, Work, request
from rlvision_widgets.widgets.source import StudySource

NODES = {"1/4": "0.25", "1/2": "0.5", "1": "1", "2": "2"}  # density → name of the grid's node
DENSITIES = tuple(NODES)
ZOOMS = (1, 2, 4, 8)  # cells along the side of a patch
BAND_CELLS = 4  # of the patches that are shown beside the grid
KEPT_BYTES = 64e6  # of diverse observations are kept in memory: most grids need most of them
WIDEST = 1300  # pixels along a side of all patches together; screens show no more

Density = Literal["1/4", "1/2", "1", "2"]
Source = Literal["observations", "rollout"]


@request(slow=True)
def grid(source: StudySource, *, layer: str, feature: int, origin: Source, density: Density, zoom: int) -> Answer:
    """Return for each place on screen the patch that activates a feature most there.

    Arrays: `patch` (grid_y, grid_x, patch_height, patch_width, rgb) uint8, `opacity` (grid_y, grid_x) uint8, `strength`
    and `found_in` likewise (activation; number of the frame in its origin), `row` (grid_y) and `column` (grid_x) in
    cells. The result says on how many frames the grid is based, how often one may be used, and how many pixels a pixel
    of the patches stands for: large ones are shrunk.
    """
    node = _feature_node(source, layer, feature)
    if zoom not in ZOOMS:
        raise ValueError("grid: " + unknown("zoom", str(zoom), [str(one) for one in ZOOMS]))
    stored = _below(node, "grids", origin, NODES[density])
    if stored is None or (origin == "observations" and _below(source.study, "observations") is None):
        return {"computed": False}, {}
    data = stored.to_dataset().isel(feature=feature).load()
    row, column = np.meshgrid(data["row"].values, data["column"].values, indexing="ij")
    cells = int(node.attrs["layer_height"]), int(node.attrs["layer_width"])
    frames = _frames(source, origin)
    patch = cut_patches(frames, data["source"].values, row=row, column=column, layer_cells=cells, cells=zoom)
    patch, shrunk = _shrunk(patch)
    height, width = frames.shape[1:3]
    return {
        "computed": True,
        "zoom": zoom,
        "patch_height": patch_side(zoom, height, cells[0]),
        "patch_width": patch_side(zoom, width, cells[1]),
        "shrunk": shrunk,
        "num_observations": int(stored.attrs["num_observations"]),
        "most_uses": int(stored.attrs["most_uses"]),
    }, {
        "patch": xr.Variable(("grid_y", "grid_x", "patch_height", "patch_width", "rgb"), patch),
        "opacity": xr.Variable(("grid_y", "grid_x"), opacity(data["strength"].values)),
        "strength": data.variables["strength"],
        "found_in": data.variables["source"],
        "row": data.variables["row"],
        "column": data.variables["column"],
    }


@request(slow=True)
def feature(source: StudySource, layer: str, feature: int) -> Answer:
    """Return the numbers of one feature: its direction, activations, shares of attribution, and what it can see.

    What a study does not hold is None, or not among the arrays: `direction` (channel); `histogram` (bin) int32;
    `band_patch` (band, rank, patch_height, patch_width, rgb), `band_strength` and `band_found_in` (band, rank).
    """
    node = _feature_node(source, layer, feature)
    direction = node.dataset["direction"].transpose("feature", "channel").values[feature]
    activity = _below(node, "activity")
    numbers, arrays = _activity(source, node, activity, feature) if activity is not None else ({}, {})
    square = np.square(direction.astype(np.float64))
    return {
        "surveyed": activity is not None and "grids" in node.children,
        "one_hot": finite(square.max(initial=0) / (square.sum() or 1)),
        "effective_channels": finite(square.sum() ** 2 / (np.square(square).sum() or 1)),
        "stability": _stability(node, feature),
        "shares": [_shares(source, layer, output, feature) for output in _outputs(node)],
        **numbers,
    }, {"direction": xr.Variable("channel", direction.astype(np.float32)), **arrays}


@request()
def sample(source: StudySource, origin: Source, number: int) -> Answer:
    """Return a whole frame: one of the diverse observations, or of the rollout (trajectory * num_steps + step)."""
    frames = _frames(source, origin)
    if not 0 <= number < frames.shape[0]:
        raise ValueError(f"sample: {origin} {number} is out of range; there are {frames.shape[0]}, from 0")
    return {}, {"frame": xr.Variable(("height", "width", "rgb"), frames[number])}


@request(writes=True, needs_agent=True)
def survey(_source: StudySource, work: Work, *, layer: str) -> Answer:
    """Look a layer's features up in the observations and the rollout, for a study that lacks what is found there."""
    if not hasattr(work.connection, "survey"):
        raise ValueError("what this view is connected to cannot look features up: pass agent= to it")
    work.connection.survey(layer, progress=work.progress, cancelled=work.cancelled)
    if work.cancelled():
        raise Cancelled("cancelled")
    return {}, {}


class Frames:
    """Frames of a study by number, read in blocks: neighbours are usually wanted one after another.

    Parameters
    ----------
    observation : DataArray
        (sample, height, width, rgb), or (trajectory, step, height, width, rgb), which is counted through.
    """

    def __init__(self, observation: xr.DataArray) -> None:
        lead = observation.dims[:-3]
        self._observation = observation if len(lead) == 2 else observation.expand_dims("trajectory")
        self._num_steps = max(1, self._observation.shape[1])
        self._at: tuple[int, int] | None = None
        self._block: npt.NDArray[np.uint8] = np.empty(0, np.uint8)
        self.shape = (self._observation.shape[0] * self._observation.shape[1], *observation.shape[-3:])

    def __getitem__(self, number: int) -> npt.NDArray[np.uint8]:
        trajectory, step = divmod(number, self._num_steps)
        at = trajectory, step // CHUNK
        if at != self._at:
            self._block = self._observation[trajectory, at[1] * CHUNK : (at[1] + 1) * CHUNK].values
            self._at = at
        frame: npt.NDArray[np.uint8] = self._block[step - at[1] * CHUNK]
        return frame


def _frames(source: StudySource, origin: str) -> Frames:
    if origin == "rollout":
        return Frames(source.study.dataset["observation"])
    node = _below(source.study, "observations")
    if node is None:
        raise ValueError("this study has no node /observations, so no diverse frames; look at its rollout instead")
    observation = node.dataset["observation"]
    small = observation.nbytes <= KEPT_BYTES
    return Frames(source.cached("observations", observation.load if small else lambda: observation, keep=small))


def _feature_node(source: StudySource, layer: str, feature: int) -> xr.DataTree:
    node = source.layer(layer)
    count = node.sizes["feature"] if node is not None else 0
    if node is None or not 0 <= feature < count:
        raise ValueError(f"feature {feature} is out of range; layer {layer!r} has {count} features, from 0")
    return node


def _shrunk(patch: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], int]:
    """Average blocks of pixels where all patches together are larger than any screen; return by how much."""
    rows, columns, height, width, _ = patch.shape
    by = min(-(-max(rows * height, columns * width) // WIDEST), height, width)
    if by <= 1:
        return patch, 1
    cut = patch[:, :, : height // by * by, : width // by * by]
    blocks = cut.reshape(rows, columns, height // by, by, width // by, by, 3)
    return blocks.mean((3, 5)).round().astype(np.uint8), by


def _activity(source: StudySource, node: xr.DataTree, activity: xr.DataTree, feature: int) -> Answer:
    own = activity.to_dataset().isel(feature=feature).load()
    numbers = {
        "num_observations": int(own.attrs["num_observations"]),
        "bin_width": finite(float(own["bin_width"])),
        "inactive": int(own["inactive"]),
        "band_from": [finite(float(one)) for one in own["band_from"].values],
        "band_to": [finite(float(one)) for one in own["band_to"].values],
        "half_mass_radius": finite(float(own["half_mass_radius"])),
        "num_gradients": int(own["num_gradients"]),
        "receptive_height": int(own.attrs["receptive_height"]),
        "receptive_width": int(own.attrs["receptive_width"]),
        "receptive_cut": bool(own.attrs["receptive_cut"]),
    }
    arrays = {
        "histogram": xr.Variable("bin", own["histogram"].values.clip(max=2**31 - 1).astype(np.int32)),
        "band_strength": own.variables["band_strength"],
        "band_found_in": own.variables["band_source"],
    }
    found = own["band_source"].values
    if (found >= 0).any() and _below(source.study, "observations") is not None:
        patch = cut_patches(
            _frames(source, "observations"),
            found.clip(min=0),
            row=own["band_row"].values,
            column=own["band_column"].values,
            layer_cells=(int(node.attrs["layer_height"]), int(node.attrs["layer_width"])),
            cells=BAND_CELLS,
        )
        arrays["band_patch"] = xr.Variable(("band", "rank", "patch_height", "patch_width", "rgb"), patch)
    return numbers, arrays


def _shares(source: StudySource, layer: str, output: str, feature: int) -> dict[str, Any]:
    node = source.output(layer, output)
    assert node is not None
    num_computed = int(are_computed(node).sum())
    shares = source.cached(("shares", layer, output, num_computed), lambda: attribution_shares(node.to_dataset()))
    return {
        "output": output,
        "raised": finite(float(shares["raised"][feature])),
        "lowered": finite(float(shares["lowered"][feature])),
        "num_steps": int(shares.attrs["num_steps"]),
    }


def _stability(node: xr.DataTree, feature: int) -> float | None:
    """Return how well refits find the direction again: the feature's own, or else the mean of its layer."""
    if "stability" in node.dataset:
        return finite(float(node.dataset["stability"].values[feature]))
    return finite(node.attrs.get("seed_stability"))


def _outputs(node: xr.DataTree) -> list[str]:
    return [str(name) for name in node.children["outputs"].children] if "outputs" in node.children else []


def _below(tree: xr.DataTree, *names: str) -> xr.DataTree | None:
    for name in names:
        if name not in tree.children:
            return None
        tree = tree.children[name]
    return tree
