"""Frames with an object and the same frames without it, drawn again by the emulator: what the object alone changes.

Of them follow two numbers that need no play. How much an agent still *sees* of a class of objects is how far its policy
on a frame is from its policy on the frame without them. How much an edit *harms* is how far the edited policy is from
the original one where there is nothing of the class to see.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
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

__all__ = ["Judge", "Pairs", "Sight", "object_pairs", "still_seen_by_channel"]

LEAST_PIXELS = 4
BATCH = 32
POINTS = (0.125, 0.375, 0.625, 0.875)

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


class Judge:
    """Measures what edited agents still see of an object, and what else they do otherwise, against the original.

    Parameters
    ----------
    original : Agent
    pairs : Pairs
    """

    def __init__(self, original: Agent, pairs: Pairs) -> None:
        self.pairs = pairs
        self._policies = [_policy(original, frames) for frames in (pairs.hidden, pairs.others)]
        self.seen = _divergence(self._policies[0], _policy(original, pairs.shown))

    def of(self, edited: Agent) -> Sight:
        """Measure one."""
        hidden, others = (_policy(edited, frames) for frames in (self.pairs.hidden, self.pairs.others))
        seen = _divergence(hidden, _policy(edited, self.pairs.shown))
        harms = [_divergence(*both) for both in zip(self._policies, (hidden, others), strict=True)]
        return Sight(seen, float(np.mean(harms)))


def still_seen_by_channel(agent: Agent, pairs: Pairs, layer: str, num_pairs: int = 64) -> npt.NDArray[np.float64]:
    """Say through which channels of a layer an agent sees an object: attribution of `Sight.seen`, in nats, (channel,).

    Integrated gradients of KL(policy without, policy with) from the activations without the object to those with it,
    averaged over pairs: they sum to what is seen, up to the error of four points (midpoint rule).

    Parameters
    ----------
    agent : Agent
        Edited or not.
    pairs : Pairs
    layer : str
    num_pairs : int
        Most pairs that are looked at.
    """
    chosen = evenly(np.arange(len(pairs.shown)), num_pairs)
    total = np.zeros(agent.layer_shape(layer)[0])
    for start in range(0, len(chosen), BATCH):
        part = chosen[start : start + BATCH]
        shown, hidden = pairs.shown[part], pairs.hidden[part]
        here, there = (agent.activations(layer, frames).double() for frames in (shown, hidden))
        head, wanted = agent.head(layer, shown), torch.tensor(_policy(agent, hidden))
        for alpha in POINTS:
            point = (there + alpha * (here - there)).to(agent.network.like.dtype).requires_grad_()
            with torch.enable_grad():
                found = head(point).logits.double().cpu().log_softmax(1)
                divergence = (wanted.exp() * (wanted - found)).sum()
                (gradient,) = torch.autograd.grad(divergence, point)
            total += ((here - there) * gradient).sum((0, 2, 3)).cpu().numpy() / len(POINTS)
    return total / len(chosen)


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
