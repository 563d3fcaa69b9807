"""A counterfactual as pixels: the frame before and after, and what in either raises and lowers the output."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.schema import FEATURE_COLOURS
from rlvision_widgets.widgets.kept import Asked, Kept
from rlvision_widgets.widgets.pictures import (
    INK,
    LINE,
    MARGIN,
    MUTED,
    RESIDUAL,
    Text,
    enlarged,
    fitting,
    written,
)
from rlvision_widgets.widgets.poster import GAP, Pixels, composite
from rlvision_widgets.widgets.source import StudySource

__all__ = ["picture_of", "picture_of_play"]

SIDES = ("before", "after")
MOST_ACTIONS = 4  # of the policy, in words
Panel = tuple[str, Pixels]  # caption, enlarged pixels


def picture_of(
    source: StudySource,
    asked: Asked,
    answer: Kept,
    scale: float,
    feature: int | None = None,
    *,
    sides: tuple[str, str] = SIDES,
) -> Pixels:
    """Draw a counterfactual: a row of panels for each side.

    Parameters
    ----------
    source : StudySource
        Names the agent, its actions and the features' colours.
    asked : Asked
    answer : Kept
    scale : float
        The attribution that is drawn at full strength.
    feature : int, optional
        Drawn alone; the number of features stands for the residual.
    sides : (str, str)
        What the two are called.

    Returns
    -------
    uint8 array, (height, width, rgb)
    """
    words = "; ".join(answer.told["edits"]) or "nothing changed"
    heading = f"{_agent(source)} · trajectory {asked.trajectory} · step {asked.step} · {words}"
    rows = []
    for version, side in enumerate(sides):
        data = answer.data.isel(version=version)
        strength = _strength(data, feature) / scale
        value = f"value {float(data['value']):.2f} · " if np.isfinite(data["value"]) else ""
        panels = [("observation", enlarged(data["observation"].values)), *_panels(source, asked, data, strength)]
        rows.append((f"{side} · {value}{_policy(source, data)}", panels))
    return _drawn(heading, rows)


def picture_of_play(
    source: StudySource,
    asked: Asked,
    played: xr.Dataset,
    told: dict[str, Any],
    step: int,
    *,
    sides: tuple[str, str] = SIDES,
) -> Pixels:
    """Draw one moment of playing on, both worlds side by side."""
    panels: list[Panel] = []
    for version, side in enumerate(sides):
        length, cause = told["length"][version], told["cause"][version]
        value = float(played["value"].values[version, min(step, played["value"].shape[1] - 1)])
        shown = f"{side}: value {value:.2f}" if step < length and np.isfinite(value) else side
        over = step >= length and cause is not None
        panels.append((f"{side}: ended ({cause or 'unknown'})" if over else shown, _frame(played, version, step)))
    heading = f"{_agent(source)} · trajectory {asked.trajectory} · step {asked.step} + {step}"
    return _drawn(heading, [("", panels)])


def _panels(source: StudySource, asked: Asked, data: xr.Dataset, strength: npt.NDArray[np.floating]) -> Iterator[Panel]:
    """Draw what raises the output, and what lowers it."""
    colours = _colours(source, asked.layer, strength.shape[-1])
    for role, sign in (("raises", 1), ("lowers", -1)):
        drawn = composite(data["observation"].values, sign * strength, colours)
        yield f"{role} {asked.output}", enlarged(drawn)


def _strength(data: xr.Dataset, feature: int | None) -> npt.NDArray[np.float64]:
    """Return attribution to features and residual, (y, x, part), in units of the output; the residual is not drawn."""
    unit = float(np.nan_to_num(float(data["scale"])))
    parts = np.concatenate([data["attribution"].values, data["residual"].values[..., None]], axis=-1) * unit
    last = parts.shape[-1] - 1
    kept = np.arange(last + 1) == (feature if feature is not None else -1)
    return np.where(kept if feature is not None else np.arange(last + 1) < last, parts, 0.0)


def _colours(source: StudySource, layer: str, parts: int) -> npt.NDArray[np.float64]:
    described = {one["name"]: one["features"] for one in source.describe()["layers"]}.get(layer, [])
    names = [feature["colour"] for feature in described] + [None] * (parts - 1 - len(described))
    texts = [colour or FEATURE_COLOURS[k % len(FEATURE_COLOURS)] for k, colour in enumerate(names)]
    return np.array([*(list(bytes.fromhex(text[1:])) for text in texts), RESIDUAL], float)


def _policy(source: StudySource, data: xr.Dataset) -> str:
    names = source.action_names
    logits = data["policy_logits"].values[: len(names)].astype(float)
    chance = np.exp(logits - logits.max())
    chance /= chance.sum()
    best = np.argsort(-chance, kind="stable")[:MOST_ACTIONS]
    return ", ".join(f"{names[action]} {100 * chance[action]:.0f} %" for action in best)


def _frame(played: xr.Dataset, version: int, step: int) -> Pixels:
    return enlarged(played["observation"].values[version, min(step, played.sizes["played"] - 1)])


def _agent(source: StudySource) -> str:
    return str(source.study.attrs["agent"])


def _drawn(heading: str, rows: Sequence[tuple[str, list[Panel]]]) -> Pixels:
    """Put rows of panels under a heading, each row under its own line of words if it has some."""
    height, width = rows[0][1][0][1].shape[:2]
    columns = len(rows[0][1])
    whole = 2 * MARGIN + columns * width + (columns - 1) * GAP
    lines = [2 * LINE if words else LINE for words, _ in rows]
    picture = np.full((2 * MARGIN + LINE + sum(lines) + len(rows) * (height + GAP) - GAP, whole, 3), 255, np.uint8)
    texts: list[Text] = [(MARGIN, MARGIN - 4, fitting(heading, whole - 2 * MARGIN), INK)]
    top = MARGIN + LINE
    for (words, panels), line in zip(rows, lines, strict=True):
        texts.append((MARGIN, top, fitting(words, whole - 2 * MARGIN), INK))
        top += line
        for column, (caption, pixels) in enumerate(panels):
            left = MARGIN + column * (width + GAP)
            picture[top : top + height, left : left + width] = pixels
            texts.append((left, top - LINE, fitting(caption, width), MUTED))
        top += height + GAP
    return written(picture, texts)
