"""What the agent saw and did: curves, frames, and pictures of a whole trajectory."""

from typing import Any

import numpy as np
import xarray as xr

from rlvision_widgets.schema import CHUNK
from rlvision_widgets.widgets.requests import Answer, request
from rlvision_widgets.widgets.source import StudySource, is_long, read, steps_of

STRIP_COLUMN = 42 / 64  # where the agent of a Procgen platform game usually is; the ancestor's choice
MAX_STRIP = 4096
STRIP_PART = 1024  # steps, the same in js/core/wants.ts
MAX_KEYFRAMES = 512


@request(slow=is_long)
def curves(source: StudySource, trajectory: int) -> Answer:
    """Return value, advantage, reward, logits, action and first of every step of a trajectory."""
    names = ("value", "advantage", "reward", "policy_logits", "action", "first")
    return {}, read(source.study, names, {"trajectory": trajectory})


@request(slow=is_long)
def strip(source: StudySource, trajectory: int) -> Answer:
    """Return one or two columns of every frame, side by side; of a long trajectory a sample of its frames."""
    return {}, source.cached(("strip", trajectory), lambda: {"strip": _strip(source, trajectory)})


@request(slow=is_long)
def strip_part(source: StudySource, trajectory: int, part: int) -> Answer:
    """Return the strip of `STRIP_PART` steps alone, without leaving any out: for a long trajectory seen closely."""
    last = (source.num_steps - 1) // STRIP_PART
    if not 0 <= part <= last:
        raise ValueError(f"strip_part: part must be from 0 to {last}, got {part}")
    steps = slice(part * STRIP_PART, (part + 1) * STRIP_PART)
    columns = max(1, source.study.sizes["width"] // 32)
    return {}, {"strip": _columns(source, {"trajectory": trajectory, "step": steps}, columns)}


def _strip(source: StudySource, trajectory: int) -> xr.Variable:
    columns = max(1, source.study.sizes["width"] // 32) if 2 * source.num_steps <= MAX_STRIP // 2 else 1
    where: dict[str, Any] = {"trajectory": trajectory}
    if source.num_steps > MAX_STRIP:
        where["step"] = np.arange(MAX_STRIP) * source.num_steps // MAX_STRIP
    return _columns(source, where, columns)


def _columns(source: StudySource, where: dict[str, Any], columns: int) -> xr.Variable:
    """Return so many columns of each frame, side by side."""
    start = int(STRIP_COLUMN * source.study.sizes["width"])
    frames = source.study.dataset.variables["observation"].isel(where | {"width": slice(start, start + columns)})
    frames = frames.transpose("height", "step", "width", "rgb")
    return xr.Variable(("height", "column", "rgb"), frames.values.reshape(frames.sizes["height"], -1, 3))


@request(slow=is_long)
def preview(source: StudySource, trajectory: int) -> Answer:
    """Return keyframes spread over a trajectory."""
    stride = CHUNK * -(-source.num_chunks // MAX_KEYFRAMES)  # whole chunks, because a part costs as much to read
    steps = np.arange(0, source.num_steps, stride, dtype=np.int32)
    frames = source.study.dataset.variables["observation"].isel(trajectory=trajectory, step=slice(0, None, stride))
    frames = frames.transpose("step", "height", "width", "rgb")
    return {}, {
        "observation": xr.Variable(("keyframe", "height", "width", "rgb"), frames.values),
        "keyframe_step": xr.Variable("keyframe", steps),
    }


@request()
def observations(source: StudySource, trajectory: int, chunk: int) -> Answer:
    """Return a chunk of frames."""
    frames = read(source.study, ("observation",), steps_of(trajectory, chunk))["observation"]
    # Column by column: a scrolling game repeats whole columns, and deflate finds them (measured: 4 to 13 % less).
    return {}, {"observation": frames.transpose("step", "width", "height", "rgb")}
