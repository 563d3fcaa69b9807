"""The explorer: what the agent saw, why it was pleased, why it was worried, and which features say so."""

import logging
import os
import threading
import time
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import anywidget
import traitlets as t
import xarray as xr

from rlvision_widgets.names import unknown
from rlvision_widgets.schema import CHUNK, Output, Selection
from rlvision_widgets.storage import open_study
from rlvision_widgets.widgets.bundle import built, read_bundle
from rlvision_widgets.widgets.description import Offers
from rlvision_widgets.widgets.jobs import Cancelled, Job, Line
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.wire import encode

__all__ = ["Connection", "Explorer"]

log = logging.getLogger(__name__)
SLOW_ANSWER = 0.25  # seconds after which an answer is worth a line in the log


class Connection(Offers, Protocol):
    """What computes attribution that a study lacks: `study.connect` makes one of an agent."""

    def attribute(
        self,
        selection: Selection,
        *,
        progress: Callable[[str, int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Any:
        """Compute what is missing for the selection, and write it into the study."""


class Explorer(anywidget.AnyWidget):
    """Scrub through a study's trajectories beside the attribution of each step to the layer's features.

    Every trait can be set from Python and follows what is done in the notebook. Steps and trajectories count from 0.

    Parameters
    ----------
    study : DataTree, str or Path
        A study, or where one is saved (opened lazily).
    agent : Agent, optional
        The agent that the study is of. With it, attribution to further layers and of further outputs is computed
        when they are picked.
    connection : Connection, optional
        In place of an agent: what computes attribution, for instance on another machine.
    trajectory, step : int
        What is shown.
    layer, output : str
        Whose activations are explained, and what about them: ``"value"``, an action's name (its logit), or another
        form that `schema.Output.parse` reads. By default the middle one of the stored layers.
    feature : int or None
        The feature that is shown alone; the number of features stands for the residual.
    hovered : int or None
        The feature under the pointer: shown alone while it stays there.
    playing, direction, fps, loop : bool, int, float, bool
        Playback; direction is 1 or -1.
    overlay, combine, show_residual : bool
        Draw attribution over the observation; raising and lowering attribution in one panel; the residual too.

    Attributes
    ----------
    num_trajectories, num_steps : int
        The study's size.
    can_compute : bool
        Whether an agent is connected.

    Raises
    ------
    TypeError
        For an unknown keyword, naming the nearest right one.
    SchemaError, ValueError
        If the study is none, or is empty.
    TraitError
        For a value out of range, naming the range or the nearest right name.
    """

    _esm = built("explorer.js")
    _css = built("explorer.css")

    trajectory = t.Int(0).tag(sync=True)
    step = t.Int(0).tag(sync=True)
    layer = t.Unicode().tag(sync=True)
    output = t.Unicode().tag(sync=True)
    feature = t.Int(None, allow_none=True).tag(sync=True)
    hovered = t.Int(None, allow_none=True).tag(sync=True)
    playing = t.Bool(False).tag(sync=True)
    direction = t.Int(1).tag(sync=True)
    fps = t.Float(12.0).tag(sync=True)
    loop = t.Bool(True).tag(sync=True)
    overlay = t.Bool(True).tag(sync=True)
    combine = t.Bool(False).tag(sync=True)
    show_residual = t.Bool(False).tag(sync=True)
    num_trajectories = t.Int(read_only=True).tag(sync=True)
    num_steps = t.Int(read_only=True).tag(sync=True)
    can_compute = t.Bool(read_only=True).tag(sync=True)
    _study = t.Dict().tag(sync=True, echo_update=False)

    def __init__(
        self,
        study: xr.DataTree | str | os.PathLike[str],
        agent: Any = None,
        *,
        connection: Connection | None = None,
        **traits: Any,
    ) -> None:
        _check_keywords(traits)
        read_bundle("explorer.js")
        tree = study if isinstance(study, xr.DataTree) else open_study(Path(study))
        if agent is not None and connection is not None:
            raise TypeError("Explorer takes an agent or a connection, not both")
        if agent is not None:
            # Here and nowhere else a view reaches the room that knows torch, which is loaded if there is an agent.
            connection = import_module("rlvision_widgets.study").connect(agent, tree)
        self._connection = connection
        self._source = StudySource(tree, connection)
        self._lock = threading.RLock()  # notebooks serve messages from several threads
        self._computing = Line("rlvision-compute")
        self._reading = Line("rlvision-read")
        super().__init__(**traits)
        self.on_msg(self._on_message)

    @property
    def study(self) -> xr.DataTree:
        """The study that is shown; computing adds to it."""
        return self._source.study

    @property
    def selection(self) -> Selection:
        """What is shown, in the form that computations take."""
        return Selection(self.trajectory, slice(self.step, self.step + 1), self.layer, self.output, self.feature)

    def refresh(self) -> None:
        """Show what was added to the study by other means than this view."""
        with self._lock:
            self._study = dict(self._source.describe())

    def close(self) -> None:
        """Close the view; what it is computing stops."""
        self._computing.cancel()
        super().close()

    def __repr__(self) -> str:
        size = f"{self.num_trajectories} trajectories of {self.num_steps} steps"
        shown = f"layer={self.layer!r}, output={self.output!r}, trajectory={self.trajectory}, step={self.step}"
        return f"<Explorer of {self.study.attrs['agent']} in {self.study.attrs['environment']}: {size}; {shown}>"

    # -- traits ---------------------------------------------------------------------------------------------------

    @t.default("num_trajectories")
    def _default_num_trajectories(self) -> int:
        return self._source.num_trajectories

    @t.default("num_steps")
    def _default_num_steps(self) -> int:
        return self._source.num_steps

    @t.default("can_compute")
    def _default_can_compute(self) -> bool:
        return self._connection is not None

    @t.default("_study")
    def _default_study(self) -> dict[str, Any]:
        return dict(self._source.describe())

    @t.default("layer")
    def _default_layer(self) -> str:
        return default_layer(self._study)

    @t.default("output")
    def _default_output(self) -> str:
        return default_output(self._study)

    @t.validate("trajectory", "step")
    def _check_index(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, int(proposal["value"])
        size = self.num_steps if name == "step" else self.num_trajectories
        if not 0 <= value < size:
            raise t.TraitError(f"{name} must be from 0 to {size - 1}, got {value}")
        return value

    @t.validate("layer")
    def _check_layer(self, proposal: dict[str, Any]) -> str:
        names = [layer["name"] for layer in self._study["layers"]]
        value = str(proposal["value"])
        if value not in names:
            raise t.TraitError(unknown("layer", value, names, self._hint()))
        return value

    @t.validate("output")
    def _check_output(self, proposal: dict[str, Any]) -> str:
        try:
            value = Output.parse(str(proposal["value"]), self._study["action_names"]).name
        except ValueError as error:
            raise t.TraitError(str(error)) from None
        names = [output["name"] for output in self._study["outputs"]]
        if self._connection is None and value not in names:
            raise t.TraitError(unknown("output", value, names, self._hint()))
        return value

    @t.validate("feature", "hovered")
    def _check_feature(self, proposal: dict[str, Any]) -> int | None:
        name, value = proposal["trait"].name, proposal["value"]
        residual = self._num_features()
        if value is not None and not 0 <= value <= residual:
            raise t.TraitError(
                f"{name} must be None or from 0 to {residual} ({residual} is the residual) in layer "
                f"{self.layer!r}, got {value}"
            )
        return None if value is None else int(value)

    @t.validate("direction")
    def _check_direction(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] not in {1, -1}:
            raise t.TraitError(f"direction must be 1 or -1, got {proposal['value']}")
        return int(proposal["value"])

    @t.validate("fps")
    def _check_fps(self, proposal: dict[str, Any]) -> float:
        if not 0 < proposal["value"] <= 120:
            raise t.TraitError(f"fps must be above 0 and at most 120, got {proposal['value']}")
        return float(proposal["value"])

    @t.observe("layer")
    def _forget_missing_feature(self, _change: object) -> None:
        for name in ("feature", "hovered"):
            value = getattr(self, name)
            if value is not None and value > self._num_features():
                setattr(self, name, None)

    def _num_features(self) -> int:
        return next((len(layer["features"]) for layer in self._study["layers"] if layer["name"] == self.layer), 0)

    def _hint(self) -> str:
        return "" if self._connection is not None else "Others can be computed: pass agent= to Explorer."

    # -- requests -------------------------------------------------------------------------------------------------

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        if not isinstance(content, dict):
            return
        if content.get("kind") == "rlv-cancel":
            self._computing.cancel(str(content.get("id")))
        elif content.get("kind") == "rlv-request":
            self._on_request(content)

    def _on_request(self, content: dict[str, Any]) -> None:
        request = content.get("id")
        try:
            method, params = self._source.check(content.get("method"), content.get("params"))
            if method == "compute":
                self._start_computing(str(request), **params)
            elif self._source.is_slow(method):
                self._reading.add(Job(str(request), lambda _job: self._reply(request, method, params), _no_report))
            else:
                with self._lock:
                    self._reply(request, method, params)
        except Exception as error:
            self._reply_error(request, error)

    def _reply(self, request: object, method: str, params: dict[str, Any]) -> None:
        start = time.perf_counter()
        try:
            result, arrays = self._source.answer(method, params)
            specs, buffers = encode(arrays, "zlib", lambda data: zlib.compress(data, 1))
            self.send({"kind": "rlv-reply", "id": request, "result": {**result, "arrays": specs}}, buffers)
        except Exception as error:
            self._reply_error(request, error)
        if (took := time.perf_counter() - start) > SLOW_ANSWER:
            log.info("%s %s took %.2f s", method, params, took)

    def _reply_error(self, request: object, error: Exception) -> None:
        """Answer with an error: a view must never wait for an answer that does not come."""
        if isinstance(error, Cancelled):
            text = str(error)
        else:
            log.debug("request failed", exc_info=error)
            text = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        self.send({"kind": "rlv-reply", "id": request, "error": text})

    # -- computing ------------------------------------------------------------------------------------------------

    def _start_computing(self, request: str, trajectory: int, layer: str, output: str, step: int) -> None:
        if self._connection is None:
            raise ValueError("this view has no agent to compute with: pass agent= to Explorer")
        output = Output.parse(output, self._study["action_names"]).name

        def report(stage: str, done: int, total: int) -> None:
            self.send({"kind": "rlv-progress", "id": request, "stage": stage, "done": done, "total": total})

        def work(job: Job) -> None:
            try:
                self._compute(job, trajectory, layer, output, step)
                self.send({"kind": "rlv-reply", "id": request, "result": {"arrays": []}})
            except Exception as error:
                self._reply_error(request, Cancelled("cancelled") if job.is_cancelled() else error)

        if self._computing.add(Job(request, work, report)):
            report("waiting", 0, 0)

    def _compute(self, job: Job, trajectory: int, layer: str, output: str, step: int) -> None:
        """Compute a trajectory chunk by chunk, from the chunk that is shown to the end and then from the start."""
        assert self._connection is not None
        source = self._source
        try:
            for offset in range(source.num_chunks):
                chunk = (step // CHUNK + offset) % source.num_chunks
                job.check()
                if not source.is_computed(trajectory, layer, output, chunk):
                    steps = slice(chunk * CHUNK, min((chunk + 1) * CHUNK, source.num_steps))
                    selection = Selection(trajectory, steps, layer, output)
                    self._connection.attribute(selection, progress=job.progress, cancelled=job.is_cancelled)
                    job.check()
                    if offset == 0:  # the layer's features may be new
                        self.refresh()
                    job.report("chunk", chunk, source.num_chunks)
        finally:
            self.refresh()


def default_layer(description: Any) -> str:
    """Return the middle one of the layers that are computed, or of all when none is."""
    layers = [layer["name"] for layer in description["layers"] if layer["outputs"]]
    layers = layers or [layer["name"] for layer in description["layers"]] or [""]
    return str(layers[len(layers) // 2])


def default_output(description: Any) -> str:
    """Return the value if it can be shown, else the first output that can."""
    names = [output["name"] for output in description["outputs"]]
    return "value" if "value" in names or not names else str(names[0])


def _no_report(_stage: str, _done: int, _total: int) -> None:
    """Report nothing: reading has no stages."""


def _check_keywords(traits: dict[str, Any]) -> None:
    public = [
        name
        for name, trait in Explorer.class_traits(sync=True).items()
        if trait.this_class is Explorer and not trait.read_only and not name.startswith("_")
    ]
    for name in traits:
        if name not in {*public, "layout"}:
            raise TypeError(
                "Explorer: " + unknown("keyword", name, ["study", "agent", "connection", *public, "layout"])
            )
