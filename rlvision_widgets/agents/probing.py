"""The cheap part of checking an agent, which every loader runs: its outputs are numbers, and depend on the frame.

A few made-up frames are enough for that; what playing tells is in `rlvision_widgets.analysis.checking`.
"""

import warnings

import numpy as np
from numpy.typing import NDArray

from rlvision_widgets.agents.agent import Agent

__all__ = ["SAME", "logit_range", "probe_frames", "probed"]

SAME = 1e-6
"""Logits that differ by less than this share of the largest are the same: float32 keeps seven digits."""


def probed(agent: Agent) -> Agent:
    """Return the agent if its outputs are numbers; warn when they do not depend on what it is shown.

    Raises
    ------
    ValueError
        When an output for one of `probe_frames` is not a finite number; of weights that are none `Agent` knows itself.
    """
    logits, value = agent(probe_frames(agent.observation_shape))[:2]
    if not np.isfinite(logits).all() or (value is not None and not np.isfinite(value).all()):
        raise ValueError(
            f"agent {agent.name!r}: its outputs for made-up frames of 0 to 255 are not all finite; check its "
            "preprocessing, and whatever divides or takes a logarithm."
        )
    if logit_range(logits) == 0:
        warnings.warn(
            f"agent {agent.name!r}: its logits are the same whatever it is shown. Perhaps the weights were not loaded, "
            "or `preprocess` scales the observations to nearly nothing. rlv.check_agent(agent) tells more.",
            stacklevel=4,  # the caller of `load_agent` or `wrap_agent`, which `strict_keywords` decorates
        )
    return agent


def probe_frames(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return four frames that have nothing in common, (4, height, width, rgb): black, white, a slope, and noise."""
    height, width, _ = shape
    slope = np.linspace(0, 255, height * width).reshape(height, width, 1)
    noise = np.random.default_rng(0).integers(0, 256, shape)
    return np.stack([np.broadcast_to(frame, shape).astype(np.uint8) for frame in (0, 255, slope, noise)])


def logit_range(logits: NDArray[np.float32]) -> float:
    """Return by how much the logit differs between frames that differs most; 0 within rounding.

    Parameters
    ----------
    logits : float array, (frame, logit)
    """
    largest = float(np.ptp(logits, axis=0).max())
    return 0.0 if largest <= SAME * float(np.abs(logits).max()) else largest
