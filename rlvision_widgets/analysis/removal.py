"""Is an object's attribution what it is worth? Each object is taken out of the world, and the frame looked at again."""

from typing import Any

import numpy as np
import pandas as pd

from rlvision_widgets.analysis.counterfactual import Imagined, Question, imagine
from rlvision_widgets.analysis.eye import Eye, output_of, outputs_of
from rlvision_widgets.analysis.lab import Lab
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
        As `imagine` returns, and each row of the edited world's objects has `lost`, the output minus the output of the
        frame drawn again without the object; or None, and in `why` what it cannot be taken away for.

    Raises
    ------
    Cancelled, ValueError
        As `imagine`.
    """
    found = imagine(task, lab, eye, question)
    rows = found.told["objects"][1]
    state = lab.reach(question.situation).state
    frames = [found.data["observation"].values[1]]
    removed: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda row: -row["visible_pixels"]):
        row["lost"] = None
        row["why"] = row["why"] or (TOO_MANY if len(removed) >= MOST_REMOVED else "")
        if not row["why"]:
            try:
                frames.append(lab.edited(state, [Remove(row["object_class"], at=(row["x"], row["y"]))])[1])
                removed.append(row)
            except ValueError as error:
                row["why"] = str(error)
        task.stop_if_cancelled()
    task.report("objects", 0, len(removed))
    outputs = output_of(task.agent, found.told["output"], *outputs_of(task.agent, np.stack(frames)))
    for row, frame, output in zip(removed, frames[1:], outputs[1:].tolist(), strict=True):
        row["lost"] = 0.0 if np.array_equal(frame, frames[0]) else float(outputs[0]) - output
    task.report("objects", len(removed), len(removed))
    return found


def effects_table(found: Imagined) -> pd.DataFrame:
    """Return what `effects` found as a table; what is never taken away, such as scenery, in the last rows."""
    table = pd.DataFrame([*found.told["objects"][1], *found.told["unlisted"][1]], columns=list(COLUMNS))
    table["lost"] = table["lost"].astype(float)
    table.attrs = {
        "total": float(sum(found.told["class_attributed"][1].values())),
        **{name: float(found.data[name].values[1]) for name in ("output_value", "completeness_error")},
    }
    return table
