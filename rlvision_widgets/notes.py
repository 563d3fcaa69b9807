"""A note of a story: what is said about some steps, what is shown meanwhile, and whether it fits a study."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import xarray as xr

from rlvision_widgets.names import strict_keywords, unknown
from rlvision_widgets.schema import INPUT_LAYER, Output

__all__ = ["AUTOMATIC", "Note", "outputs_of", "problems", "settled"]

AUTOMATIC = ("likeliest", "taken")  # in an output, in place of an action's name
REFERENCE = re.compile(r"\[feature (\d+)(?: of ([^\]\n]+))?\]")  # as in `js/core/story.ts`

Mode = Literal["attribution", "change"]


@dataclass(frozen=True)
class Note:
    """What is to be said about some steps, and what the views show while they are read.

    Parameters
    ----------
    text : str
        Plain text; see `rlvision_widgets.stories` for feature names in it.
    steps : slice or int
        The steps that it is about, ``slice(start, stop)`` as everywhere in Python; an int is a single step.
    trajectory : int, optional
        None: the story's.
    layer : str, optional
        None: the middle one of the layers that the study holds, as in the explorer.
    output : str or sequence of str, optional
        The output that is explained, as in `attribute`; one for all of the steps, or one for each. ``likeliest`` in
        place of an action's name is the most probable action of each step, ``taken`` the one that was played:
        ``"likeliest"``, ``"centred:likeliest"``, ``"log_prob:taken"``. None: the value, or what else the study holds.
    feature : int or str, optional
        The feature that is shown alone, by its number or its name; the number of features stands for the residual.
        None: all.
    mode : "attribution" or "change", optional
        Attribution itself (None), or what changed since the step before.
    combine : bool, optional
        One panel for what raises and what lowers the output. None: as the reader has it.
    """

    text: str
    steps: slice | int
    trajectory: int | None = None
    layer: str | None = None
    output: str | Sequence[str] | None = None
    feature: int | str | None = None
    mode: Mode | None = None
    combine: bool | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise TypeError(f"a note's text is a str, got {type(self.text).__name__}")
        if any(0xD800 <= ord(letter) < 0xE000 for letter in self.text):
            raise ValueError("a note's text holds half a surrogate pair, which no file can: was it decoded wrongly?")
        object.__setattr__(self, "steps", _checked_steps(self.steps))
        if self.output is not None and not isinstance(self.output, str):
            object.__setattr__(self, "output", self._outputs(self.output))
        if self.mode not in {None, "attribution", "change"}:
            raise ValueError(unknown("mode", self.mode, ("attribution", "change")))

    @property
    def start(self) -> int:
        """Return the first step."""
        return int(self.steps.start)  # type: ignore[union-attr]

    @property
    def stop(self) -> int:
        """Return the step after the last."""
        return int(self.steps.stop)  # type: ignore[union-attr]

    def _outputs(self, outputs: Sequence[str]) -> str | tuple[str, ...]:
        count = self.stop - self.start
        if len(outputs) != count:
            raise ValueError(
                f"a note takes one output, or one for each of its {count} steps; got {len(outputs)}: {outputs}"
            )
        return outputs[0] if len(set(outputs)) == 1 else tuple(outputs)


Note.__init__ = strict_keywords(Note.__init__)  # type: ignore[method-assign]


def problems(study: xr.DataTree, note: Note, where: str) -> Iterator[str]:
    """Yield a line, which starts with `where`, for each way in which a note does not fit a study."""
    trajectories, steps = study.sizes["trajectory"], study.sizes["step"]
    if not 0 <= (note.trajectory or 0) < trajectories:
        yield f"{where}: trajectory {note.trajectory}; there are {trajectories}, from 0"
    if note.stop > steps:
        yield f"{where}: steps {note.start} to {note.stop - 1}; the last step is {steps - 1}"
    for output in outputs_of(note):
        try:
            _parse(output, _actions(study))
        except ValueError as error:
            yield f"{where}: {error}"
    layers = _layers(study)
    if note.layer is not None and layers and note.layer not in layers:
        # A layer that is not stored can be computed, if the agent has it; what it is called cannot be known here.
        if note.feature is not None:
            yield f"{where}: {unknown('layer', note.layer, layers)} Its features are not computed yet."
        return
    yield from _feature_problems(layers, note, where)


def _feature_problems(layers: dict[str, list[str]], note: Note, where: str) -> Iterator[str]:
    shown = note.layer or _middle(list(layers))
    names = layers.get(shown, [])
    if isinstance(note.feature, str) and note.feature not in names:
        yield f"{where}: {unknown('feature', note.feature, names)}"
    elif isinstance(note.feature, int) and not 0 <= note.feature <= len(names):
        yield f"{where}: feature {note.feature}; layer {shown!r} has {len(names)}, from 0; {len(names)} is the residual"
    for number, of in REFERENCE.findall(note.text):
        count = len(layers.get(of or shown, []))
        if int(number) >= count:
            yield f"{where}: the text refers to feature {number} of layer {of or shown!r}, which has {count}, from 0"


def settled(study: xr.DataTree, note: Note) -> Note:
    """Return a note that says all it needs, so that it means the same to every reader and later."""
    layers = _layers(study)
    layer = note.layer or _middle(list(layers))
    feature = layers[layer].index(note.feature) if isinstance(note.feature, str) else note.feature
    actions = _actions(study)
    outputs = [_parse(output, actions) for output in outputs_of(note)] or [_default_output(study, layer)]
    output = outputs[0] if len(outputs) == 1 else outputs
    return replace(note, layer=layer or None, output=output, feature=feature)


def _checked_steps(steps: object) -> slice:
    if isinstance(steps, int | np.integer) and not isinstance(steps, bool):
        steps = slice(int(steps), int(steps) + 1)
    if isinstance(steps, slice) and steps.step in {None, 1}:
        bounds = steps.start, steps.stop
        if all(isinstance(bound, int | np.integer) for bound in bounds) and 0 <= steps.start < steps.stop:
            return slice(int(steps.start), int(steps.stop))
    raise ValueError(f"a note's steps are an int or slice(start, stop) with 0 <= start < stop, got {steps!r}")


def outputs_of(note: Note) -> list[str]:
    """Return the outputs of a note: none, one, or one for each of its steps."""
    if note.output is None:
        return []
    return [note.output] if isinstance(note.output, str) else list(note.output)


def _parse(output: str, actions: Sequence[str]) -> str:
    """Return an output's canonical name; the automatic actions are kept as they are."""
    return Output.parse(output, [*actions, *(word for word in AUTOMATIC if word not in actions)]).name


def _actions(study: xr.DataTree) -> list[str]:
    return [str(name) for name in study.attrs["action_names"]]


def _layers(study: xr.DataTree) -> dict[str, list[str]]:
    """Return the stored layers and the names of their features."""
    nodes = study["layers"].children if "layers" in study.children else {}
    return {name: node.dataset["feature_name"].values.astype(object).tolist() for name, node in nodes.items()}


def _middle(layers: Sequence[str]) -> str:
    hidden = [layer for layer in layers if layer != INPUT_LAYER] or list(layers)
    return hidden[len(hidden) // 2] if hidden else ""


def _default_output(study: xr.DataTree, layer: str) -> str:
    node = study["layers"].children.get(layer) if "layers" in study.children else None
    outputs = list(node["outputs"].children) if node is not None and "outputs" in node.children else []
    return "value" if "value" in outputs or not outputs else str(outputs[0])
