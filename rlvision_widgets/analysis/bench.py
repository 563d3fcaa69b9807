"""Edited agents at hand: what becomes of one frame when the network is edited, and how much each edit changes there."""

import dataclasses
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.editing import edit_changes, edit_places, edited_agent
from rlvision_widgets.agents.edits import NetworkEdit, network_edits_to_json
from rlvision_widgets.analysis.counterfactual import DIMS, Imagined
from rlvision_widgets.analysis.edit_entries import Entry
from rlvision_widgets.analysis.eye import Eye, Glimpse
from rlvision_widgets.analysis.frames import Seen, read
from rlvision_widgets.analysis.remembering import frames_of_trajectory
from rlvision_widgets.analysis.task import Task, child
from rlvision_widgets.schema import Output

__all__ = ["Bench", "Place", "look"]

REMEMBERED = 16  # edited agents, of 1.5 MB for the published one
FEW, MANY = 4, 64  # frames of the study, on some of which each edit has to change something: a few show most edits


class Place(NamedTuple):
    """A recorded step, and which output is explained at which layer."""

    trajectory: int
    step: int
    layer: str
    output: str


class Made(NamedTuple):
    """An edited agent, and its memory of what it saw."""

    agent: Agent
    eye: Eye


class Bench:
    """Makes edited agents of one agent; those made lately are remembered. Its methods may be called from any thread.

    Parameters
    ----------
    agent : Agent
        The original.
    study : DataTree
        Has the frames on which edits are tried.
    """

    def __init__(self, agent: Agent, study: xr.DataTree) -> None:
        self._agent, self._study = agent, study
        self._made: OrderedDict[str, Made] = OrderedDict()
        self._probes: dict[int, npt.NDArray[np.uint8]] = {}
        self._lock = threading.Lock()
        self._places: dict[str, tuple[str, ...]] = {}

    def places(self, layer: str) -> tuple[str, ...]:
        """Return where a direction of a layer can be edited, the usual place first; see `editing.edit_places`."""
        if layer not in self._places:
            self._places[layer] = edit_places(self._agent, layer)
        return self._places[layer]

    def made(self, edits: Sequence[NetworkEdit]) -> Made:
        """Return the agent with edits made in it, in their order.

        Raises
        ------
        ValueError
            For an edit that cannot be made in this agent, or that changes nothing on the study's frames.
        """
        key = network_edits_to_json(edits)
        with self._lock:
            if key not in self._made:
                self._made[key] = Made(self._edited(edits), Eye())
                if len(self._made) > REMEMBERED:
                    self._made.popitem(last=False)
            self._made.move_to_end(key)
            return self._made[key]

    def changes(self, entries: Sequence[Entry], frame: npt.NDArray[np.uint8]) -> list[dict[str, Any]]:
        """Say by how much each entry changes what it edits in one frame, on the agent with the entries before it.

        Parameters
        ----------
        entries : sequence of Entry
        frame : uint8 array, (height, width, rgb)

        Returns
        -------
        list of dict
            One an entry: index, text, layer and where (of its strongest edit), max_change, mean_change and relative, as
            in `edit_changes`.
        """
        edits = [edit for entry in entries for edit in entry.edits]
        rows = edit_changes(self._agent, edits, frame[np.newaxis]).to_dict("records")
        found = []
        for index, entry in enumerate(entries):
            own, rows = rows[: len(entry.edits)], rows[len(entry.edits) :]
            strongest = max(own, key=lambda row: float(row["max_change"]))
            numbers = {name: strongest[name] for name in ("layer", "where", "max_change", "mean_change", "relative")}
            found.append({"index": index, "text": entry.text, **numbers})
        return found

    def _edited(self, edits: Sequence[NetworkEdit]) -> Agent:
        try:
            return edited_agent(self._agent, list(edits), self._frames(FEW))
        except ValueError:
            return edited_agent(self._agent, list(edits), self._frames(MANY))

    def _frames(self, number: int) -> npt.NDArray[np.uint8]:
        """Return frames of the study, evenly spaced."""
        if number not in self._probes:
            samples = self._study.children["observations"].dataset["observation"]
            chosen = np.unique(np.linspace(0, samples.sizes["sample"] - 1, number).astype(int))
            self._probes[number] = samples.isel(sample=chosen).values
        return self._probes[number]


def look(task: Task, bench: Bench, eye: Eye, place: Place, entries: Sequence[Entry]) -> Imagined:
    """Look at a recorded frame with the original agent and with the edited one.

    Parameters
    ----------
    task : Task
        Of the original agent.
    bench : Bench
        Of the same agent.
    eye : Eye
        The original's.
    place : Place
    entries : sequence of Entry

    Returns
    -------
    Imagined
        data: as `schema.EDITED_FRAME`. told: layer, output, places (as `Bench.places`), changes (as `Bench.changes`),
        texts (of the entries), kl (of the policies, KL(original || edited), in nats), identical (all outputs and
        attributions, to the bit).

    Raises
    ------
    Cancelled
        If cancelled while a layer got its features.
    ValueError
        As `Bench.made`; for an unknown layer or output.
    """
    place = place._replace(output=Output.parse(place.output, task.agent.action_names).name)
    frame = task.study.dataset["observation"][place.trajectory, place.step].values

    def seen(agent: Agent) -> Seen:
        return read(frames_of_trajectory(agent, task.study, place.trajectory).isel(step=place.step))

    def original(_: Any = None) -> tuple[Glimpse, list[dict[str, Any]]]:
        return eye.look(task, seen(task.agent), place.layer, place.output), []

    def edited(edits: Sequence[NetworkEdit]) -> tuple[Glimpse, list[dict[str, Any]]]:
        made = bench.made(edits)
        own = dataclasses.replace(task, agent=made.agent)
        return made.eye.look(own, seen(made.agent), place.layer, place.output), bench.changes(entries, frame)

    if child(task.study, "layers", place.layer) is None:
        original()  # first: the layer gets features, and they are the original's
    edits = [edit for entry in entries for edit in entry.edits]
    works = [original, *([lambda _: edited(edits)] if edits else [])]
    (before, _), *others = task.agent.over_batches(lambda work: work(None), works)
    after, changes = others[0] if others else (before, [])
    told = {
        "layer": place.layer,
        "output": place.output,
        "places": bench.places(place.layer),
        "texts": [entry.text for entry in entries],
        "changes": changes,
        "kl": divergence(before["policy_logits"], after["policy_logits"], len(task.agent.action_names)),
        "identical": all(
            np.array_equal(before[name], after[name], equal_nan=_may_be_nan(before[name])) for name in DIMS
        ),
    }
    return Imagined(_arrays(frame, before, after), told)


def divergence(before: npt.NDArray[np.float32], after: npt.NDArray[np.float32], num_actions: int) -> float:
    """Return the Kullback-Leibler divergence of two policies from their logits, KL(before || after), in nats."""
    log_before, log_after = (
        torch.log_softmax(torch.from_numpy(np.asarray(logits[:num_actions], np.float64)), 0)
        for logits in (before, after)
    )
    return max(float((log_before.exp() * (log_before - log_after)).sum()), 0.0)


def _arrays(frame: npt.NDArray[np.uint8], before: Glimpse, after: Glimpse) -> xr.Dataset:
    both = {
        name: (("version", *dims), np.stack([before[name], after[name]]).astype(_dtype(before[name])))
        for name, dims in DIMS.items()
    }
    return xr.Dataset({"observation": (("height", "width", "rgb"), frame), **both})


def _dtype(array: npt.NDArray[Any]) -> Any:
    return np.float32 if array.dtype.kind == "f" else np.int32 if array.dtype == np.int16 else array.dtype


def _may_be_nan(array: npt.NDArray[Any]) -> bool:
    return array.dtype.kind == "f"
