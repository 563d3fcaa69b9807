"""What the agent would have thought, had the world been another: one frame before and after edits of its world.

1. The recorded state of a step is entered again; what was pressed is played in it, with the edits and without.
2. Either frame is looked at as the study looks at its own: value, policy, and the attribution of one output to one
   layer's features.
3. The attribution is divided among the objects in the frame, by the pixels that they own (`ownership`).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.eye import Eye, Glimpse
from rlvision_widgets.analysis.frame_objects import Scene, attributed_to, colours_of, scene_of
from rlvision_widgets.analysis.lab import Lab, Moment
from rlvision_widgets.analysis.recollection import seen_then
from rlvision_widgets.analysis.situation import Situation
from rlvision_widgets.analysis.task import Task
from rlvision_widgets.analysis.toolbox import toolbox
from rlvision_widgets.environments.mazes import is_generated_like
from rlvision_widgets.environments.states import parse_state
from rlvision_widgets.schema import Output

__all__ = ["Imagined", "Question", "Side", "imagine", "look_at"]

DIMS = {  # of the arrays that are told of each side
    **dict.fromkeys(("value", "output_value", "scale", "largest", "residual_total", "completeness_error"), ()),
    "num_points": (),
    "total": ("feature",),
    "policy_logits": ("logit",),
    "attribution": ("y", "x", "feature"),
    "residual": ("y", "x"),
}


class Question(NamedTuple):
    """What is asked: of which situation, and which output is explained at which layer."""

    situation: Situation
    layer: str
    output: str


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two worlds: its moment, what the agent makes of it, what lies in it, and what can be done to it."""

    moment: Moment
    glimpse: Glimpse
    scene: Scene
    spread: float
    toolbox: dict[str, Any]

    @property
    def tools(self) -> dict[str, list[str]]:
        """The kinds of edits that each class takes."""
        tools: dict[str, list[str]] = self.toolbox["tools"]
        return tools

    @cached_property
    def attributed(self) -> tuple[dict[int, float], dict[str, float]]:
        """Attribution by instance and by class."""
        return attributed_to(self.scene, self.glimpse["cells"], self.spread)

    @cached_property
    def unlisted(self) -> list[dict[str, Any]]:
        """Return a row for each class of which pixels belong to no row: scenery, and what is painted over the world."""
        listed: dict[str, list[tuple[int, float]]] = {}
        for row in self.rows:
            listed.setdefault(row["object_class"], []).append((row["visible_pixels"], row["attributed"]))
        rest = []
        for name, attributed in self.attributed[1].items():
            known = listed.get(name, [])
            pixels = int((self.scene.object_class == self.scene.classes.index(name)).sum()) - sum(n for n, _ in known)
            if pixels > 0:
                rest.append(
                    {
                        "id": None,
                        "key": name,
                        "object_class": name,
                        "visible_pixels": pixels,
                        "attributed": attributed - sum(share for _, share in known),
                        "why": f"{name} is not taken away",
                    }
                )
        return rest

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Return the scene's rows, each with its attribution (0 for what no pixel shows), and whether it can go."""
        by_instance, _ = self.attributed
        return [
            {
                **row,
                "attributed": by_instance.get(row["id"], 0.0),
                "removable": not (why := why_kept(row["object_class"], row["id"], self.tools)),
                "why": why,
            }
            for row in self.scene.rows
        ]


class Imagined(NamedTuple):
    """An answer: arrays with the dim `version` (before, after), and what else there is to tell, for JSON."""

    data: xr.Dataset
    told: dict[str, Any]


def imagine(task: Task, lab: Lab, eye: Eye, question: Question) -> Imagined:
    """Compare a situation with what it would have been without its edits.

    Parameters
    ----------
    task : Task
    lab : Lab
        Of the task's study.
    eye : Eye
        Remembers what it saw of equal frames.
    question : Question

    Returns
    -------
    Imagined
        data: as `schema.COUNTERFACTUAL`, and whatever is in units of the output is so as in `schema.OUTPUT`.
        told: objects and unlisted (rows of each version, with `attributed`), class_attributed, camera, ended, edits (in
        words), changed (whether the frames differ), classes, colours, reasons (why a maze is none that the generator
        makes), what `toolbox` says of the edited world, and in `recorded` these two of the unedited one.

    Raises
    ------
    Cancelled
        If cancelled while a layer got its features.
    ValueError
        As `Lab.reach`; for an unknown layer or output.
    """
    question = question._replace(output=Output.parse(question.output, task.agent.action_names).name)
    unedited = question._replace(situation=question.situation.unedited)
    before = look_at(task, lab, eye, unedited, lab.reach_unedited(question.situation))
    after = look_at(task, lab, eye, question, lab.reach(question.situation))
    return Imagined(_arrays(before, after), _told(question, (before, after), _names(task)))


def look_at(task: Task, lab: Lab, eye: Eye, question: Question, moment: Moment) -> Side:
    """Look at the moment that a situation has led to, and at what lies in it."""
    seen = seen_then(task.agent, task.study, lab, question.situation, moment)
    glimpse = eye.look(task, seen, question.layer, question.output)
    height, width = moment.observation.shape[:2]
    scene = scene_of(lab.world, moment.state, (height, width))
    spread = spread_of(glimpse["cells"].shape, (height, width))
    return Side(moment, glimpse, scene, spread, toolbox(moment.state))


def why_kept(name: str, instance: int, tools: dict[str, list[str]]) -> str:
    """Say why an object of a class cannot be taken away; nothing if it can."""
    if name == "agent":
        return "the world needs its agent"
    if "remove" in tools.get(name, ()) or (instance >= 0 and name == "trail"):
        return ""
    return f"what shows as {name} is no object that an edit can take away"


def spread_of(cells: tuple[int, ...], frame: tuple[int, int]) -> float:
    """Return how many pixels around a thing count as its own: one cell of the layer."""
    return max(size / count for size, count in zip(frame, cells, strict=True))


def _arrays(before: Side, after: Side) -> xr.Dataset:
    def both(dims: tuple[str, ...], *arrays: npt.NDArray[Any]) -> xr.Variable:
        return xr.Variable(("version", *dims), np.stack(arrays))

    sides = before, after
    pixels = ("height", "width")
    arrays = {
        "observation": both((*pixels, "rgb"), *(side.moment.observation for side in sides)),
        "instance": both(pixels, *(side.scene.instance for side in sides)),
        "object_class": both(pixels, *(side.scene.object_class for side in sides)),
        **{name: both(dims, *(side.glimpse[name] for side in sides)) for name, dims in DIMS.items()},
    }
    return xr.Dataset({name: array.astype(_dtype(array)) for name, array in arrays.items()})


def _told(question: Question, sides: tuple[Side, Side], action_names: tuple[str, ...]) -> dict[str, Any]:
    before, after = sides
    classes = after.scene.classes
    return {
        "layer": question.layer,
        "output": question.output,
        "objects": [side.rows for side in sides],
        "unlisted": [side.unlisted for side in sides],
        "class_attributed": [side.attributed[1] for side in sides],
        "camera": [side.scene.camera for side in sides],
        "ended": [None if (ended := side.moment.ended) is None else ended._asdict() for side in sides],
        "edits": question.situation.told(action_names),
        "changed": not np.array_equal(before.moment.observation, after.moment.observation),
        "classes": list(classes),
        "colours": list(colours_of(classes)),
        **_possible(after),
        "recorded": _possible(before),
    }


def _names(task: Task) -> tuple[str, ...]:
    return tuple(str(name) for name in task.study.attrs["action_names"])


def _possible(side: Side) -> dict[str, Any]:
    return {"reasons": _reasons(side.moment.state), **side.toolbox}


def _reasons(state: bytes) -> list[str] | None:
    """Say why the generator of mazes could not have made this one; None for what is no maze."""
    try:
        parsed = parse_state(state)
    except ValueError:
        return None
    return list(is_generated_like(parsed)) if parsed.game == "maze" else None


def _dtype(array: xr.Variable) -> Any:
    return np.float32 if array.dtype.kind == "f" else np.int32 if array.dtype == np.int16 else array.dtype
