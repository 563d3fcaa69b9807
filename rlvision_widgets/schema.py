"""The data contract: which node of a study holds which variables, with their dims, dtypes and units.

A study is an `xarray.DataTree`. Its root is the rollout; layers, their features and their attributions hang below
it (`NODES`). Dimension names and variable names are disjoint, so that no variable turns into an index by accident.
Everything here is numpy and xarray: a study opens without torch and without the environment that it came from.

`Selection` is what views and computations point at; `Output` is the network output that an attribution explains.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import numpy as np
import xarray as xr

from rlvision_widgets.names import unknown

__all__ = [
    "ACTIVITY",
    "BRANCH",
    "CHUNK",
    "COUNTERFACTUAL",
    "EDITED_FRAME",
    "EDITS",
    "ENDING",
    "EXAMPLES",
    "FEATURE_COLOURS",
    "GRID",
    "INPUT_LAYER",
    "LAYER",
    "MEASURED",
    "NODES",
    "OBSERVATIONS",
    "OUTPUT",
    "RACE",
    "ROLLOUT",
    "SCHEMA_VERSION",
    "STATES",
    "STORY",
    "WORLD",
    "Output",
    "SchemaError",
    "Selection",
    "Spec",
    "Variable",
    "check",
]

SCHEMA_VERSION = 1
CHUNK = 64  # steps that are stored, computed and sent together

# The observation itself as a layer: its cells are the pixels, its channels red, green and blue in 0..1. What is stored
# of it are plain gradients (method "gradients"), in units of the output per full brightness.
INPUT_LAYER = "input"

# Okabe and Ito's eight colours that are told apart with every kind of colour vision; feature i has colour i mod 8.
FEATURE_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999")


@dataclass(frozen=True)
class Variable:
    """One array of a node.

    Parameters
    ----------
    dims : str
        Dimension names in storage order, separated by blanks.
    dtype : str
        A numpy dtype, or ``"str"`` for text.
    units : str
        Units or meaning of one number.
    optional : bool
        Whether a valid node may lack it.
    """

    dims: str
    dtype: str
    units: str
    optional: bool = False

    def differences(self, name: str, found: xr.Variable) -> Iterator[str]:
        """Yield a line for each way in which `found` is not this variable."""
        dims = tuple(self.dims.split())
        if found.dims != dims:
            yield f"{name}: dims ({', '.join(map(str, found.dims))}), expected ({', '.join(dims)})"
        if not (found.dtype.kind in "UOT" if self.dtype == "str" else found.dtype == np.dtype(self.dtype)):
            yield f"{name}: dtype {found.dtype}, expected {self.dtype}"


@dataclass(frozen=True)
class Spec:
    """What one node holds. Further variables and attributes are allowed.

    Parameters
    ----------
    name : str
        What messages call the node's contents.
    variables : mapping of str to Variable
        Its arrays; coordinates are among them.
    attrs : tuple of str
        The attributes that must be there.
    """

    name: str
    variables: Mapping[str, Variable]
    attrs: tuple[str, ...] = ()


ROLLOUT = Spec(
    "rollout",
    {
        "observation": Variable("trajectory step height width rgb", "uint8", "what the agent saw, 0-255"),
        "action": Variable("trajectory step", "int32", "index into attrs['action_names']"),
        "reward": Variable("trajectory step", "float32", "what the action of this step earned, raw task reward"),
        "first": Variable("trajectory step", "bool", "this observation opens an episode"),
        "completed": Variable("trajectory step", "bool", "the action of this step completed the level"),
        "policy_logits": Variable("trajectory step logit", "float32", "unnormalised log-probabilities"),
        "value": Variable("trajectory step", "float32", "discounted return in raw task reward", optional=True),
        "advantage": Variable("trajectory step", "float32", "GAE, raw task reward; NaN: unknown", optional=True),
        "final_value": Variable("trajectory", "float32", "value of the observation after the last step", optional=True),
        "final_first": Variable("trajectory", "bool", "the action of the last step ended its episode", optional=True),
        "episode": Variable("trajectory step", "int32", "number of the episode within its trajectory, from 0"),
        "level_seed": Variable("trajectory step", "int32", "the seed that the level was generated from"),
        "env_state": Variable("trajectory keyframe byte", "uint8", "emulator state, zero-padded", optional=True),
        "env_state_size": Variable("trajectory keyframe", "int32", "bytes of env_state in use", optional=True),
        "keyframe_step": Variable(
            "keyframe", "int32", "the step that the state is of, before its action", optional=True
        ),
    },
    (
        "schema_version",
        "package_version",
        "environment",
        "environment_options",
        "environment_package",
        "seed",
        "agent",
        "checkpoint",
        "gamma",
        "gae_lambda",
        "edits",
        "action_names",
        "value_scale",
    ),
)
OBSERVATIONS = Spec(
    "observations",
    {"observation": Variable("sample height width rgb", "uint8", "decorrelated frames, 0-255")},
)
STATES = Spec(
    "states",
    {
        "env_state": Variable("trajectory keyframe byte", "uint8", "emulator state, zero-padded"),
        "size": Variable("trajectory keyframe", "int32", "bytes of env_state in use"),
        "keyframe_step": Variable("keyframe", "int32", "the step that the state is of, before its action"),
    },
)
LAYER = Spec(
    "layer",
    {
        "direction": Variable("feature channel", "float32", "non-negative direction in channel space"),
        "feature_name": Variable("feature", "str", "name shown in views"),
        "colour": Variable("feature", "str", "#rrggbb"),
        "stability": Variable("feature", "float32", "mean cosine with its partner in other fits", optional=True),
    },
    ("layer", "layer_height", "layer_width", "pixels_per_cell", "method", "seed"),
)
OUTPUT = Spec(
    "attribution",
    {
        "attribution": Variable("trajectory step y x feature", "int8", "times scale: units of the output"),
        "residual": Variable("trajectory step y x", "int8", "times scale: what the features leave unexplained"),
        "scale": Variable("trajectory step", "float32", "units of the output per int8 step; NaN: it is not finite"),
        "largest": Variable("trajectory step", "float32", "largest |attribution| of the step", optional=True),
        "total": Variable("trajectory step feature", "float32", "attribution summed over y and x, before rounding"),
        "residual_total": Variable("trajectory step", "float32", "residual summed over y and x, before rounding"),
        # of the input's plain gradients: F(x) - F(0) - the sum of gradient times pixel
        "completeness_error": Variable("trajectory step", "float32", "F(a) - F(0) - sum; NaN also where it is none"),
        "num_points": Variable("trajectory step", "int16", "points of the integral; 0: not computed yet"),
    },
    ("output", "rule", "tolerance", "baseline_output", "display_scale"),
)
EXAMPLES = Spec(
    "examples",
    {
        "source": Variable("feature rank", "int32", "index of the sample in /observations"),
        "row": Variable("feature rank", "int32", "layer cell, from the top"),
        "column": Variable("feature rank", "int32", "layer cell, from the left"),
        "strength": Variable("feature rank", "float32", "activation along the feature's direction"),
        "patch": Variable("feature rank patch_height patch_width rgb", "uint8", "pixels around the cell, 0-255"),
    },
)
GRID = Spec(
    "grid",
    {
        "source": Variable(
            "feature grid_y grid_x", "int32", "sample in /observations; or trajectory * num_steps + step of the rollout"
        ),
        "strength": Variable("feature grid_y grid_x", "float32", "activation along the feature's direction"),
        "row": Variable("grid_y", "float32", "place in layer cells; 0 is the middle of the first"),
        "column": Variable("grid_x", "float32", "place in layer cells; 0 is the middle of the first"),
    },
    ("density", "most_uses", "num_observations"),
)
ACTIVITY = Spec(
    "activity",
    {
        "histogram": Variable("feature bin", "int64", "cells of /observations by activation, in steps of bin_width"),
        "bin_width": Variable("feature", "float32", "activation along the feature's direction"),
        "inactive": Variable("feature", "int64", "cells at which the feature is 0"),
        "band_from": Variable("feature band", "float32", "activation; NaN: the feature is never active"),
        "band_to": Variable("feature band", "float32", "activation; bands do not overlap, the strongest first"),
        "band_source": Variable("feature band rank", "int32", "index of the sample in /observations; -1: none"),
        "band_row": Variable("feature band rank", "int32", "layer cell, from the top; -1: none"),
        "band_column": Variable("feature band rank", "int32", "layer cell, from the left; -1: none"),
        "band_strength": Variable("feature band rank", "float32", "activation; NaN: none"),
        "half_mass_radius": Variable("feature", "float32", "pixels that hold half the gradient; NaN: unknown"),
        "num_gradients": Variable("feature", "int32", "examples that the radius was measured on"),
    },
    ("num_observations", "receptive_height", "receptive_width", "receptive_cut"),
)
STORY = Spec(
    "story",
    {
        "in_trajectory": Variable("note", "int32", "the trajectory that the note is about"),
        "start": Variable("note", "int32", "first step that the note is about"),
        "stop": Variable("note", "int32", "the step after the last"),
        "text": Variable("note", "str", "plain text; **bold** and [feature 3] as in `rlvision_widgets.stories`"),
        "layer": Variable("note", "str", "the layer that is shown; empty: as it is"),
        "output": Variable("note", "str", "the output that is explained; one a line if each step has its own"),
        "isolated": Variable("note", "int32", "the feature that is shown alone; -1: none"),
        "mode": Variable("note", "str", "attribution or change; empty: attribution"),
        "combine": Variable("note", "int8", "one panel instead of two; -1: as the reader has it"),
    },
    ("title",),
)
WORLD = Spec(
    "world",
    {
        "object_class": Variable("trajectory step height width", "uint8", "index into attrs['classes']"),
        "in_trajectory": Variable("object", "int32", "the trajectory that the row is about; rows are in order"),
        "at_step": Variable("object", "int32", "the step that the row is about"),
        "instance": Variable("object", "int32", "entity's index from 0; cell (i, j) of the grid: -1 - (j * width + i)"),
        "class_code": Variable("object", "uint8", "index into attrs['classes']"),
        "centre_x": Variable("object", "float32", "centre, in cells from the left"),
        "centre_y": Variable("object", "float32", "centre, in cells from the bottom"),
        "vx": Variable("object", "float32", "cells a step, to the right"),
        "vy": Variable("object", "float32", "cells a step, upwards"),
        "rx": Variable("object", "float32", "half width, in cells"),
        "ry": Variable("object", "float32", "half height, in cells"),
        "visible_pixels": Variable("object", "int32", "pixels of the observation that show it"),
        "left": Variable("object", "float32", "edge of its box, in pixels from the left; may lie outside"),
        "top": Variable("object", "float32", "edge of its box, in pixels from the top; may lie outside"),
        "right": Variable("object", "float32", "edge of its box, in pixels from the left"),
        "bottom": Variable("object", "float32", "edge of its box, in pixels from the top"),
    },
    ("classes", "colours", "grid_width"),
)
ENDING = Spec(
    "endings",
    {
        "in_trajectory": Variable("ending", "int32", "the trajectory that the row is about; rows are in order"),
        "at_step": Variable("ending", "int32", "the step whose action ended the episode"),
        "in_episode": Variable("ending", "int32", "number of the episode within its trajectory, from 0"),
        "cause": Variable("ending", "str", "what ended it, in words"),
        "num_causes": Variable("ending", "int32", "how many things at once"),
        "objects": Variable("ending", "str", "the things among them, in the state of that step: entity 5; cell 12,3"),
        "sufficient": Variable("ending", "bool", "with the causes alone armed, the step ends the episode"),
        "necessary": Variable("ending", "bool", "with all but the causes armed, it does not"),
        "has_frame": Variable("ending", "bool", "the last frame is known"),
        "frame": Variable("ending height width rgb", "uint8", "what the last action led to, 0-255; no agent saw it"),
    },
)
BRANCH = Spec(
    "branch",
    {
        "observation": Variable(
            "branch branch_step height width rgb", "uint8", "what the agent saw; then the last frame"
        ),
        "action": Variable("branch branch_step", "int32", "index into attrs['action_names']; -1: after the end"),
        "reward": Variable("branch branch_step", "float32", "raw task reward; NaN: after the end"),
        "policy_logits": Variable("branch branch_step branch_logit", "float32", "NaN: after the end"),
        "value": Variable("branch branch_step", "float32", "raw task reward; NaN: after the end", optional=True),
        "ended": Variable("branch branch_step", "bool", "the action of this step ended the episode"),
        "completed": Variable("branch branch_step", "bool", "the action of this step completed the level"),
        "alive": Variable("branch branch_time", "bool", "the episode goes on after this many steps"),
        "num_taken": Variable("branch", "int32", "steps until the episode or the branch ended"),
        "cause": Variable("branch", "str", "what ended the episode; empty: it goes on"),
        "survival": Variable("branch_time", "float32", "share that has not failed after this many steps"),
        "survival_low": Variable("branch_time", "float32", "95 % interval, from"),
        "survival_high": Variable("branch_time", "float32", "95 % interval, to"),
    },
    ("name", "trajectory", "step", "seed", "agent", "checkpoint", "edits", "described", "actions", "action_names"),
)
COUNTERFACTUAL = Spec(
    "counterfactual",  # the dim version: before the edits, after them
    {
        "observation": Variable("version height width rgb", "uint8", "what the agent sees, 0-255"),
        "instance": Variable("version height width", "int32", "which thing is visible: entity, or -1 - grid cell"),
        "object_class": Variable("version height width", "uint8", "what kind of thing: its place in told['classes']"),
        "value": Variable("version", "float32", "discounted return in raw task reward; NaN: the agent has no value"),
        "policy_logits": Variable("version logit", "float32", "unnormalised log-probabilities"),
        "output_value": Variable("version", "float32", "the output that is explained"),
        "attribution": Variable("version y x feature", "int8", "times scale: units of the output"),
        "residual": Variable("version y x", "int8", "times scale: what the features leave unexplained"),
        "scale": Variable("version", "float32", "units of the output per int8 step; NaN: it is not finite"),
        "largest": Variable("version", "float32", "largest |attribution|"),
        "total": Variable("version feature", "float32", "attribution summed over y and x, before rounding"),
        "residual_total": Variable("version", "float32", "residual summed over y and x, before rounding"),
        "completeness_error": Variable("version", "float32", "F(a) - F(0) - sum; NaN also where it is none"),
        "num_points": Variable("version", "int32", "points of the integral"),
    },
    ("trajectory", "step", "edits", "actions", "layer", "output", "told", "label", "has_effects", "features", "number"),
)
EDITED_FRAME = Spec(
    "edited frame",  # the dim version: the original agent, the edited one
    {
        "observation": Variable("height width rgb", "uint8", "what both see, 0-255"),
        "value": Variable("version", "float32", "discounted return in raw task reward; NaN: the agent has no value"),
        "policy_logits": Variable("version logit", "float32", "unnormalised log-probabilities"),
        "output_value": Variable("version", "float32", "the output that is explained"),
        "attribution": Variable("version y x feature", "int8", "times scale: units of the output"),
        "residual": Variable("version y x", "int8", "times scale: what the features leave unexplained"),
        "scale": Variable("version", "float32", "units of the output per int8 step; NaN: it is not finite"),
        "largest": Variable("version", "float32", "largest |attribution|"),
        "total": Variable("version feature", "float32", "attribution summed over y and x, before rounding"),
        "residual_total": Variable("version", "float32", "residual summed over y and x, before rounding"),
        "completeness_error": Variable("version", "float32", "F(a) - F(0) - sum; NaN also where it is none"),
        "num_points": Variable("version", "int32", "points of the integral"),
    },
    ("question", "told", "number"),
)
RACE = Spec(
    "race",  # the dim version: the original agent, the edited one
    {
        "observation": Variable("version played height width rgb", "uint8", "what each sees; then its last frame"),
        "value": Variable("version race_step", "float32", "raw task reward; NaN: after the end, or without a value"),
        "policy_logits": Variable("version race_step logit", "float32", "NaN: after the end"),
        "action": Variable("version race_step", "int32", "index into action_names; -1: after the end"),
        "reward": Variable("version race_step", "float32", "raw task reward; 0: after the end"),
    },
    ("question", "told", "number"),
)
MEASURED = Spec("measured edit", {}, ("question", "told", "number"))
EDITS = Spec("edits", {}, ("name", "edits", "described", "note"))  # of the agent; edits and described are JSON lists
NODES = {  # path of a node in a study, "*" for one name → what it holds. Other nodes are the user's.
    "/": ROLLOUT,
    "/observations": OBSERVATIONS,
    "/states": STATES,
    "/layers/*": LAYER,
    "/layers/*/outputs/*": OUTPUT,
    "/layers/*/examples": EXAMPLES,
    "/layers/*/activity": ACTIVITY,
    "/layers/*/grids/*/*": GRID,
    "/stories/*": STORY,
    "/world": WORLD,
    "/endings": ENDING,
    "/branches/*": BRANCH,
    "/counterfactuals/*": COUNTERFACTUAL,
    "/edits/*": EDITS,
    "/edited/frames/*": EDITED_FRAME,
    "/edited/races/*": RACE,
    "/edited/measured/*": MEASURED,
}


class SchemaError(ValueError):
    """Data that do not follow the contract; the message lists every difference."""


def check(data: xr.Dataset | xr.DataTree, spec: Spec | None = None) -> None:
    """Check that `data` follow the contract.

    Parameters
    ----------
    data : Dataset or DataTree
        One node, or (without `spec`) a whole study.
    spec : Spec, optional
        What the node should hold. None checks every node of a tree that `NODES` knows.

    Raises
    ------
    SchemaError
        Listing all differences at once: what is missing; dims and dtypes, found and expected.
    """
    if spec is not None:
        found = list(_differences(data, spec))
    elif isinstance(data, xr.DataTree):
        found = list(_tree_differences(data))
    else:
        raise TypeError("check needs the spec of a Dataset, for instance check(dataset, ROLLOUT)")
    if found:
        what = spec.name if spec is not None else "study"
        raise SchemaError(f"this is no valid {what}:\n" + "\n".join(f"- {line}" for line in found))


def _tree_differences(tree: xr.DataTree) -> Iterator[str]:
    for node in tree.subtree:
        path = "/" + node.relative_to(tree).strip("./")
        spec = next((s for pattern, s in NODES.items() if _matches(path, pattern)), None)
        if spec is not None:
            yield from (line if path == "/" else f"{path}: {line}" for line in _differences(node, spec))


def _matches(path: str, pattern: str) -> bool:
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)


def _differences(data: xr.Dataset | xr.DataTree, spec: Spec) -> Iterator[str]:
    for name, variable in spec.variables.items():
        if name in data.variables:
            yield from variable.differences(name, data.variables[name])
        elif not variable.optional:
            yield f"{name}: missing, expected ({', '.join(variable.dims.split())}) {variable.dtype}"
    for name in spec.attrs:
        if name not in data.attrs:
            yield f"attrs[{name!r}]: missing"
    for both in data.variables:
        if both in data.sizes:
            yield f"{both}: is both a variable and a dimension"
    if data.sizes.get("rgb", 3) != 3:
        yield f"rgb: {data.sizes['rgb']} colours, expected 3"


@dataclass(frozen=True)
class Selection:
    """What is to be shown or computed.

    Parameters
    ----------
    trajectory : int or None
        None for all.
    steps : slice
        Steps of the trajectory, from 0.
    layer, output : str
        Whose activations are explained, and what about them.
    feature : int or None
        One feature of the layer; None for all.
    """

    trajectory: int | None = None
    steps: slice = field(default_factory=lambda: slice(None))
    layer: str = ""
    output: str = "value"
    feature: int | None = None


@dataclass(frozen=True)
class Output:
    """A network output to explain; made by `Output.parse`.

    Parameters
    ----------
    kind : str
        ``value``; ``logit`` of an action; ``centred`` (logit minus the mean of all logits), ``log_prob``,
        ``difference`` (first action's logit minus the second's) or ``sum`` (of logits).
    actions : tuple of int
        Indices of the actions that it is about, none for the value.
    name : str
        The canonical text, which names the output's node in a study.
    """

    kind: str
    actions: tuple[int, ...]
    name: str

    @classmethod
    def parse(cls, text: str, action_names: Sequence[str]) -> "Output":
        """Read an output's name.

        Parameters
        ----------
        text : str
            ``value``, an action's name (its logit), or one of ``centred:RIGHT``, ``log_prob:RIGHT``,
            ``difference:RIGHT,LEFT`` and ``sum:RIGHT,RIGHT+UP``.
        action_names : sequence of str
            The agent's actions, in the order of its logits.

        Raises
        ------
        ValueError
            If the text names no output; with the nearest right name.
        """
        text = text.strip()
        if text == "value":
            return cls("value", (), "value")
        kind, colon, operands = text.partition(":")
        if not colon:
            kind, operands = "logit", text
        elif kind not in _ARITY:
            raise ValueError(unknown("kind of output", kind, _ARITY, f"It came in {text!r}."))
        actions = [_action(name.strip(), action_names) for name in operands.split(",")]
        if not _ARITY[kind](len(actions)) or len(set(actions)) < len(actions):
            raise ValueError(f"output {text!r}: expected {_EXPECTED[kind]}, got {operands!r}")
        if kind == "sum":
            actions.sort()
        names = ",".join(action_names[action] for action in actions)
        return cls(kind, tuple(actions), names if kind == "logit" else f"{kind}:{names}")

    def __str__(self) -> str:
        return self.name


_ARITY: dict[str, Callable[[int], bool]] = {
    "logit": lambda n: n == 1,
    "centred": lambda n: n == 1,
    "log_prob": lambda n: n == 1,
    "difference": lambda n: n == 2,
    "sum": lambda n: n >= 2,
}
_EXPECTED = {
    "logit": "one action",
    "centred": "one action",
    "log_prob": "one action",
    "difference": "two different actions",
    "sum": "two or more different actions",
}


def _action(name: str, action_names: Sequence[str]) -> int:
    if name not in action_names:
        hint = "'value' explains the value; 'centred:', 'log_prob:', 'difference:' and 'sum:' go before actions."
        raise ValueError(unknown("output", name, ["value", *action_names], hint))
    return list(action_names).index(name)
