"""The arrays that a view can ask for, read from a study piece by piece.

`StudySource` knows no kernel and no browser: the live widget and the snapshot ask it the same questions. Requests
come from several threads (a notebook serves them beside the running cell), so nothing here is changed after
construction but two caches, whose entries are only ever replaced by equal ones.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.names import unknown
from rlvision_widgets.schema import CHUNK, ROLLOUT, SchemaError, check
from rlvision_widgets.widgets.bundle import on_demand
from rlvision_widgets.widgets.description import (
    Offers,
    action_names,
    describe_layers,
    describe_outputs,
    describe_rollout,
    is_complete,
    layer_names,
)
from rlvision_widgets.widgets.thumbnails import thumbnails
from rlvision_widgets.widgets.wire import Arrays, StudyDescription, check_request

__all__ = ["SHORT", "StudySource"]

STRIP_COLUMN = 42 / 64  # where the agent of a Procgen platform game usually is; the ancestor's choice
MAX_STRIP = 4096
MAX_KEYFRAMES = 512
SHORT = 2048  # steps up to which a trajectory is shown without a preview

WHOLE = {"curves", "strip", "preview", "totals"}  # requests that read a whole trajectory

Answer = tuple[dict[str, Any], Arrays]


class StudySource:
    """Answers a view's requests from a study.

    Parameters
    ----------
    study : DataTree
        In memory, or opened lazily: each request reads no more than it returns.
    connection : Connection, optional
        A connected agent, whose layers and outputs are offered besides the stored ones.

    Raises
    ------
    ValueError
        If the study has no step, or is none by the schema.
    """

    def __init__(self, study: xr.DataTree, connection: Offers | None = None) -> None:
        _check_study(study)
        self.study = study
        self.connection = connection
        self.num_trajectories: int = study.sizes["trajectory"]
        self.num_steps: int = study.sizes["step"]
        self.chunk = CHUNK
        self.num_chunks = -(-self.num_steps // CHUNK)
        self.action_names = action_names(study)
        self._rollout = describe_rollout(study)
        self._strips: dict[int, Arrays] = {}
        self._scales: dict[tuple[str, str], dict[str, Any]] = {}

    def describe(self) -> StudyDescription:
        """Describe the study as it is now."""
        layers = describe_layers(self.study, self.connection)
        outputs = describe_outputs(self.study, layers, self.connection)
        return {**self._rollout, "layers": layers, "outputs": outputs}  # type: ignore[typeddict-item]

    def answer(self, method: str, params: dict[str, Any]) -> Answer:
        """Answer a request for arrays.

        Parameters
        ----------
        method : str
            One of `wire.REQUESTS` but ``compute``, which needs an agent and time.
        params : dict
            Its parameters.

        Returns
        -------
        dict, mapping of str to Variable
            Numbers and flags; arrays with their dims.

        Raises
        ------
        ValueError
            If the method or a parameter is unknown, missing, of a wrong type or out of range.
        """
        method, params = self.check(method, params)
        if method == "compute":
            raise ValueError("compute needs a view with an agent; a source only reads")
        answer: Answer = getattr(self, f"_{method}")(**params)
        return answer

    def check(self, method: object, params: object) -> tuple[str, dict[str, Any]]:
        """Return the method and its parameters if the study can have an answer; raise ValueError otherwise."""
        name, checked = check_request(method, params)
        for key, size in (("trajectory", self.num_trajectories), ("chunk", self.num_chunks), ("step", self.num_steps)):
            if key in checked and not 0 <= checked[key] < size:
                raise ValueError(f"{name}: {key} {checked[key]} is out of range; there are {size}, from 0")
        if "layer" in checked:
            layers = layer_names(self.study, self.connection)
            if checked["layer"] not in layers:
                raise ValueError(f"{name}: " + unknown("layer", checked["layer"], layers))
        return name, checked

    def is_slow(self, method: str) -> bool:
        """Tell whether an answer reads a whole long trajectory, so that it should not hold up others."""
        return method in WHOLE and self.num_steps > SHORT

    def is_computed(self, trajectory: int, layer: str, output: str, chunk: int) -> bool:
        """Tell whether a chunk of attribution is there."""
        node = self._output(layer, output)
        return node is not None and _is_computed(node, _steps(trajectory, chunk))

    def display_scale(self, layer: str, output: str) -> float:
        """Return the attribution that is drawn at full strength; 1 where nothing is computed, or all of it is zero."""
        node = self._output(layer, output)
        return float(node.attrs["display_scale"]) or 1.0 if node is not None else 1.0

    def _curves(self, trajectory: int) -> Answer:
        names = ("value", "advantage", "reward", "policy_logits", "action", "first")
        return {}, self._read(self.study, names, {"trajectory": trajectory})

    def _strip(self, trajectory: int) -> Answer:
        if trajectory not in self._strips:
            width = self.study.sizes["width"]
            start = int(STRIP_COLUMN * width)
            columns = max(1, width // 32) if 2 * self.num_steps <= MAX_STRIP // 2 else 1
            where = {"trajectory": trajectory, "width": slice(start, start + columns)}
            if self.num_steps > MAX_STRIP:
                where["step"] = np.arange(MAX_STRIP) * self.num_steps // MAX_STRIP
            frames = self.study.dataset.variables["observation"].isel(where).transpose("height", "step", "width", "rgb")
            strip = frames.values.reshape(frames.sizes["height"], -1, 3)
            self._strips[trajectory] = {"strip": xr.Variable(("height", "column", "rgb"), strip)}
        return {}, self._strips[trajectory]

    def _preview(self, trajectory: int) -> Answer:
        stride = CHUNK * -(-self.num_chunks // MAX_KEYFRAMES)  # whole chunks, because a part costs as much to read
        steps = np.arange(0, self.num_steps, stride, dtype=np.int32)
        frames = self.study.dataset.variables["observation"].isel(trajectory=trajectory, step=slice(0, None, stride))
        frames = frames.transpose("step", "height", "width", "rgb")
        return {}, {
            "observation": xr.Variable(("keyframe", "height", "width", "rgb"), frames.values),
            "keyframe_step": xr.Variable("keyframe", steps),
        }

    def _observations(self, trajectory: int, chunk: int) -> Answer:
        frames = self._read(self.study, ("observation",), _steps(trajectory, chunk))["observation"]
        # Column by column: a scrolling game repeats whole columns, and deflate finds them (measured: 4 to 13 % less).
        return {}, {"observation": frames.transpose("step", "width", "height", "rgb")}

    def _attribution(self, trajectory: int, layer: str, output: str, chunk: int) -> Answer:
        node, where = self._output(layer, output), _steps(trajectory, chunk)
        if node is None or not _is_computed(node, where):
            return {"computed": False}, {}
        arrays = self._read(node, ("attribution", "residual", "scale"), where)
        # Feature by feature: most are zero almost everywhere, and deflate finds it (measured: a fifth less).
        planar = ("feature", "step", "y", "x")
        arrays = {name: array.transpose(*planar, missing_dims="ignore") for name, array in arrays.items()}
        return {"computed": True}, arrays

    def _totals(self, trajectory: int, layer: str, output: str) -> Answer:
        node = self._output(layer, output)
        if node is None:
            return {"computed": False}, {}
        names = ("total", "residual_total", "completeness_error")
        arrays = self._read(node, names, {"trajectory": trajectory})
        computed = bool(np.isfinite(arrays["completeness_error"].values).all())
        return {"computed": computed, **self._scale(layer, output, node)}, arrays

    def _examples(self, layer: str) -> Answer:
        node = self.study["layers"].children.get(layer) if "layers" in self.study.children else None
        if node is None or "examples" not in node.children:
            return {"computed": False}, {}
        return {"computed": True}, {"thumbnail": thumbnails(node["examples"].to_dataset())}

    def _bundle(self, name: str) -> Answer:
        return {"text": on_demand(name)}, {}

    def _output(self, layer: str, output: str) -> xr.DataTree | None:
        path = f"layers/{layer}/outputs"
        node = self.study
        for name in (*path.split("/"), output):
            if name not in node.children:
                return None
            node = node.children[name]
        return node

    def _scale(self, layer: str, output: str, node: xr.DataTree) -> dict[str, Any]:
        """Return what all trajectories share: the attribution that is drawn at full strength, the axis of totals."""
        known = self._scales.get((layer, output))
        if known is not None:
            return known
        data = node.dataset
        shown = np.concatenate([data["total"].values, data["residual_total"].values[..., np.newaxis]], axis=-1)
        shown = shown[np.isfinite(data["completeness_error"].values)]
        scale = {"display_scale": float(node.attrs["display_scale"]), "axis": robust_axis(shown)}
        if is_complete(node):
            self._scales[layer, output] = scale
        return scale

    @staticmethod
    def _read(node: xr.DataTree, names: tuple[str, ...], where: dict[str, Any]) -> dict[str, xr.Variable]:
        data = node.dataset
        return {name: data.variables[name].isel(where, missing_dims="ignore").load() for name in names if name in data}


def robust_axis(totals: npt.NDArray[np.floating]) -> dict[str, float]:
    """Choose a common axis for bars that mostly fits them; the rare giants overflow it.

    Parameters
    ----------
    totals : ndarray, (step, feature)
        With the residual among the features.

    Returns
    -------
    dict
        ``high``: the 90th percentile over steps of a step's largest bar, at least a fifth of the largest bar of
        all and at least 0; ``low`` likewise downwards. (Hilton et al. 2020's interface.)
    """
    if len(totals) == 0:
        return {"low": 0.0, "high": 0.0}
    largest, smallest = totals.max(axis=-1), totals.min(axis=-1)
    high = max(0.0, float(np.quantile(largest, 0.9)), float(largest.max()) / 5)
    low = min(0.0, float(np.quantile(smallest, 0.1)), float(smallest.min()) / 5)
    return {"low": low, "high": high}


def _steps(trajectory: int, chunk: int) -> dict[str, Any]:
    return {"trajectory": trajectory, "step": slice(chunk * CHUNK, (chunk + 1) * CHUNK)}


def _is_computed(node: xr.DataTree, where: dict[str, Any]) -> bool:
    return bool(np.isfinite(node.dataset.variables["completeness_error"].isel(where).values).all())


def _check_study(study: xr.DataTree) -> None:
    if not isinstance(study, xr.DataTree):
        raise TypeError(f"expected a study (xarray.DataTree, as build_study makes it), got {type(study).__name__}")
    try:
        check(study.to_dataset(), ROLLOUT)
    except SchemaError as error:
        raise SchemaError(f"this tree cannot be shown; is it a study? {error}") from None
    if 0 in (study.sizes["trajectory"], study.sizes["step"]):
        raise ValueError("this study is empty: it has no step. Build it with num_trajectories and num_steps above 0.")
