"""Frames with an object and the same frames without it, drawn again by the emulator: what the object alone changes.

Of them follow two numbers that need no play. How much an agent still *sees* of a class of objects is how far its policy
on a frame is from its policy on the frame without them. How much an edit *harms* is how far the edited policy is from
the original one where there is nothing of the class to see.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy.special import log_softmax

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.cells import DIRECTIONS, ObjectCells, at_frames
from rlvision_widgets.analysis.edit_internals import evenly
from rlvision_widgets.analysis.lab import Lab
from rlvision_widgets.analysis.progress import track
from rlvision_widgets.analysis.reentry import world_of
from rlvision_widgets.analysis.world import objects
from rlvision_widgets.environments.edits import Edit, Hide

__all__ = ["Pairs", "Sight", "object_pairs", "sight"]

LEAST_PIXELS = 4

Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Pairs:
    """Frames, (frame, height, width, rgb), of a study.

    Attributes
    ----------
    target : str
    shown : uint8 array
        With the object.
    hidden : uint8 array
        The same moments, the object being invisible.
    others : uint8 array
        Other moments, without it.
    shown_number, other_number : int array, (frame,)
        Their places in the study, trajectory * num_steps + step.
    """

    target: str
    shown: Frames
    hidden: Frames
    others: Frames
    shown_number: npt.NDArray[np.int64]
    other_number: npt.NDArray[np.int64]

    def halves(self) -> "tuple[Pairs, Pairs]":
        """Return two of half the size, the earlier and the later frames: to fit on one and to judge on the other."""
        pair, other = len(self.shown) // 2, len(self.others) // 2
        return self._part(slice(pair), slice(other)), self._part(slice(pair, None), slice(other, None))

    def _part(self, pair: slice, other: slice) -> "Pairs":
        return Pairs(
            self.target,
            self.shown[pair],
            self.hidden[pair],
            self.others[other],
            self.shown_number[pair],
            self.other_number[other],
        )


class Sight(NamedTuple):
    """What an agent makes of an object, in nats; the mean over frames.

    Attributes
    ----------
    seen : float
        KL(policy without the object, policy with it).
    harm : float
        KL(original policy, edited policy) on frames without the object, half of them redrawn without it.
    """

    seen: float
    harm: float


def object_pairs(
    study: xr.DataTree, target: str, num_pairs: int = 512, num_others: int = 512, *, progress: bool = True
) -> Pairs:
    """Draw frames of a study again without a class of objects.

    Parameters
    ----------
    study : DataTree
        Of a Procgen game with states.
    target : str
        A class whose objects can be hidden, ``"saw"``; or ``"enemy moving left"``.
    num_pairs, num_others : int
        Most frames with the object, and most without, spread evenly over the rollout.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ImportError, ValueError
        As `resume`; for an unknown class, one that cannot be hidden, one that is in no frame, or in all.
    """
    pixels = ObjectCells(study, (study.sizes["height"], study.sizes["width"])).of(target).sum((1, 2))
    with_it, without = np.flatnonzero(pixels >= LEAST_PIXELS), np.flatnonzero(pixels == 0)
    if len(with_it) < 2 or len(without) < 2:
        raise ValueError(
            f"of {len(pixels)} frames {len(with_it)} show {target!r} and {len(without)} do not: two of each are the "
            "least. Take a longer study, or another class."
        )
    with_it, without = evenly(with_it, num_pairs), evenly(without, num_others)
    lab, frames, drawn = Lab(world_of(study)), at_frames(study.dataset["observation"], with_it), []
    for number in track(with_it.tolist(), f"without {target}", "frame", progress):
        trajectory, step = divmod(number, study.sizes["step"])
        state = lab.world.state(trajectory, step)
        drawn.append(lab.edited(state, _hiding(study, target, trajectory, step))[1])
    others = at_frames(study.dataset["observation"], without)
    return Pairs(target, frames, np.stack(drawn), others, with_it, without)


def sight(original: Agent, edited: Agent, pairs: Pairs) -> Sight:
    """Measure what an edited agent still sees of an object, and what else has changed."""
    seen = _divergence(_policy(edited, pairs.hidden), _policy(edited, pairs.shown))
    harms = [_divergence(_policy(original, one), _policy(edited, one)) for one in (pairs.hidden, pairs.others)]
    return Sight(seen, float(np.mean(harms)))


def _hiding(study: xr.DataTree, target: str, trajectory: int, step: int) -> list[Edit]:
    name, _, way = target.partition(" moving ")
    if not way:
        return [Hide(target)]
    table = objects(study, trajectory, step)
    sign = -1 if f"moving {way}" == DIRECTIONS[0] else 1
    meant = table[(table["object_class"] == name) & (table["vx"] * sign > 0)]
    return [Hide(name, at=(float(x), float(y))) for x, y in zip(meant["x"], meant["y"], strict=True)]


def _policy(agent: Agent, frames: Frames) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = log_softmax(agent(frames)[0].astype(np.float64), axis=1)
    return found


def _divergence(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    return float((np.exp(first) * (first - second)).sum(1).mean())
