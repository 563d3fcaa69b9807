"""Is an object's attribution what it is worth? Each object is taken out of the world, and the frame looked at again."""

import numpy as np
import pandas as pd

from rlvision_widgets.agents.memory import Remembered
from rlvision_widgets.analysis.counterfactual import Imagined, Question, imagine
from rlvision_widgets.analysis.eye import Eye, output_of, outputs_of
from rlvision_widgets.analysis.lab import Lab
from rlvision_widgets.analysis.recollection import seen_then
from rlvision_widgets.analysis.task import Task
from rlvision_widgets.environments.edits import Remove

__all__ = ["effects", "effects_table"]

MOST_REMOVED = 64  # objects of one frame, the largest first: each is a frame to look at
TOO_MANY = f"of the objects in a frame the {MOST_REMOVED} largest are taken away"
COLUMNS = ("key", "object_class", "x", "y", "visible_pixels", "attributed", "lost", "why")


def effects(task: Task, lab: Lab, eye: Eye, question: Question) -> Imagined:
    """Imagine a situation, and measure what each object of the edited world adds to the output.

    Parameters
    ----------
    task, lab, eye, question
        As in `imagine`.

    Returns
    -------
    Imagined
        As `imagine` returns, and in told ``effects``, one of each of the edited world's objects: lost, the output minus
        the output of the frame drawn again without it; or None, and in why what it cannot be taken away for.

    Raises
    ------
    Cancelled, ValueError
        As `imagine`.
    """
    found = imagine(task, lab, eye, question)
    rows = found.told["objects"][1]
    found.told["effects"] = told = [{"lost": None, "why": row["why"]} for row in rows]
    moment = lab.reach(question.situation)
    state = moment.state
    frames = [found.data["observation"].values[1]]
    removed: list[int] = []
    for index in sorted(range(len(rows)), key=lambda index: -rows[index]["visible_pixels"]):
        task.stop_if_cancelled()
        if told[index]["why"]:
            continue
        if len(removed) == MOST_REMOVED:
            told[index]["why"] = TOO_MANY
            continue
        row = rows[index]
        try:
            frames.append(lab.edited(state, [Remove(row["object_class"], at=(row["x"], row["y"]))])[1])
            removed.append(index)
        except ValueError as error:
            told[index]["why"] = str(error)
    task.report("objects", 0, len(removed))
    seen = seen_then(task.agent, task.study, lab, question.situation, moment)
    shown = seen.showing(np.stack(frames)) if isinstance(seen, Remembered) else np.stack(frames)
    outputs = output_of(task.agent, found.told["output"], *outputs_of(task.agent, shown))
    for index, frame, output in zip(removed, frames[1:], outputs[1:].tolist(), strict=True):
        told[index]["lost"] = 0.0 if np.array_equal(frame, frames[0]) else float(outputs[0]) - output
    task.report("objects", len(removed), len(removed))
    return found


def effects_table(found: Imagined) -> pd.DataFrame:
    """Return what `effects` found as a table; what is never taken away, such as scenery, in the last rows."""
    told = found.told
    rows = [{**row, **effect} for row, effect in zip(told["objects"][1], told["effects"], strict=True)]
    table = pd.DataFrame([*rows, *told["unlisted"][1]], columns=list(COLUMNS))
    table["lost"] = table["lost"].astype(float)
    table.attrs = {
        "total": float(sum(told["class_attributed"][1].values())),
        **{name: float(found.data[name].values[1]) for name in ("output_value", "completeness_error")},
    }
    return table
