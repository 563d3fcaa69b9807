"""Changes of a network, as data: they compare, go through JSON, and compose in order. `edited_agent` applies them.

An edit is about one layer, and carries its numbers, so that it needs no study. Its `strength` runs from -2 to 2: 0
leaves the network as it is, 1 is the whole edit, a negative one is the opposite (of an ablation: amplifies). With a
`checkpoint` it is of that agent alone, and refused by others.

References
----------
Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020, appendix A (projection of a kernel).
Turner et al., "Steering Language Models With Activation Engineering", 2023 (difference vectors).
Belrose et al., "LEACE: Perfect linear concept erasure in closed form", NeurIPS 2023, theorem 4.3.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents import edit_values as fields
from rlvision_widgets.agents.edit_fitting import Frames, feature_of, frames_of, mean_difference, replacements
from rlvision_widgets.edit_data import EditData, EditLanguage
from rlvision_widgets.names import strict_keywords

if TYPE_CHECKING:
    from rlvision_widgets.agents.agent import Agent

__all__ = [
    "Ablate",
    "AblateChannels",
    "EraseConcept",
    "NetworkEdit",
    "Steer",
    "describe_network_edit",
    "network_edits_from",
    "network_edits_to_json",
]

WHERE = ("next_kernel", "layer")
METHODS = ("zero", "mean", "resample")
Vector = Sequence[float] | npt.NDArray[np.floating[Any]]  # once made, a tuple


@dataclass(frozen=True)
class _Edit(EditData):
    """What all kinds check."""

    def __post_init__(self) -> None:
        self._settle(layer=fields.text, strength=fields.strength)
        checkpoint = getattr(self, "checkpoint", "")
        object.__setattr__(self, "checkpoint", fields.text(f"{self.kind}: checkpoint", checkpoint, True))

    def _settle(self, **checks: Any) -> None:
        for name, check in checks.items():
            object.__setattr__(self, name, check(f"{self.kind}: {name}", getattr(self, name)))


@dataclass(frozen=True)
class Ablate(_Edit):
    """Project a direction out: P = I - strength · v vᵀ / |v|².

    Out of the next kernel (the article's), what is read from the layer, pooled or not, loses the direction for that
    kernel; views still show it. At the layer, its activations lose it for all that follows. The two are the same
    where nothing lies between layer and kernel, and differ where a pooling does.

    Parameters
    ----------
    layer : str
        Whose channels the direction is of.
    direction : sequence of float, (channel,)
        v; its length does not matter.
    strength : float
        1 removes the direction, -1 doubles it.
    where : "next_kernel" or "layer"
        What is projected: the in-channels of the next kernel, or the activations.
    name : str
        What the direction is, for people.
    checkpoint : str
        The agent that it was made for; empty: any.
    """

    kind: ClassVar[str] = "ablate"
    layer: str
    direction: Vector
    strength: float = 1.0
    where: str = "next_kernel"
    name: str = ""
    checkpoint: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(direction=fields.vector, name=lambda what, name: fields.text(what, name, True))
        object.__setattr__(self, "where", fields.option("place of an ablation", self.where, WHERE))

    @classmethod
    @strict_keywords
    def feature(cls, study: xr.DataTree, layer: str, k: int, strength: float = 1.0, where: str = "next_kernel") -> Self:
        """Return the ablation of a feature of a study.

        Parameters
        ----------
        study : DataTree
            With features of the layer.
        layer : str
            One of the study's.
        k : int
            Number of the feature, from 0.
        strength, where
            As in the class.

        Raises
        ------
        ValueError
            When the study has no such layer or feature.
        """
        direction, name = feature_of(study, layer, k)
        return cls(layer, direction, strength, where, name, str(study.attrs.get("checkpoint", "")))


@dataclass(frozen=True)
class AblateChannels(_Edit):
    """Replace channels of a layer: a ← a + strength · (replacement - a).

    Parameters
    ----------
    layer : str
        Whose channels.
    channels : sequence of int
        Which.
    strength : float
        1 replaces all of them.
    method : "zero", "mean" or "resample"
        By 0; by each one's mean; or by the maps of another observation, which one a hash of the observation says, so
        that an observation gives the same in any batch. The last two stay near what the network knows.
    values : sequence of float, (channel,), optional
        Means, one a channel of `channels`.
    reference : str, optional
        Maps to draw from (`fitted` makes the text).
    checkpoint : str
        The agent that it was made for; empty: any.
    """

    kind: ClassVar[str] = "ablate_channels"
    layer: str
    channels: tuple[int, ...]
    strength: float = 1.0
    method: str = "zero"
    values: Vector = ()
    reference: str = ""
    checkpoint: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(channels=fields.channels, reference=lambda what, text: fields.text(what, text, True))
        object.__setattr__(self, "method", fields.option("method of ablating channels", self.method, METHODS))
        means = () if not np.size(self.values) else fields.vector(f"{self.kind}: values", self.values, zero=True)
        object.__setattr__(self, "values", means)
        wanted = len(self.channels) if self.method == "mean" else 0
        if len(self.values) != wanted or bool(self.reference) != (self.method == "resample"):
            raise ValueError(
                f"ablating channels by {self.method!r} takes {wanted or 'no'} values and "
                f"{'a' if self.method == 'resample' else 'no'} reference; AblateChannels.fitted(agent, study, layer, "
                "channels, method) finds them."
            )
        if self.reference and self.maps.shape[1] != len(self.channels):
            raise ValueError(f"the reference has {self.maps.shape[1]} channels, expected {len(self.channels)}.")

    @property
    def maps(self) -> fields.Maps:
        """The maps to draw from, float16 (sample, channel, y, x)."""
        return fields.maps_from(f"{self.kind}: reference", self.reference)

    @classmethod
    @strict_keywords
    def fitted(
        cls,
        agent: "Agent",
        study: "xr.DataTree | Frames",
        layer: str,
        channels: Sequence[int],
        method: str = "mean",
        *,
        strength: float = 1.0,
        num_frames: int = 256,
        num_references: int = 16,
    ) -> Self:
        """Return the ablation of channels with means or references from frames of a study.

        Parameters
        ----------
        agent : Agent
            Whose layer it is.
        study : DataTree, or uint8 array, (frame, height, width, rgb)
            Of its decorrelated observations (or the rollout, where it has none), `num_frames` are taken, evenly
            spaced, for means; `num_references` for resampling.
        layer, channels, method, strength
            As in the class.
        num_frames, num_references : int
            How many frames.
        """
        chosen = fields.channels("ablate_channels: channels", channels)
        frames = frames_of(study, num_references if method == "resample" else num_frames)
        means, reference = replacements(agent, layer, chosen, method, frames)
        return cls(layer, chosen, strength, method, means, reference, agent.checkpoint)


@dataclass(frozen=True)
class Steer(_Edit):
    """Add a vector to a layer's activations: a ← a + strength · direction.

    Parameters
    ----------
    layer : str
        Whose activations.
    direction : sequence of float, (channel,) or (channel, y, x)
        In units of activation; the same for all cells, or one for each.
    strength : float
        -1 subtracts it.
    name : str
        What the direction is, for people.
    checkpoint : str
        The agent that it was made for; empty: any.
    """

    kind: ClassVar[str] = "steer"
    layer: str
    direction: Any
    strength: float = 1.0
    name: str = ""
    checkpoint: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(
            direction=lambda what, given: fields.vector(what, given, (1, 3)),
            name=lambda what, name: fields.text(what, name, True),
        )

    @classmethod
    @strict_keywords
    def difference(
        cls,
        agent: "Agent",
        layer: str,
        with_: Frames,
        without: Frames,
        *,
        strength: float = 1.0,
        per_cell: bool = False,
        name: str = "",
    ) -> Self:
        """Return the mean difference of activations between pairs of frames: with something, and without it.

        Parameters
        ----------
        agent : Agent
            Whose activations.
        layer : str
            One of its layers.
        with_, without : uint8 array, (frame, height, width, rgb)
            One pair a row, e.g. a frame and the same with the saws removed. Strength -1 then acts as if the thing were
            not there.
        strength, name
            As in the class.
        per_cell : bool
            One vector for each cell, (channel, y, x), instead of their mean: where the thing was, counts.

        Raises
        ------
        ValueError
            When there are not as many frames with as without, or no pair differs.
        """
        apart = mean_difference(agent, layer, with_, without)
        direction = fields.short(apart if per_cell else apart.mean((1, 2)))
        return cls(layer, direction, strength, name or "difference of frames", agent.checkpoint)


@dataclass(frozen=True)
class EraseConcept(_Edit):
    """Erase what a linear predictor could tell of a concept: a ← a + strength · (matrix · a + bias - a).

    Least-squares concept erasure: the smallest change in the mean square after which no linear classifier of a cell's
    activations does better than a constant one. `rlv.erase_concept` fits it to a class of objects.

    Parameters
    ----------
    layer : str
        Whose activations.
    matrix : (channel, channel)
        What is kept.
    bias : (channel,)
        Keeps the mean where it was.
    strength : float
        1 erases.
    concept : str
        What is erased.
    checkpoint : str
        The agent that it was made for; empty: any.
    """

    kind: ClassVar[str] = "erase"
    layer: str
    matrix: Sequence[Sequence[float]] | npt.NDArray[np.floating[Any]]
    bias: Vector
    strength: float = 1.0
    concept: str = ""
    checkpoint: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._settle(matrix=fields.matrix, concept=lambda what, name: fields.text(what, name, True))
        self._settle(bias=lambda what, given: fields.vector(what, given, zero=True))
        if len(self.bias) != len(self.matrix):
            raise ValueError(f"erase: bias has {len(self.bias)} channels, the matrix {len(self.matrix)}.")


NetworkEdit = Ablate | AblateChannels | Steer | EraseConcept
KINDS: dict[str, type[_Edit]] = {kind.kind: kind for kind in (Ablate, AblateChannels, Steer, EraseConcept)}
LANGUAGE = EditLanguage(
    "network edit",
    "a",
    "rlv.Ablate('2b', direction)",
    "network_edits_to_json",
    "Edits of the world (rlv.Hide, …) go to `world` or rlv.edited_environment.",
)


def network_edits_from(edits: "str | NetworkEdit | Mapping[str, Any] | Iterable[Any]") -> tuple[NetworkEdit, ...]:
    """Read network edits from JSON (`network_edits_to_json`), dicts of it, or edits.

    Raises
    ------
    TypeError, ValueError
        When a text is no JSON, or a kind, field or value is none; names the nearest right one.
    """
    return cast("tuple[NetworkEdit, ...]", LANGUAGE.read(edits, _Edit, KINDS))


def network_edits_to_json(edits: "NetworkEdit | Iterable[Any]") -> str:
    """Return network edits as JSON, from which `network_edits_from` makes equal ones."""
    return json.dumps([edit.to_dict() for edit in network_edits_from(edits)])


def describe_network_edit(edit: NetworkEdit) -> str:
    """Return a short text that says what an edit does: ``"feature 3 (saw) removed from what reads 2b"``."""
    if isinstance(edit, Ablate):
        place = f"from {edit.layer}" if edit.where == "layer" else f"from the kernel after {edit.layer}"
        said = f"{edit.name or 'a direction'} removed {place}"
    elif isinstance(edit, AblateChannels):
        plural = "s" if len(edit.channels) > 1 else ""
        how = {"zero": "set to 0", "mean": "set to the mean", "resample": "resampled"}[edit.method]
        said = f"channel{plural} {', '.join(map(str, edit.channels))} of {edit.layer} {how}"
    elif isinstance(edit, Steer):
        said = f"{edit.layer} steered along {edit.name or 'a direction'}"
    else:
        said = f"{edit.concept or 'a concept'} erased from {edit.layer}"
    return said if edit.strength == 1 else f"{said}, strength {edit.strength:g}"
