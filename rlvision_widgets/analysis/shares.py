"""How much of an output's attribution each feature carries, upwards and downwards."""

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.schema import CHUNK

__all__ = ["MOST_STEPS", "attribution_shares"]

MOST_STEPS = 4096  # that are read; of more, blocks that are spread evenly
TOGETHER = 2**23  # numbers that are read at once, at least a chunk of steps


def attribution_shares(output: xr.Dataset) -> xr.Dataset:
    """Sum attribution over all cells of all computed steps, positive and negative apart.

    Parameters
    ----------
    output : Dataset
        A node ``/layers/<layer>/outputs/<output>`` of a study; read a block of steps at a time.

    Returns
    -------
    Dataset
        raised, lowered (part) : float64, the share of each feature, and of the residual as the last part, in all that
        raises, and in all that lowers, the output; each sums to 1, or is NaN where nothing is attributed.
        attrs: num_steps, the steps that it was summed over.
    """
    num_parts = output.sizes["feature"] + 1
    raised, lowered, steps = np.zeros(num_parts), np.zeros(num_parts), 0
    computed = np.isfinite(output["completeness_error"].values)
    a_step = output.sizes["y"] * output.sizes["x"] * output.sizes["feature"]
    length = CHUNK * max(1, min(8, TOGETHER // max(1, a_step * CHUNK)))
    blocks = [
        (trajectory, slice(start, start + length))
        for trajectory in range(computed.shape[0])
        for start in range(0, computed.shape[1], length)
        if computed[trajectory, start : start + length].any()
    ]
    most = max(1, MOST_STEPS // length)
    if len(blocks) > most:
        blocks = [blocks[at] for at in np.linspace(0, len(blocks) - 1, most).round().astype(int)]
    for trajectory, where in blocks:
        own = output[["attribution", "residual", "scale"]].isel(trajectory=trajectory, step=where)
        own = own.isel(step=np.flatnonzero(computed[trajectory, where])).load()
        scale = own["scale"].values.astype(np.float64)
        for name, parts in (("attribution", slice(0, -1)), ("residual", slice(-1, None))):
            values = own[name].transpose("step", "y", "x", ...).values.reshape(len(scale), -1, parts_of(own, name))
            for total, sign in ((raised, 1), (lowered, -1)):
                total[parts] += scale @ _one_sign(values, sign)
        steps += len(scale)
    shares = {name: ("part", _share(total)) for name, total in (("raised", raised), ("lowered", lowered))}
    return xr.Dataset(shares, attrs={"num_steps": steps})


def parts_of(data: xr.Dataset, name: str) -> int:
    """Return how many parts a variable has: one a feature, or one."""
    return data.sizes["feature"] if "feature" in data[name].dims else 1


def _one_sign(values: npt.NDArray[np.int8], sign: int) -> npt.NDArray[np.float64]:
    """Sum what has this sign over cells, (step, part); exact, as float32 holds every integer up to 2^24."""
    kept = np.clip(values, 0, None) if sign > 0 else np.clip(values, None, 0)
    total: npt.NDArray[np.float64] = (sign * (np.ones(values.shape[1], np.float32) @ kept.astype(np.float32))).astype(
        float
    )
    return total


def _share(total: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    whole = total.sum()
    return total / whole if whole > 0 else np.full(len(total), np.nan)
